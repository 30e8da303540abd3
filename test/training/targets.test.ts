// Labels, and the weights of rows, steps and classes.
import { tensor, type WeightOptions } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, echoTwice } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import * as formulas from '../support/lossFormulas.js';
import { expectClose, noiseTensor, rowsOf } from '../support/numbers.js';

const sparse = 'sparseCategoricalCrossentropy' as const;

describe('class numbers', () => {
  const x = noiseTensor([4, 3], 71);
  const labels = [2, 0, 1, 2];
  const each = rowsOf(x).map((row, i) =>
    formulas.sparseCategoricalCrossentropy(row, labels[i] as number),
  );
  const m = echo(3);
  m.compile({ loss: sparse, metrics: ['accuracy'] });

  it('come as whole numbers of any dtype, with or without an axis of their own', async () => {
    const forms = [
      tensor(Int32Array.from(labels)),
      tensor(labels),
      tensor(Int32Array.from(labels), [4, 1]),
      tensor(Float64Array.from(labels), [4, 1]),
    ];
    for (const y of forms) {
      const { loss } = await m.evaluate(x, y);
      expectClose(loss as number, formulas.weightedMean(each), 1e-6);
    }
    const { loss } = await m.evaluate(x, tensor([true, false, true, true]));
    expect(loss).toEqual((await m.evaluate(x, tensor([1, 0, 1, 1]))).loss);
  });

  it('that do not exist are named with their row, before anything is trained', async () => {
    const wrong: [number, RegExp][] = [
      [3, /^echo: class 3 in row 2 of y is not one of the 3 classes$/],
      [-2, /^echo: class -2 in row 2 of y is not one of the 3 classes$/],
      [-1, /^echo: class -1 in row 2 of y is not one of the 3 classes; .*mask or a weight of 0/],
      [2 ** 31 - 1, /class 2147483647 in row 2/],
    ];
    const before = m.getWeights();
    for (const [label, message] of wrong) {
      const y = tensor(Int32Array.of(0, 1, label, 2));
      const calls = [m.evaluate(x, y), m.fit(x, y, { batchSize: 1 }), m.gradients(x, y)];
      for (const work of calls) {
        const error = await expectFailure(work, 'INVALID_ARGUMENT', message);
        expect(error.details).toEqual({
          layer: 'echo',
          option: 'y',
          expected: '0..2',
          received: String(label),
        });
      }
      await expectFailure(m.trainOnBatch(x, y), 'INVALID_ARGUMENT', message);
    }
    expect(m.getWeights()).toEqual(before);
  });

  it('that are no whole numbers are refused', async () => {
    for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      const work = m.evaluate(x, tensor([0, 1, 2, value]));
      await expectFailure(work, 'INVALID_ARGUMENT', /a whole number for value 3 of y/);
    }
  });

  it('of -1 may stand where a weight of 0 hides the row', async () => {
    const y = tensor(Int32Array.of(2, -1, 1, 2));
    const { loss } = await m.evaluate(x, y, { sampleWeight: [1, 0, 1, 1] });
    const seen = formulas.weightedMean(each, [1, 0, 1, 1]);
    expectClose(loss as number, seen, 1e-6);
    const work = m.evaluate(x, y, { sampleWeight: [0, 1, 1, 1] });
    await expectFailure(work, 'INVALID_ARGUMENT', /class -1 in row 1/);
  });

  it('of steps: -1 may stand in padding', async () => {
    const steps = echo(3, null);
    steps.compile({ loss: sparse, metrics: ['accuracy'], device: 'reference' });
    const sequences = tensor(x.data, [2, 2, 3]);
    const padded = tensor(Int32Array.of(2, 0, 1, -1), [2, 2]);
    const { loss } = await steps.evaluate(sequences, padded, { lengths: [2, 1] });
    expectClose(loss as number, formulas.weightedMean(each.slice(0, 3)), 1e-6);
    const { gradients } = await steps.gradients(sequences, padded, { lengths: [2, 1] });
    for (const { data } of Object.values(gradients)) {
      expect(data.every(Number.isFinite)).toBe(true);
    }
    await expectFailure(
      steps.evaluate(sequences, padded),
      'INVALID_ARGUMENT',
      /class -1 in row 1 of y/,
    );
    // Its lengths forgotten, the validation data is what the error names.
    const validationData = { x: sequences, y: padded };
    await expectFailure(
      steps.fit(sequences, padded, { lengths: [2, 1], validationData, verbose: 0 }),
      'INVALID_ARGUMENT',
      /^fit: validationData: .*class -1 in row 1 of y/,
    );
    const weights = tensor([
      [1, 1],
      [1, 0],
    ]);
    const weighted = await steps.evaluate(sequences, padded, { sampleWeight: weights });
    expect(weighted.loss).toBe(loss);
  });

  it('have one axis less than the output', async () => {
    const work = m.evaluate(x, noiseTensor([4, 3]));
    await expectFailure(work, 'SHAPE_MISMATCH', /y has shape \[4,3\], the loss .* expects \[4\]/);
  });
});

