import { layers, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import * as formulas from '../support/lossFormulas.js';
import { expectClose, noise, noiseTensor, range, rowsOf } from '../support/numbers.js';

const DEVICES = ['reference', 'cpu'] as const;
const ROWS = 7;
const STEPS = 4;

describe('rows', () => {
  const x = noiseTensor([ROWS, 2], 41);
  const y = noiseTensor([ROWS, 2], 42);
  const each = rowsOf(x).map((row, i) => formulas.mse(row, rowsOf(y)[i] as number[]));

  it('have the mean of their losses', async () => {
    for (const device of DEVICES) {
      const m = echo(2);
      m.compile({ loss: 'mse', metrics: ['mae'], device });
      const logs = await m.evaluate(x, y);
      expectClose(logs.loss as number, formulas.weightedMean(each), 1e-7);
      const errors = rowsOf(x).map((row, i) => formulas.mae(row, rowsOf(y)[i] as number[]));
      expectClose(logs.mae as number, formulas.weightedMean(errors), 1e-7);
    }
  });

  it('with weights: Σ w·loss / Σ w, in any form that holds numbers', async () => {
    const weights = [0, 1, 0.25, 3, 0, 10, 0.5];
    const expected = formulas.weightedMean(each, weights);
    const m = echo(2);
    m.compile({ loss: 'mse' });
    const forms = [
      weights,
      Float32Array.from(weights),
      Float64Array.from(weights),
      tensor(weights),
      { echo: weights },
    ];
    for (const sampleWeight of forms) {
      expectClose((await m.evaluate(x, y, { sampleWeight })).loss as number, expected, 1e-7);
    }
    const whole = await m.evaluate(x, y, { sampleWeight: Int32Array.from(weights) });
    expectClose(whole.loss as number, formulas.weightedMean(each, weights.map(Math.floor)), 1e-7);
  });

  it('of weight zero are not looked at', async () => {
    const spoilt = tensor(
      Float32Array.from([...(y.data as Float32Array).slice(0, 12), NaN, NaN]),
      y.shape,
    );
    const m = echo(2);
    m.compile({ loss: 'mse', metrics: ['mae'] });
    const sampleWeight = [1, 1, 1, 1, 1, 1, 0];
    const { loss } = await m.evaluate(x, spoilt, { sampleWeight });
    expectClose(loss as number, formulas.weightedMean(each.slice(0, 6)), 1e-7);
    const nothing = await m.evaluate(x, spoilt, { sampleWeight: range(ROWS).map(() => 0) });
    expect(nothing).toEqual({ loss: 0, mae: 0 });
  });

  it('none at all give zeros', async () => {
    const m = echo(2);
    m.compile({ loss: 'mse', metrics: ['mae'] });
    const none = tensor(new Float32Array(0), [0, 2]);
    expect(await m.evaluate(none, none)).toEqual({ loss: 0, mae: 0 });
  });
});

describe('steps', () => {
  const x = noiseTensor([ROWS, STEPS, 2], 43);
  const y = noiseTensor([ROWS, STEPS, 2], 44);
  const lengths = [4, 0, 1, 3, 2, 4, 1];
  const stepsOf = (t: typeof x) => {
    const flat = rowsOf(tensor(t.data, [ROWS * STEPS, 2]));
    return range(ROWS).map((row) => flat.slice(row * STEPS, (row + 1) * STEPS));
  };
  const each = stepsOf(x).flatMap((steps, row) =>
    steps.map((p, t) => formulas.mse(p, stepsOf(y)[row]?.[t] as number[])),
  );
  const valid = lengths.flatMap((length) => range(STEPS).map((t) => (t < length ? 1 : 0)));
  const holes = range(ROWS * STEPS).map((i) => (i % 3 === 1 ? 0 : 1));

  const m = echo(2, null);
  const evaluate = async (options: Parameters<typeof m.evaluate>[2]) => {
    const logs = [];
    for (const device of DEVICES) {
      m.compile({ loss: 'mse', device });
      logs.push((await m.evaluate(x, y, options)).loss as number);
    }
    return logs;
  };
  const expectLoss = async (options: Parameters<typeof m.evaluate>[2], weights?: number[]) => {
    for (const loss of await evaluate(options)) {
      expectClose(loss, formulas.weightedMean(each, weights), 1e-7);
    }
  };

  it('count one by one', async () => {
    await expectLoss({});
  });

  it('that a mask hides do not count', async () => {
    await expectLoss({ lengths }, valid);
    await expectLoss({ mask: tensor(Uint8Array.from(holes), [ROWS, STEPS]) }, holes);
  });

  it('have weights of their own, or that of their row', async () => {
    const perStep = Float32Array.from(noise(ROWS * STEPS, 45), Math.abs);
    await expectLoss({ sampleWeight: tensor(perStep, [ROWS, STEPS]) }, [...perStep]);
    const perRow = range(ROWS).map((row) => row / 4);
    const spread = range(ROWS * STEPS).map((i) => Math.floor(i / STEPS) / 4);
    await expectLoss({ sampleWeight: perRow }, spread);
    const both = spread.map((w, i) => w * (valid[i] as number));
    await expectLoss({ sampleWeight: perRow, lengths }, both);
    const all = [...perStep].map((w, i) => w * (holes[i] as number));
    await expectLoss(
      {
        sampleWeight: tensor(perStep, [ROWS, STEPS]),
        mask: tensor(Uint8Array.from(holes), [ROWS, STEPS]),
      },
      all,
    );
  });
});

describe('steps of several rows', () => {
  it('count with all of their rows, or none', async () => {
    // [rows, steps, places, features]: a mask says which steps exist, a place has a loss of its own.
    const places = 3;
    const x = noiseTensor([2, STEPS, places, 2], 45);
    const y = noiseTensor([2, STEPS, places, 2], 46);
    const flat = ({ data }: Tensor) => rowsOf(tensor([...data], [2 * STEPS * places, 2]));
    const losses = flat(x).map((row, i) => formulas.mse(row, flat(y)[i] as number[]));
    const lengths = [1, STEPS];
    const isThere = (i: number) =>
      Math.floor(i / places) % STEPS < (lengths[Math.floor(i / places / STEPS)] as number);
    const expected = formulas.weightedMean(losses.filter((_, i) => isThere(i)));
    for (const device of DEVICES) {
      const m = sequential([layers.dense({ units: 2, name: 'echo' })], {
        inputShape: [null, places, 2],
      });
      m.setWeights({ 'echo/kernel': tensor([1, 0, 0, 1], [2, 2]) });
      m.compile({ loss: 'mse', device });
      expectClose((await m.evaluate(x, y, { lengths })).loss as number, expected, 1e-6);
    }
  });
});

describe('the batch size', () => {
  it('does not change the result', async () => {
    const m = smallGru();
    m.compile({ loss: 'mse', metrics: ['mae'] });
    const x = noiseTensor([23, 5, 2], 46);
    const y = noiseTensor([23, 1], 47);
    const lengths = range(23).map((row) => row % 6);
    const sampleWeight = range(23).map((row) => (row % 4) / 2);
    const whole = await m.evaluate(x, y, { lengths, sampleWeight });
    for (const batchSize of [1, 2, 7, 22, 23, 24, 1000]) {
      const logs = await m.evaluate(x, y, { lengths, sampleWeight, batchSize });
      expectClose(Object.values(logs), Object.values(whole), 1e-7);
    }
  });

  it('is a positive integer', async () => {
    const m = echo(1);
    m.compile({ loss: 'mse' });
    for (const batchSize of [0, -1, 1.5, Number.NaN, '8' as never]) {
      const work = m.evaluate(tensor([[1]]), tensor([[1]]), { batchSize });
      await expectFailure(
        work,
        'INVALID_ARGUMENT',
        /evaluate: expected an integer >= 1 for batchSize/,
      );
    }
  });
});

describe('a loss that is not finite', () => {
  it('rejects, unless it was asked for', async () => {
    const m = echo(1);
    m.compile({ loss: 'mse', metrics: ['mae'] });
    const data = [tensor([[1], [2]]), tensor([[Number.NaN], [2]])] as const;
    await expectFailure(m.evaluate(...data), 'NON_FINITE', /the loss of output echo is nan/i);
    const logs = await m.evaluate(...data, { terminateOnNaN: false });
    expect(logs).toEqual({ loss: Number.NaN, mae: Number.NaN });
  });
});

describe('evaluate', () => {
  it('changes nothing', async () => {
    const m = smallGru();
    m.compile({ loss: 'mse', optimizer: 'adam' });
    const before = m.getWeights();
    await m.evaluate(noiseTensor([4, 3, 2]), noiseTensor([4, 1]));
    expect(m.getWeights()).toEqual(before);
  });

  it('refuses options that it does not have', async () => {
    const m = echo(1);
    m.compile({ loss: 'mse' });
    const work = m.evaluate(tensor([[1]]), tensor([[1]]), { epochs: 1 } as never);
    await expectFailure(work, 'INVALID_ARGUMENT', /evaluate: unknown option 'epochs'/);
  });
});
