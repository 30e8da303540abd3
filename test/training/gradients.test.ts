import {
  type GradientsOptions,
  input,
  type LossOption,
  layers,
  losses,
  type Model,
  model,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { inputSlopes, parameterSlopes } from '../support/differences.js';
import { echo, echoTwice, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { noise, noiseTensor, range, sum } from '../support/numbers.js';

/** max |Δ| / max |expected| */
function expectSlopes(actual: Tensor | undefined | null, expected: readonly number[]) {
  const values = [...(actual?.data ?? [])];
  expect(values).toHaveLength(expected.length);
  const size = Math.max(...expected.map(Math.abs));
  expect(size).toBeGreaterThan(1e-4);
  const off = Math.max(...values.map((value, i) => Math.abs(value - (expected[i] as number))));
  expect(off / size).toBeLessThan(2e-6);
}

const ROWS = 3;
const STEPS = 4;
const x = noiseTensor([ROWS, STEPS, 2], 101);
const device = 'reference';

/** Every step has an output; 3 classes or values. */
function sequenceModel(): Model {
  return sequential([layers.gru({ units: 3, returnSequences: true }), layers.dense({ units: 3 })], {
    inputShape: [null, 2],
    seed: 4,
  });
}

describe('gradients against finite differences', () => {
  const classes = tensor(
    Int32Array.from({ length: ROWS * STEPS }, (_, i) => (i * i) % 3),
    [ROWS, STEPS],
  );
  const zeroOne = tensor(
    Float32Array.from({ length: ROWS * STEPS * 3 }, (_, i) => (i % 5 < 2 ? 1 : 0)),
    [ROWS, STEPS, 3],
  );
  // Far from the predictions, so that no difference crosses the corner of |e|.
  const far = tensor(
    noise(ROWS * STEPS * 3, 102).map((value) => 3 * Math.sign(value) + value),
    [ROWS, STEPS, 3],
  );
  const stepWeights = tensor(noise(ROWS * STEPS, 103).map(Math.abs), [ROWS, STEPS]);
  const cases: [string, LossOption, Tensor, GradientsOptions][] = [
    ['mse', 'mse', far, {}],
    ['mae', 'mae', far, {}],
    ['huber, in the square', losses.huber({ delta: 8 }), far, {}],
    ['huber, in the line', losses.huber({ delta: 0.5 }), far, {}],
    ['binaryCrossentropy', 'binaryCrossentropy', zeroOne, {}],
    ['categoricalCrossentropy', 'categoricalCrossentropy', zeroOne, {}],
    ['sparseCategoricalCrossentropy', 'sparseCategoricalCrossentropy', classes, {}],
    ['lengths', 'mse', far, { lengths: [2, 4, 1] }],
    [
      'a mask with holes',
      'mse',
      far,
      { mask: tensor(Uint8Array.of(1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0), [3, 4]) },
    ],
    ['weights of rows', 'mse', far, { sampleWeight: [0.5, 2, 0.25] }],
    ['weights of steps', 'mse', far, { sampleWeight: stepWeights }],
    ['both', 'categoricalCrossentropy', zeroOne, { sampleWeight: stepWeights, lengths: [3, 0, 4] }],
  ];

  it.each(cases)('%s', async (_name, loss, y, options) => {
    const m = sequenceModel();
    m.compile({ loss, device });
    const lossAt = async (inputs: Tensor) => (await m.evaluate(inputs, y, options)).loss as number;
    const result = await m.gradients(x, y, options);
    expect(result.loss).toBe(await lossAt(x));
    const expected = await parameterSlopes(m, () => lossAt(x));
    expect(Object.keys(result.gradients)).toEqual(Object.keys(expected));
    for (const [name, slopes] of Object.entries(expected)) {
      expect(result.gradients[name]?.shape).toEqual(m.getWeights()[name]?.shape);
      expectSlopes(result.gradients[name], slopes);
    }
    expectSlopes(result.inputGradients as Tensor, await inputSlopes(x, lossAt));
  });

  it('several weighted outputs', async () => {
    const start = input({ shape: [null, 2], name: 'series' });
    const [all, last] = layers
      .gru({ units: 3, returnSequences: true, returnState: true })
      .apply(start);
    const outputs = { all, level: layers.dense({ units: 1 }).apply(last) };
    const m = model({ inputs: start, outputs, seed: 5 });
    const loss = { all: 'mse', level: 'huber' } as const;
    m.compile({ loss, lossWeights: { all: 0.25, level: 3 }, device });
    const y = { all: far, level: noiseTensor([ROWS, 1], 104) };
    const options = { sampleWeight: { level: [1, 2, 0.5] }, lengths: [2, 4, 3] };
    const lossAt = async (series: Tensor) =>
      (await m.evaluate({ series }, y, options)).loss as number;
    const result = await m.gradients({ series: x }, y, options);
    const expected = await parameterSlopes(m as unknown as Model, () => lossAt(x));
    for (const [name, slopes] of Object.entries(expected)) {
      expectSlopes(result.gradients[name], slopes);
    }
    const { series } = result.inputGradients as Record<string, Tensor>;
    expectSlopes(series, await inputSlopes(x, lossAt));
  });
});

describe('vjp against finite differences', () => {
  const cotangent = noiseTensor([ROWS, STEPS, 3], 105);
  const dot = (a: Tensor, b: Tensor) => sum([...a.data].map((v, i) => v * (b.data[i] as number)));

  it.each([
    ['all steps', {}],
    ['lengths', { lengths: [4, 1, 3] }],
  ])('%s', async (_name, options) => {
    const m = sequenceModel();
    const call = { ...options, device };
    const { outputs, gradients, inputGradients } = await m.vjp(x, cotangent, call);
    expect(outputs).toEqual(await m.predict(x, call));
    // Of the sum of outputs · cotangent. The outputs are float32: that bounds the differences.
    const at = async (inputs: Tensor) => dot(await m.predict(inputs, call), cotangent);
    const compare = (actual: Tensor | undefined, expected: number[]) => {
      const size = Math.max(...expected.map(Math.abs));
      const off = expected.map((value, i) => Math.abs(value - (actual?.data[i] as number)));
      expect(Math.max(...off) / size).toBeLessThan(1e-4);
    };
    for (const [name, slopes] of Object.entries(await parameterSlopes(m, () => at(x)))) {
      compare(gradients[name], slopes);
    }
    compare(inputGradients as Tensor, await inputSlopes(x, at));
  });

  it('of 2(p - t)/n is the gradient of the mean squared error', async () => {
    const m = sequenceModel();
    const y = noiseTensor([ROWS, STEPS, 3], 106);
    const outputs = await m.predict(x, { device });
    const slope = outputs.data.map(
      (p, i) => (2 * (p - (y.data[i] as number))) / outputs.data.length,
    );
    const byVjp = await m.vjp(x, tensor(slope, y.shape), { device });
    const byLoss = await m.gradients(x, y, { device, loss: 'mse' });
    for (const [name, { data }] of Object.entries(byLoss.gradients)) {
      expectSlopes(byVjp.gradients[name], [...data]);
    }
  });

  it('of several outputs comes in their form', async () => {
    const m = echoTwice(2);
    const rows = noiseTensor([2, 2], 107);
    const [a, b] = [noiseTensor([2, 2], 108), noiseTensor([2, 2], 109)];
    const result = await m.vjp(rows, { a, b });
    expect(result.outputs).toEqual({ a: rows, b: rows });
    const [first, second] = ['first/bias', 'second/bias'].map((name) => result.gradients[name]);
    expectSlopes(
      first,
      [0, 1].map((i) => a.at(0, i) + a.at(1, i)),
    );
    expectSlopes(
      second,
      [0, 1].map((i) => b.at(0, i) + b.at(1, i)),
    );
    expectSlopes(
      result.inputGradients as Tensor,
      range(4).map((i) => (a.data[i] as number) + (b.data[i] as number)),
    );
  });

  it('needs what is shaped as the outputs', async () => {
    const m = sequenceModel();
    const wrong: [Tensor, string, RegExp][] = [
      [
        noiseTensor([ROWS, STEPS, 2]),
        'SHAPE_MISMATCH',
        /dense: outputGradients .*\(shape \[3,4,2\]\)/,
      ],
      [noiseTensor([ROWS, STEPS + 1, 3]), 'SHAPE_MISMATCH', /outputGradients/],
      [noiseTensor([ROWS, 3]), 'SHAPE_MISMATCH', /outputGradients/],
      [noiseTensor([ROWS + 1, STEPS, 3]), 'SHAPE_MISMATCH', /outputGradients has 4 rows/],
      [[[[1]]] as never, 'INVALID_ARGUMENT', /outputGradients.*wrap it/],
    ];
    for (const [value, code, message] of wrong) {
      await expectFailure(m.vjp(x, value), code as 'SHAPE_MISMATCH', message);
    }
    const none = tensor(new Float32Array(0), [0, 4, 2]);
    await expectFailure(m.vjp(none, none), 'INVALID_ARGUMENT', /no rows/);
  });
});

describe('gradients', () => {
  const y = noiseTensor([ROWS, 1], 110);

  it('agree on both devices, for all rows as one batch', async () => {
    const m = smallGru();
    const [many, targets] = [noiseTensor([300, 5, 2], 111), noiseTensor([300, 1], 112)];
    const expected = await m.gradients(many, targets, { loss: 'mse', device });
    const actual = await m.gradients(many, targets, { loss: 'mse', device: 'cpu' });
    for (const [name, { data }] of Object.entries(expected.gradients)) {
      const size = Math.max(...data.map(Math.abs));
      const off = data.map((value, i) =>
        Math.abs(value - (actual.gradients[name]?.data[i] as number)),
      );
      expect(Math.max(...off) / size).toBeLessThan(5e-6);
    }
  });

  it('come in the form of x', async () => {
    const a = input({ shape: [2], name: 'a' });
    const b = input({ shape: [2], name: 'b' });
    const m = model({ inputs: [a, b], outputs: layers.concatenate().apply([a, b]), seed: 1 });
    const rows = { a: tensor([[1, 2]]), b: tensor([[3, 4]]) };
    const zeros = tensor([[0, 0, 0, 0]]);
    const expected = { a: tensor([[0.5, 1]]), b: tensor([[1.5, 2]]) };
    const byName = await m.gradients(rows, zeros, { loss: 'mse' });
    expect(byName).toMatchObject({ loss: 7.5, gradients: {} });
    expect(byName.inputGradients).toEqual(expected);
    const byPosition = await m.gradients([rows.a, rows.b], zeros, { loss: 'mse' });
    expect(byPosition.inputGradients).toEqual([expected.a, expected.b]);
  });

  it('change nothing, the optimizer included', async () => {
    const [m, untouched] = [smallGru(), smallGru()];
    for (const each of [m, untouched]) each.compile({ loss: 'mse', optimizer: 'adam' });
    for (const each of [m, untouched]) await each.trainOnBatch(x, y);
    const before = m.getWeights();
    await m.gradients(x, y);
    await m.gradients(x, y, { loss: 'mae' });
    await m.vjp(x, y);
    expect(m.getWeights()).toEqual(before);
    for (const each of [m, untouched]) await each.trainOnBatch(x, y);
    expect(m.getWeights()).toEqual(untouched.getWeights());
  });

  it('leave out frozen layers', async () => {
    const m = smallGru();
    m.freeze('gru');
    const frozen = await m.gradients(x, y, { loss: 'mse' });
    expect(Object.keys(frozen.gradients)).toEqual(['dense/kernel', 'dense/bias']);
    m.unfreeze('gru');
    expect(Object.keys((await m.gradients(x, y, { loss: 'mse' })).gradients)).toHaveLength(5);
    m.freeze('gru');
    expect(Object.keys((await m.vjp(x, y)).gradients)).toHaveLength(2);
  });

  it('of a loss that is not finite do not reject', async () => {
    const m = echo(1);
    const { loss } = await m.gradients(tensor([[1]]), tensor([[Number.NaN]]), { loss: 'mse' });
    expect(loss).toBeNaN();
  });

  it('with training: true have dropout, the same for the same seed', async () => {
    const m = sequential([layers.dropout({ rate: 0.5 }), layers.dense({ units: 1 })], {
      inputShape: [20],
      seed: 3,
    });
    const [rows, targets] = [noiseTensor([4, 20], 113), noiseTensor([4, 1], 114)];
    const call = (training: boolean) => m.gradients(rows, targets, { loss: 'mse', training });
    const [plain, dropped, again] = [await call(false), await call(true), await call(true)];
    expect(again).toEqual(dropped);
    expect(dropped.loss).not.toBe(plain.loss);
    const zeros = (dropped.inputGradients as Tensor).data.filter((value) => value === 0).length;
    expect(zeros).toBeGreaterThan(20);
    expect(zeros).toBeLessThan(60);
  });

  it('are answered although the model is disposed meanwhile', async () => {
    const [m, other] = [smallGru(), smallGru()];
    const [many, targets] = [noiseTensor([64, 50, 2], 115), noiseTensor([64, 1], 116)];
    const calls = (it: Model) =>
      Promise.all([it.gradients(many, targets, { loss: 'mse' }), it.vjp(many, targets)]);
    const work = calls(m);
    // Both runs have been handed over by then.
    await new Promise((resolve) => setImmediate(resolve));
    m.dispose();
    expect(await work).toEqual(await calls(other));
    await expectFailure(m.gradients(x, y, { loss: 'mse' }), 'DISPOSED');
    await expectFailure(m.vjp(x, y), 'DISPOSED');
  });

  it('refuse a loss that does not fit', async () => {
    const m = smallGru();
    const call = (loss: unknown) => m.gradients(x, y, { loss: loss as 'mse' });
    await expectFailure(call('rmse'), 'INVALID_ARGUMENT', /'rmse'/);
    await expectFailure(call('categoricalCrossentropy'), 'CONFIG', /at least two classes/);
    const options = { batchSize: 2 } as never;
    await expectFailure(m.gradients(x, y, options), 'INVALID_ARGUMENT', /option 'batchSize'/);
  });
});

describe('dropout in a recurrent layer', () => {
  const build = () => {
    const layer = layers.gru({
      units: 5,
      recurrentDropout: 0.4,
      dropout: 0.2,
      recurrentDropConnect: 0.3,
    });
    const m = sequential([layer], { inputShape: [null, 3], seed: 4 });
    m.compile({ optimizer: 'sgd', loss: 'mse' });
    return m;
  };
  const x = tensor(
    Float32Array.from({ length: 2 * 4 * 3 }, (_, i) => Math.sin(i)),
    [2, 4, 3],
  );
  const y = tensor(
    Float32Array.from({ length: 2 * 5 }, (_, i) => Math.cos(i)),
    [2, 5],
  );

  // Both have weights of one snapshot packed, each in its own way.
  it('does not reach gradients outside of training, nor these the training', async () => {
    const [first, second] = [build(), build()];
    const { gradients } = await first.gradients(x, y);
    await first.trainOnBatch(x, y);
    await second.trainOnBatch(x, y);
    expect(first.getWeights()).toEqual(second.getWeights());
    const plain = sequential([layers.gru({ units: 5 })], { inputShape: [null, 3], seed: 4 });
    expect(gradients).toEqual((await plain.gradients(x, y, { loss: 'mse' })).gradients);
  });
});
