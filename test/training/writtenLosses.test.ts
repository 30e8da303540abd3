// Losses and metrics that are functions of symbolic tensors.
import {
  input,
  type LossFunction,
  layers,
  load,
  losses,
  type Model,
  model,
  ops,
  sequential,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { inputSlopes, parameterSlopes } from '../support/differences.js';

const mse: LossFunction = (yTrue, yPred) => ops.square(ops.subtract(yPred, yTrue));
const huber: LossFunction = (yTrue, yPred) => {
  const e = ops.abs(ops.subtract(yPred, yTrue));
  return ops.where(
    ops.lessEqual(e, 0.5),
    ops.multiply(0.5, ops.square(e)),
    ops.subtract(ops.multiply(0.5, e), 0.125),
  );
};

const waves = (shape: number[], shift = 0) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) =>
      Math.sin(i * 2.3 + shift),
    ),
    shape,
  );

function sequenceModel(units = 2): Model {
  return sequential([layers.gru({ units: 3, returnSequences: true }), layers.dense({ units })], {
    inputShape: [null, 2],
    seed: 5,
  });
}

const x = waves([4, 5, 2]);
const y = waves([4, 5, 2], 1);
const lengths = [5, 2, 0, 3];
const sampleWeight = [1, 0.5, 2, 0];

describe('a loss that is a function', () => {
  const calls: Record<string, { lengths?: number[]; sampleWeight?: number[] | Float32Array }> = {
    plain: {},
    masked: { lengths },
    'one weight a row': { lengths, sampleWeight },
    'one weight a step': { lengths, sampleWeight: waves([4, 5], 2).data.map(Math.abs) },
  };
  const written = {
    'an element': mse,
    'a step': ((a, b) => ops.mean(mse(a, b), { axis: -1 })) as LossFunction,
    'a step, with its axis': ((a, b) =>
      ops.mean(mse(a, b), { axis: -1, keepdims: true })) as LossFunction,
  };

  it.each(
    Object.entries(calls).flatMap(([how, call]) =>
      Object.entries(written).map(
        ([what, loss]) => [`one value ${what}`, how, loss, call] as const,
      ),
    ),
  )('%s, %s: as mse', async (_, __, loss, { sampleWeight: weights, ...call }) => {
    const m = sequenceModel();
    const options = weights
      ? {
          ...call,
          sampleWeight: weights instanceof Float32Array ? tensor(weights, [4, 5]) : weights,
        }
      : call;
    const ours = await m.gradients(x, y, { ...options, loss });
    const theirs = await m.gradients(x, y, { ...options, loss: 'mse' });
    expect(ours.loss).toBeCloseTo(theirs.loss, 6);
    for (const [name, gradient] of Object.entries(theirs.gradients)) {
      for (const [i, value] of gradient.data.entries()) {
        expect(ours.gradients[name]?.data[i]).toBeCloseTo(value, 6);
      }
    }
  });

  it('is huber', async () => {
    const m = sequenceModel();
    const [ours, theirs] = [
      await m.gradients(x, y, { loss: huber, lengths }),
      await m.gradients(x, y, { loss: losses.huber({ delta: 0.5 }), lengths }),
    ];
    expect(ours.loss).toBeCloseTo(theirs.loss, 6);
  });

  // One value a row: the mean over the valid steps, and a product of the whole sequence.
  const ofRows: LossFunction = (yTrue, yPred) =>
    ops.add(
      ops.mean(ops.log(ops.add(1.1, ops.square(ops.subtract(yPred, yTrue)))), { axis: [1, 2] }),
      ops.square(ops.sum(ops.multiply(yPred, yTrue), { axis: [1, 2] })),
    );
  it.each([
    ['plain', {}],
    ['masked', { lengths }],
    ['weighted', { lengths, sampleWeight }],
  ])('has exact gradients, one value a row, %s', async (_, call) => {
    const m = sequenceModel();
    const options = { ...call, loss: ofRows, device: 'reference' };
    const { gradients, inputGradients } = await m.gradients(x, y, options);
    const slopes = await parameterSlopes(m, async () => (await m.gradients(x, y, options)).loss);
    for (const [name, expected] of Object.entries(slopes)) {
      expected.forEach((slope, i) => {
        expect(gradients[name]?.data[i]).toBeCloseTo(slope, 4);
      });
    }
    const atInputs = await inputSlopes(
      x,
      async (moved) => (await m.gradients(moved, y, options)).loss,
    );
    atInputs.forEach((slope, i) => {
      expect((inputGradients as typeof x).data[i]).toBeCloseTo(slope, 4);
    });
    const onCpu = await m.gradients(x, y, { ...options, device: 'cpu', strict: true });
    for (const [name, gradient] of Object.entries(gradients)) {
      gradient.data.forEach((value, i) => {
        expect(onCpu.gradients[name]?.data[i]).toBeCloseTo(value, 5);
      });
    }
  });

  it('does not look at what stands in padding or has no weight', async () => {
    const m = sequenceModel();
    const broken = tensor(y.data.slice(), y.shape);
    broken.data.fill(Number.NaN, (5 + 2) * 2, 3 * 5 * 2);
    broken.data.fill(Number.NaN, 3 * 5 * 2);
    const loss: LossFunction = (a, b) => ops.divide(mse(a, b), ops.add(1, ops.abs(a)));
    const call = { loss, lengths, sampleWeight };
    const [clean, dirty] = [await m.gradients(x, y, call), await m.gradients(x, broken, call)];
    expect(dirty).toEqual(clean);
    expect(Number.isFinite(clean.loss)).toBe(true);
  });

  it('trains as the loss that is built in, in pieces as well', async () => {
    const [own, builtIn] = [sequenceModel(), sequenceModel()];
    own.compile({ optimizer: 'sgd', loss: mse, metrics: ['mae', mse] });
    builtIn.compile({ optimizer: 'sgd', loss: 'mse', metrics: ['mae'] });
    const options = { epochs: 3, batchSize: 4, shuffle: false, verbose: 0, lengths } as const;
    const [a, b] = [await own.fit(x, y, options), await builtIn.fit(x, y, options)];
    a.history.loss?.forEach((value, i) => {
      expect(value).toBeCloseTo(b.history.loss?.[i] as number, 6);
      expect(a.history.mse?.[i]).toBeCloseTo(value, 6);
    });
    const logs = await own.trainOnBatch(x, y);
    expect(Object.keys(logs)).toEqual(['loss', 'mae', 'mse']);
    expect(logs.mse).toBeCloseTo(logs.loss as number, 6);
  });

  it('counts rows, not steps, where it has one value a row', async () => {
    const m = sequenceModel();
    m.compile({ loss: (_, p) => ops.add(ops.multiply(ops.sum(p, { axis: [1, 2] }), 0), 3) });
    expect((await m.evaluate(x, y, { lengths, sampleWeight })).loss).toBeCloseTo(3, 6);
  });

  it('is saved with the model, and loaded without the function', async () => {
    const m = sequenceModel();
    m.compile({ optimizer: 'sgd', loss: huber, metrics: [mse] });
    const again = await load(await m.save());
    expect(await again.evaluate(x, y, { lengths })).toEqual(await m.evaluate(x, y, { lengths }));
    expect((await again.trainOnBatch(x, y)).loss).toBe((await m.trainOnBatch(x, y)).loss);
  });

  it('is one of several outputs', async () => {
    const a = input({ shape: [3], name: 'a' });
    const outputs = {
      first: layers.dense({ units: 2, name: 'one' }).apply(a),
      second: layers.dense({ units: 3, name: 'two' }).apply(a),
    };
    const m = model({ inputs: a, outputs, seed: 1 });
    const data = [waves([4, 3]), { first: waves([4, 2], 1), second: waves([4, 3], 2) }] as const;
    const ours = await m.gradients(...data, { loss: { first: mse, second: 'mae' } });
    const theirs = await m.gradients(...data, { loss: { first: 'mse', second: 'mae' } });
    expect(ours.loss).toBeCloseTo(theirs.loss, 6);
    const both = await m.gradients(...data, { loss: mse });
    expect(both.loss).toBeCloseTo((await m.gradients(...data, { loss: 'mse' })).loss, 6);
  });

  it('goes by weights that are frozen after compile', async () => {
    const m = sequenceModel();
    m.compile({ optimizer: 'sgd', loss: mse });
    m.freeze('dense');
    const before = m.getWeights();
    await m.trainOnBatch(x, y);
    expect(m.getWeights()['dense/kernel']).toEqual(before['dense/kernel']);
    expect(m.getWeights()['gru/kernel']).not.toEqual(before['gru/kernel']);
  });

  it('is shown by explain', () => {
    const m = sequenceModel();
    m.compile({ loss: mse });
    expect(String(m.explain({ batch: 4, steps: 5, mode: 'train' }))).toContain('loss.square');
  });
});

