// What stands in steps that a mask hides is never looked at.
import fc from 'fast-check';
import { input, layers, model, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { noiseTensor } from '../support/numbers.js';
import { expectSameBits, forAll } from '../support/properties.js';
import {
  buildModel,
  type Data,
  dataSpecs,
  inputsOf,
  like,
  lossOf,
  type Masks,
  maskOptions,
  masksOf,
  modelSpecs,
} from '../support/randomModels.js';

const garbage = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -3e38, 1e-40);
const masked = dataSpecs().filter(({ masks }) => masks !== 'none');
const cases = fc.record({ spec: modelSpecs(), data: masked, value: garbage });

/** The sequences with `value` in the steps that their own masks hide. */
function spoilt(sequences: Data, masks: Masks, value: number): Data {
  const entries = Object.entries(sequences).map(([name, sequence]) => {
    const mask = masks[name];
    if (!mask || sequence.shape.length < 3) return [name, sequence] as const;
    const width = sequence.shape[2] ?? 1;
    const data = sequence.data.map((x, i) => (mask.data[Math.floor(i / width)] ? x : value));
    return [name, tensor(data, sequence.shape)] as const;
  });
  return Object.fromEntries(entries);
}

function allFinite(values: Record<string, Tensor | null>): boolean {
  return Object.values(values).every((value) => value?.data.every(Number.isFinite) ?? true);
}

describe('values in masked steps', () => {
  it('reach no output', async () => {
    await forAll(cases, 100, async ({ spec, data, value }) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks = masksOf(m, data);
      const options = maskOptions(masks, data.masks);
      const bad = spoilt(x, masks, value);
      const clean = await m.predict(x, options);
      expect(allFinite(clean)).toBe(true);
      expectSameBits(await m.predict(bad, options), clean);
      // The oracle as well: it is what the fast kernels are held to.
      const device = { ...options, device: 'reference' };
      expectSameBits(await m.predict(bad, device), await m.predict(x, device));
    });
  });

  it('reach no gradient', async () => {
    await forAll(cases, 100, async ({ spec, data, value }) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks = masksOf(m, data);
      const options = { ...maskOptions(masks, data.masks), training: true };
      const cotangents = like(await m.predict(x), 5);
      const clean = await m.vjp(x, cotangents, options);
      const bad = await m.vjp(spoilt(x, masks, value), cotangents, options);
      expect(allFinite(clean.gradients)).toBe(true);
      expectSameBits(bad.gradients, clean.gradients);
      expectSameBits(bad.inputGradients as Data, clean.inputGradients as Data);
    });
  });

  it('reach no loss and no weight, neither from inputs nor from targets', async () => {
    await forAll(cases, 60, async ({ spec, data, value }) => {
      const train = async (isSpoilt: boolean) => {
        using m = buildModel(spec);
        m.compile({ loss: lossOf(m, 'mse'), optimizer: 'adam', metrics: ['mae'] });
        const x = inputsOf(m, data, spec.features);
        const masks = masksOf(m, data);
        const options = maskOptions(masks, data.masks);
        const y = like(await m.predict(x), 5);
        // A sequence that comes out has at least the mask of `series`, the first input.
        const ofOutputs = Object.fromEntries(
          m.outputNames.map((name) => [name, masks.series as Tensor<'bool'>]),
        );
        const [bx, by] = isSpoilt ? [spoilt(x, masks, value), spoilt(y, ofOutputs, value)] : [x, y];
        const logs = [
          await m.trainOnBatch(bx, by, options),
          await m.trainOnBatch(bx, by, options),
          await m.evaluate(bx, by, options),
        ].flatMap((log) => Object.values(log));
        return { ...m.getWeights(), logs: tensor(logs) };
      };
      expectSameBits(await train(true), await train(false));
    });
  });

  it('have no gradient', async () => {
    // A layer that sees each step alone passes a gradient on for masked ones, too.
    using m = sequential([layers.dense({ units: 2 })], { inputShape: [null, 3], seed: 1 });
    const cotangent = noiseTensor([2, 3, 2], 2);
    const { inputGradients } = await m.vjp(noiseTensor([2, 3, 3]), cotangent, { lengths: [1, 2] });
    const { data } = inputGradients as Tensor;
    const isHidden = (_: number, i: number) => (i >= 3 && i < 9) || i >= 15;
    expect([...data.filter(isHidden)]).toEqual(Array(9).fill(0));
  });

  it('reach nothing where another input hides the step', async () => {
    // Step 1 of row 0 exists in b, not in a, and so not in what both are joined to.
    const a = input({ shape: [null, 2], name: 'a' });
    const b = input({ shape: [null, 2], name: 'b' });
    const joined = layers.concatenate().apply([a, b]);
    using m = model({
      inputs: [a, b],
      outputs: layers.gru({ units: 3 }).apply(joined),
      seed: 1,
    });
    const lengths = { a: [1, 2] };
    const x = { a: noiseTensor([2, 2, 2]), b: noiseTensor([2, 2, 2], 2) };
    const bad = {
      ...x,
      b: tensor(
        x.b.data.map((v, i) => (i === 2 ? Number.NaN : v)),
        [2, 2, 2],
      ),
    };
    const cotangent = noiseTensor([2, 3], 3);
    const clean = await m.vjp(x, cotangent, { lengths });
    const result = await m.vjp(bad, cotangent, { lengths });
    expectSameBits({ out: result.outputs }, { out: clean.outputs });
    expectSameBits(result.gradients, clean.gradients);
    expectSameBits(result.inputGradients as Data, clean.inputGradients as Data);
  });
});

describe('rows of weight zero', () => {
  it('are not looked at', async () => {
    await forAll(cases, 60, async ({ spec, data, value }) => {
      const train = async (isSpoilt: boolean) => {
        using m = buildModel(spec);
        m.compile({ loss: lossOf(m, 'huber'), optimizer: 'adam' });
        const two = { ...data, rows: data.rows + 1 };
        const x = inputsOf(m, two, spec.features);
        const options = maskOptions(masksOf(m, two), data.masks);
        const y = like(await m.predict(x), 5);
        const weights = new Float32Array(two.rows).fill(1);
        weights[0] = 0;
        const sampleWeight = Object.fromEntries(m.outputNames.map((name) => [name, weights]));
        const change = isSpoilt ? firstRow(value) : (values: Data) => values;
        const log = await m.trainOnBatch(x, change(y), { ...options, sampleWeight });
        return { ...m.getWeights(), loss: tensor([log.loss as number]) };
      };
      expectSameBits(await train(true), await train(false));
    });
  });

  const firstRow = (value: number) => (values: Data) =>
    Object.fromEntries(
      Object.entries(values).map(([name, { data, shape }]) => {
        const width = data.length / (shape[0] ?? 1);
        return [
          name,
          tensor(
            data.map((x, i) => (i < width ? value : x)),
            shape,
          ),
        ];
      }),
    );
});
