// Numbers for tests: reproducible, and exact in float32, so that formulas in double start from the same.
import { type Tensor, tensor } from 'sluice';
import { expect } from 'vitest';

/** Uniform numbers in [-1, 1) that are float32 values; the same for the same seed. */
export function noise(count: number, seed = 1): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function noiseTensor(shape: readonly number[], seed = 1): Tensor<'float32'> {
  return tensor(noise(sizeOf(shape), seed), shape);
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The rows of a tensor as arrays of numbers. */
export function rowsOf({ data, shape }: Tensor): number[][] {
  const width = sizeOf(shape.slice(1));
  return range(shape[0] ?? 0).map((row) => Array.from(data.slice(row * width, (row + 1) * width)));
}

/** max |a - b| / max(1, max |b|): how docs/semantics.md measures outputs. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let size = 1;
  for (let i = 0; i < actual.length; i++) {
    const a = actual[i] as number;
    const b = expected[i] as number;
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
    difference = Math.max(difference, Math.abs(a - b));
    size = Math.max(size, Math.abs(b));
  }
  return difference / size;
}

export function expectClose(
  actual: ArrayLike<number> | number,
  expected: ArrayLike<number> | number,
  bound: number,
): void {
  const list = (value: ArrayLike<number> | number) => (typeof value === 'number' ? [value] : value);
  expect(distance(list(actual), list(expected))).toBeLessThanOrEqual(bound);
}
