import { type LossOption, type MetricOption, metrics, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, echoTwice } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import * as formulas from '../support/lossFormulas.js';
import { expectClose, noiseTensor, range, rowsOf } from '../support/numbers.js';

const DEVICES = ['reference', 'cpu'] as const;

const x = noiseTensor([9, 3], 11);
const scores = rowsOf(x);
const binary = scores.map((_, i) => range(3).map((j) => (i + 2 * j) % 2));
const labels = scores.map((_, i) => i % 3);
const oneHot = labels.map((label) => range(3).map((j) => (j === label ? 1 : 0)));

const mean = (values: number[]) => formulas.weightedMean(values);
const argmax = (row: number[]) => row.indexOf(Math.max(...row));
const shareOf = (threshold: number) => (p: number[], t: number[]) =>
  mean(p.map((value, i) => (value > threshold === (t[i] as number) > 0.5 ? 1 : 0)));

/** Of each row, from predictions and targets. */
function binaryAccuracy(threshold: number): number[] {
  return scores.map((row, i) => shareOf(threshold)(row, binary[i] as number[]));
}
const hits = scores.map((row, i) => (argmax(row) === labels[i] ? 1 : 0));
const errors = (formula: (p: number[], t: number[]) => number) =>
  scores.map((row, i) => formula(row, binary[i] as number[]));

const dense = tensor(binary);
const classes = tensor(Int32Array.from(labels));

const CASES: [string, LossOption, MetricOption, typeof dense | typeof classes, number[]][] = [
  ['mse', 'mae', 'mse', dense, errors(formulas.mse)],
  ['meanSquaredError', 'mae', 'meanSquaredError', dense, errors(formulas.mse)],
  ['mae', 'mse', 'mae', dense, errors(formulas.mae)],
  ['meanAbsoluteError', 'mse', 'meanAbsoluteError', dense, errors(formulas.mae)],
  ['binaryAccuracy', 'binaryCrossentropy', 'binaryAccuracy', dense, binaryAccuracy(0)],
  ['accuracy', 'binaryCrossentropy', 'accuracy', dense, binaryAccuracy(0)],
  ['accuracy', 'categoricalCrossentropy', 'accuracy', tensor(oneHot), hits],
  ['categoricalAccuracy', 'mse', 'categoricalAccuracy', tensor(oneHot), hits],
  ['accuracy', 'sparseCategoricalCrossentropy', 'accuracy', classes, hits],
  [
    'sparseCategoricalAccuracy',
    'sparseCategoricalCrossentropy',
    'sparseCategoricalAccuracy',
    classes,
    hits,
  ],
  [
    'half',
    'mse',
    metrics.binaryAccuracy({ threshold: 0.5, name: 'half' }),
    dense,
    binaryAccuracy(0.5),
  ],
];

