// The functions of `ops` against Keras: values, and gradients by both operands.
import { input, model, ops, type SymbolicTensor, type Tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  BOUNDS,
  DEVICES,
  expectGradients,
  GoldenCase,
  goldenCases,
  on,
  outputError,
} from '../support/golden.js';

type Build = (
  ...operands: (SymbolicTensor | { axis: number[]; keepdims: true })[]
) => SymbolicTensor;

const inputFor = (name: string, { shape }: Tensor) => input({ name, shape: shape.slice(1) });

describe.each(DEVICES)('ops on %s', (device) => {
  it.each(goldenCases('layers/ops'))('%s', async (id) => {
    const golden = new GoldenCase(id);
    const { axis } = golden.info as { axis?: number[] };
    const data = Object.fromEntries(
      ['x', 'y'].filter((name) => golden.has(name)).map((name) => [name, golden.tensor(name)]),
    );
    const outputs = golden.group('output');
    const expected = { x: golden.group('gradient'), y: golden.group('otherGradient') };
    const cotangents = golden.group('cotangent');
    for (const [name, output] of Object.entries(outputs)) {
      const inputs = Object.entries(data).map(([key, value]) => inputFor(key, value));
      const build = ops[name as keyof typeof ops] as unknown as Build;
      const m = model({
        inputs,
        outputs: axis ? build(...inputs, { axis, keepdims: true }) : build(...inputs),
      });
      const call = { ...on(device) };
      const result = await m.vjp(data, cotangents[name] as Tensor, call);
      expect(result.outputs.shape, name).toEqual(output.shape);
      expect(outputError(result.outputs.data, output.data), name).toBeLessThanOrEqual(
        BOUNDS.output,
      );
      const gradients = result.inputGradients as Record<string, Tensor | null>;
      for (const [key, gradient] of Object.entries(gradients)) {
        const wanted = expected[key as 'x' | 'y'][name] as Tensor;
        const zero = wanted.data.every((value) => value === 0);
        if (zero) expect(gradient?.data.every((value) => value === 0) ?? true).toBe(true);
        else expectGradients(name, { [key]: gradient as Tensor }, { [key]: wanted });
      }
    }
    golden.expectAllRead();
  });
});