describe('sampleWeight', () => {
  const m = echo(1);
  m.compile({ loss: 'mse' });
  const [x, y] = [noiseTensor([3, 1]), noiseTensor([3, 1], 2)];

  it.each([
    ['a negative weight', [1, -1, 1], 'INVALID_ARGUMENT', /sampleWeight\[1\], received -1/],
    ['NaN', [1, 1, Number.NaN], 'INVALID_ARGUMENT', /sampleWeight\[2\]/],
    ['infinity', [Number.POSITIVE_INFINITY, 1, 1], 'INVALID_ARGUMENT', /sampleWeight\[0\]/],
    ['too few weights', [1, 1], 'SHAPE_MISMATCH', /sampleWeight has 2 rows, the inputs have 3/],
    [
      'weights of steps where there are none',
      tensor([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
      'INVALID_ARGUMENT',
      /shape \[3\]/,
    ],
    ['one weight for all', 1, 'INVALID_ARGUMENT', /sampleWeight/],
    ['nested arrays', [[1], [1], [1]], 'INVALID_ARGUMENT', /wrap it in tensor/],
    ['an unknown output', { ecco: [1, 1, 1] }, 'INVALID_ARGUMENT', /'ecco', did you mean 'echo'/],
  ] as const)('%s is refused', async (_name, sampleWeight, code, message) => {
    for (const call of ['evaluate', 'fit', 'gradients'] as const) {
      const options = { sampleWeight } as WeightOptions;
      await expectFailure(m[call](x, y, options), code, message);
    }
  });

  it('of several outputs come by name, for some of them', async () => {
    const two = echoTwice(1);
    two.compile({ loss: 'mse' });
    const rows = tensor([[0], [0]]);
    const targets = { a: tensor([[1], [2]]), b: tensor([[3], [4]]) };
    const evaluate = (sampleWeight: WeightOptions['sampleWeight'] & object) =>
      two.evaluate(rows, targets, { sampleWeight });
    expect(await evaluate({ b: [1, 3] })).toEqual({ loss: 16.75, a_loss: 2.5, b_loss: 14.25 });
    expect(await evaluate({ a: [0, 1], b: [1, 0] })).toEqual({ loss: 13, a_loss: 4, b_loss: 9 });
    await expectFailure(evaluate([1, 1]), 'INVALID_ARGUMENT', /a record by name \{ a, b \}/);
  });
});

describe('classWeight', () => {
  const x = noiseTensor([5, 3], 72);
  const labels = [2, 0, 1, 2, 0];
  /** Class 1 is not named: its weight is 1. */
  const classWeight = { 0: 0.5, 2: 3 };
  const weights = [3, 0.5, 1, 3, 0.5];
  const oneHot = tensor(labels.map((label) => [0, 1, 2].map((c) => (c === label ? 1 : 0))));
  const each = rowsOf(x).map((row, i) =>
    formulas.sparseCategoricalCrossentropy(row, labels[i] as number),
  );
  /** An epoch at a rate of zero: fit and trainOnBatch take class weights, evaluate has no need to. */
  const lossOf = async (
    m: ReturnType<typeof echo>,
    y: typeof oneHot,
    options: WeightOptions,
    data = x,
  ) => {
    m.learningRate = 0;
    const { history } = await m.fit(data, y, { ...options, batchSize: 2 });
    return history.loss?.[0] as number;
  };

  it('weighs rows by class number', async () => {
    const m = echo(3);
    m.compile({ loss: sparse });
    const y = tensor(labels);
    expectClose(await lossOf(m, y, { classWeight }), formulas.weightedMean(each, weights), 1e-6);
    const { loss } = await m.trainOnBatch(x, y, { classWeight });
    expectClose(loss as number, formulas.weightedMean(each, weights), 1e-6);
  });

  it('weighs rows by one-hot class', async () => {
    const m = echo(3);
    m.compile({ loss: 'categoricalCrossentropy' });
    const loss = await lossOf(m, oneHot, { classWeight });
    expectClose(loss, formulas.weightedMean(each, weights), 1e-6);
  });

  it('weighs rows of 0 and 1', async () => {
    const m = echo(1);
    m.compile({ loss: 'binaryCrossentropy' });
    const logits = noiseTensor([4, 1], 73);
    const truth = [0, 1, 1, 0];
    const terms = rowsOf(logits).map((row, i) =>
      formulas.binaryCrossentropy(row, [truth[i] as number]),
    );
    const loss = await lossOf(m, tensor(truth), { classWeight: { 1: 4 } }, logits);
    expectClose(loss, formulas.weightedMean(terms, [1, 4, 4, 1]), 1e-6);
  });

  it('multiplies with sampleWeight', async () => {
    const m = echo(3);
    m.compile({ loss: sparse });
    const sampleWeight = [1, 2, 0, 0.5, 4];
    const both = weights.map((w, i) => w * (sampleWeight[i] as number));
    const loss = await lossOf(m, tensor(labels), { classWeight, sampleWeight });
    expectClose(loss, formulas.weightedMean(each, both), 1e-6);
  });

  it('weighs steps, and multiplies with weights of rows or steps', async () => {
    const m = echo(3, null);
    m.compile({ loss: sparse });
    const steps = tensor((x.data as Float32Array).slice(0, 12), [2, 2, 3]);
    const y = tensor(labels.slice(0, 4), [2, 2]);
    const four = each.slice(0, 4);
    const train = (options: WeightOptions) => lossOf(m, y, options, steps);
    const mean = (w: number[]) => formulas.weightedMean(four, w);
    expectClose(await train({ classWeight }), mean([3, 0.5, 1, 3]), 1e-6);
    const perRow = await train({ classWeight, sampleWeight: [2, 1] });
    expectClose(perRow, mean([6, 1, 1, 3]), 1e-6);
    const perStep = await train({
      classWeight,
      sampleWeight: tensor([
        [1, 2],
        [3, 0],
      ]),
    });
    expectClose(perStep, mean([3, 1, 3, 0]), 1e-6);
  });

  it('does not weigh the validation', async () => {
    const m = echo(3);
    m.compile({ loss: sparse });
    m.learningRate = 0;
    const y = tensor(labels);
    const { history } = await m.fit(x, y, { classWeight, validationSplit: 0.4 });
    expectClose(
      history.loss as number[],
      [formulas.weightedMean(each.slice(0, 3), weights.slice(0, 3))],
      1e-6,
    );
    expectClose(history.val_loss as number[], [formulas.weightedMean(each.slice(3))], 1e-6);
  });

  it.each([
    ['a negative weight', { 0: -1 }, /classWeight\[0\]/],
    ['NaN', { 0: Number.NaN }, /classWeight\[0\]/],
    ['a name', { cat: 1 }, /class numbers.* for classWeight\[cat\]/],
    ['a list', [1, 2, 3], /a record \{ class: weight \}/],
  ])('%s is refused', async (_name, bad, message) => {
    const m = echo(3);
    m.compile({ loss: sparse });
    const work = m.fit(x, tensor(labels), { classWeight: bad as never });
    await expectFailure(work, 'INVALID_ARGUMENT', message);
  });

  it('is for one output', async () => {
    const two = echoTwice(1);
    two.compile({ loss: 'mse' });
    const one = tensor([[1]]);
    const work = two.fit(one, { a: one, b: one }, { classWeight: { 0: 1 } });
    await expectFailure(work, 'INVALID_ARGUMENT', /a model with one output/);
  });
});