describe('metrics against their formulas', () => {
  it.each(CASES)('%s with the loss %s', async (name, loss, metric, y, each) => {
    // Otherwise a metric that is always 0 or 1 would pass.
    expect(mean(each)).toBeGreaterThan(0);
    expect(mean(each)).not.toBe(1);
    const weights = each.map((_, i) => (i % 4) / 2);
    for (const device of DEVICES) {
      const m = echo(3);
      m.compile({ loss, metrics: [metric], device });
      const plain = await m.evaluate(x, y);
      expect(Object.keys(plain)).toEqual(['loss', name]);
      expectClose(plain[name] as number, mean(each), 1e-7);
      const weighted = await m.evaluate(x, y, { sampleWeight: weights });
      expectClose(weighted[name] as number, formulas.weightedMean(each, weights), 1e-7);
    }
  });

  it('the default threshold is that of logits', async () => {
    const m = echo(1);
    m.compile({ loss: 'binaryCrossentropy', metrics: [metrics.binaryAccuracy()] });
    const logs = await m.evaluate(tensor([[0.3], [-0.3]]), tensor([[1], [0]]));
    expect(logs.binaryAccuracy).toBe(1);
  });

  it('several of a kind have names of their own', async () => {
    const m = echo(1);
    const low = metrics.binaryAccuracy({ threshold: 0.1, name: 'low' });
    const high = metrics.binaryAccuracy({ threshold: 0.9, name: 'high' });
    m.compile({ loss: 'mse', metrics: ['mae', low, high] });
    const logs = await m.evaluate(tensor([[0.5], [0.5]]), tensor([[1], [1]]));
    expect(logs).toEqual({ loss: 0.25, mae: 0.5, low: 1, high: 0 });
    expect(Object.keys(logs)).toEqual(['loss', 'mae', 'low', 'high']);
  });

  it('of several outputs carry their names, in the order of the outputs', async () => {
    const m = echoTwice(1);
    m.compile({ loss: 'mse', metrics: { b: ['mse', 'mae'] } });
    const y = { a: tensor([[1]]), b: tensor([[3]]) };
    expect(Object.entries(await m.evaluate(tensor([[1]]), y))).toEqual([
      ['loss', 4],
      ['a_loss', 0],
      ['b_loss', 4],
      ['b_mse', 4],
      ['b_mae', 2],
    ]);
    m.compile({ loss: 'mse', metrics: ['mae'] });
    expect(await m.evaluate(tensor([[1]]), y)).toMatchObject({ a_mae: 0, b_mae: 2 });
    m.compile({ loss: 'mse', metrics: [['mse'], ['mae']] });
    const both = await m.evaluate(tensor([[1]]), y);
    expect(Object.keys(both)).toEqual(['loss', 'a_loss', 'b_loss', 'a_mse', 'b_mae']);
  });
});

describe('options of metrics', () => {
  it('are checked', async () => {
    const wrong = [
      () => metrics.binaryAccuracy({ threshold: Number.NaN }),
      () => metrics.binaryAccuracy({ threshold: '0' as never }),
      () => metrics.binaryAccuracy({ name: '' }),
      () => metrics.binaryAccuracy({ treshold: 1 } as never),
    ];
    for (const call of wrong) await expectFailure(call, 'INVALID_ARGUMENT', 'binaryAccuracy');
  });

  it('accuracy has to follow from the loss', async () => {
    const m = echo(3);
    for (const loss of ['mse', 'mae', 'huber'] as const) {
      await expectFailure(
        () => m.compile({ loss, metrics: ['accuracy'] }),
        'CONFIG',
        /'accuracy' does not follow from the loss/,
      );
    }
  });

  it('are known metrics, each once', async () => {
    const m = echo(3);
    const compile = (list: unknown) => () => m.compile({ loss: 'mse', metrics: list as never });
    const invalid = 'INVALID_ARGUMENT';
    await expectFailure(compile(['acuracy']), invalid, /one of accuracy.*received 'acuracy'/);
    await expectFailure(compile(['mae', 'mae']), invalid, /each metric once/);
    await expectFailure(compile('mae'), invalid, /array of metrics/);
    await expectFailure(compile([null]), invalid, /metrics/);
    await expectFailure(compile({ other: ['mae'] }), invalid, /unknown output in metrics 'other'/);
    await expectFailure(compile([{ kind: 'f1', name: 'f1' }]), invalid, /kind/);
  });

  it('read the same targets as the loss', async () => {
    const m = echo(3);
    await expectFailure(
      () => m.compile({ loss: 'mse', metrics: ['mae', 'sparseCategoricalAccuracy'] }),
      'CONFIG',
      /sparseCategoricalAccuracy.*its loss meanSquaredError takes targets shaped as the output/,
    );
    for (const metric of ['mae', 'mse', 'categoricalAccuracy', 'binaryAccuracy'] as const) {
      await expectFailure(
        () => m.compile({ loss: 'sparseCategoricalCrossentropy', metrics: [metric] }),
        'CONFIG',
        /takes class numbers/,
      );
    }
  });
});