describe('what is refused', () => {
  const outside = input({ shape: [2] });
  it.each([
    ['no symbolic tensor', () => 3 as never, 'INVALID_ARGUMENT', /returns a symbolic tensor/],
    [
      'a value of another graph',
      (_: never, p: never) => ops.add(p, outside),
      'INVALID_ARGUMENT',
      /yTrue and yPred alone/,
    ],
    [
      'a weight',
      (_: never, p: never) => ops.multiply(p, ops.weight({ shape: [2] })),
      'CONFIG',
      /no weights/,
    ],
    [
      'a layer',
      (_: never, p: never) => layers.dense({ units: 1 }).apply(p),
      'CONFIG',
      /no weights/,
    ],
    [
      'another number of steps',
      (_: never, p: never) => ops.slice(p, { axis: 1, start: 1 }),
      'SHAPE_MISMATCH',
      /must be/,
    ],
    [
      'shapes that do not fit',
      (_: never, p: never) => ops.add(p, ops.slice(p, { stop: 1 })),
      'ok',
      /./,
    ],
    [
      'an axis that is not there',
      (_: never, p: never) => ops.sum(p, { axis: 4 }),
      'CONFIG',
      /loss\.sum/,
    ],
  ] as const)('%s', (_, loss, code, message) => {
    const m = sequenceModel();
    const compile = () => m.compile({ loss: loss as never });
    if (code === 'ok') return compile();
    expect(compile).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('a weight a step where there is one value a row', async () => {
    const m = sequenceModel();
    const loss: LossFunction = (_, p) => ops.sum(p);
    const call = { loss, sampleWeight: waves([4, 5]) };
    call.sampleWeight.data.fill(1);
    await expect(m.gradients(x, y, call)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      details: { option: 'sampleWeight' },
    });
  });

  it('an accuracy that does not follow from it', () => {
    expect(() => sequenceModel().compile({ loss: mse, metrics: ['accuracy'] })).toThrow(/accuracy/);
  });

  it('a file whose loss is broken', async () => {
    const m = sequenceModel();
    m.compile({ loss: mse });
    const bytes = Buffer.from((await m.save()) as Uint8Array);
    const text = bytes.toString('latin1').replaceAll('\\"square\\"', '\\"squarf\\"');
    expect(text.length).toBe(bytes.length);
    await expect(load(Buffer.from(text, 'latin1'))).rejects.toMatchObject({ code: 'FORMAT' });
  });
});
