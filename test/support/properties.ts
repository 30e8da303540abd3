// How properties are run and what they compare.
import fc from 'fast-check';
import type { Tensor } from 'sluice';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { distance, range } from './numbers.js';

/** The same cases on every run; a failure prints the case made small. */
const SEED = 20140625;

/** Runs a property on `runs` cases. */
export async function forAll<T>(
  cases: fc.Arbitrary<T>,
  runs: number,
  property: (value: T) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(cases, property), { seed: SEED, numRuns: runs });
}

/** For random models, which may well put a sigmoid before a loss that takes logits. */
export function hushWarnings(): void {
  beforeAll(() => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });
}

export type Named = Record<string, Tensor<'float32'> | null>;

/** Equal to the last bit, -0 and NaN included. */
export function expectSameBits(actual: Named, expected: Named): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(actual)) {
    const other = expected[name];
    expect(value?.shape, name).toEqual(other?.shape);
    const at = firstDifference(value, other);
    expect(at < 0 ? '' : `${name}[${at}]: ${value?.data[at]} instead of ${other?.data[at]}`).toBe(
      '',
    );
  }
}

function firstDifference(a: Tensor | null | undefined, b: Tensor | null | undefined): number {
  if (!a || !b) return a === b ? -1 : 0;
  const bits = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [left, right] = [bits(a), bits(b)];
  if (Buffer.compare(left, right) === 0) return -1;
  return Math.floor(left.findIndex((byte, i) => byte !== right[i]) / 4);
}

/** The bounds of docs/semantics.md. */
export const OUTPUT_BOUND = 2e-6;
export const GRADIENT_BOUND = 5e-6;
/** One rounding, relative to the largest of the terms of a sum. */
const ROUNDING = 2 ** -23;

/** Outputs of the fast device against those of the oracle. */
export function expectCloseOutputs(actual: Named, expected: Named): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(actual)) {
    expect(value?.shape, name).toEqual(expected[name]?.shape);
    const error = distance(value?.data ?? [], expected[name]?.data ?? []);
    expect(error, name).toBeLessThanOrEqual(OUTPUT_BOUND);
  }
}

/**
 * Gradients likewise: max|Δ| / max|ref|, a recurrent kernel's gate by gate.
 *
 * A gradient that is small because large terms cancel keeps the rounding errors of those terms. For
 * these the difference may be that of one rounding of the largest gradient that flows anywhere, those
 * that the outputs begin with among them.
 */
export function expectCloseGradients(actual: Named, expected: Named, ofOutputs: Named): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  const all = [...Object.values(expected), ...Object.values(ofOutputs)];
  const largest = Math.max(...all.map((value) => size(value?.data ?? [])));
  for (const [name, value] of Object.entries(actual)) {
    const other = expected[name];
    expect(value?.shape, name).toEqual(other?.shape);
    if (!value || !other) continue;
    const exact = groupsOf(name, other);
    for (const [gate, group] of groupsOf(name, value).entries()) {
      const reference = exact[gate] as Float32Array;
      const error = farthest(group, reference);
      const bound = Math.max(GRADIENT_BOUND * size(reference), ROUNDING * largest);
      expect(error, `${name}, gate ${gate}`).toBeLessThanOrEqual(bound);
    }
  }
}

/** Elements of a gradient that are measured together. */
function groupsOf(name: string, { data, shape }: Tensor): Float32Array[] {
  const columns = shape.at(-1) ?? 1;
  const gates = name.endsWith('recurrent_kernel') ? 3 : 1;
  return range(gates).map((gate) =>
    (data as Float32Array).filter((_, i) => Math.floor(((i % columns) * gates) / columns) === gate),
  );
}

/** max |a - b|; NaN where either has one. */
function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < b.length; i++) {
    most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
  }
  return most;
}

function size(values: ArrayLike<number>): number {
  return farthest(values, new Float32Array(values.length));
}
