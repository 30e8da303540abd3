import {
  type FitOptions,
  layers,
  type Model,
  optimizers,
  sequential,
  setSeed,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, linear, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { expectClose, noiseTensor, range } from '../support/numbers.js';
import { numberedRows, numbering, ordersOf } from '../support/watch.js';

const ROWS = 10;
const x = noiseTensor([ROWS, 4, 2], 121);
const y = noiseTensor([ROWS, 1], 122);

function compiled(seed = 1): Model {
  const m = smallGru(seed);
  m.compile({ loss: 'mse', metrics: ['mae'], optimizer: optimizers.adam({ learningRate: 0.01 }) });
  return m;
}

function rowsFrom(t: Tensor, from: number, to: number): Tensor {
  const width = t.data.length / (t.shape[0] as number);
  const data = (t.data as Float32Array).slice(from * width, to * width);
  return tensor(data, [to - from, ...t.shape.slice(1)]);
}

describe('an epoch', () => {
  it('is one update a batch, the last one with the rows that are left', async () => {
    const [fitted, stepped] = [compiled(), compiled()];
    const { epoch, history } = await fitted.fit(x, y, { batchSize: 4, shuffle: false, epochs: 2 });
    expect(epoch).toEqual([0, 1]);
    for (const e of range(2)) {
      const sums = { loss: 0, mae: 0 };
      for (const [from, to] of [
        [0, 4],
        [4, 8],
        [8, 10],
      ] as const) {
        const logs = await stepped.trainOnBatch(rowsFrom(x, from, to), rowsFrom(y, from, to));
        // Of the batch before its update; a row counts as much in the last batch as in the others.
        for (const name of ['loss', 'mae'] as const) {
          sums[name] += (logs[name] as number) * (to - from);
        }
      }
      expectClose(history.loss?.[e] as number, sums.loss / ROWS, 1e-12);
      expectClose(history.mae?.[e] as number, sums.mae / ROWS, 1e-12);
    }
    expect(fitted.getWeights()).toEqual(stepped.getWeights());
  });

  it('has batches of 32 rows where nothing else is said', async () => {
    const [nothing, named] = [compiled(), compiled()];
    const [many, targets] = [noiseTensor([70, 2, 2], 123), noiseTensor([70, 1], 124)];
    const batches: number[] = [];
    const watch = { onBatchEnd: (batch: number) => void batches.push(batch) };
    await nothing.fit(many, targets, { callbacks: [watch] });
    await named.fit(many, targets, { batchSize: 32, epochs: 1, shuffle: true });
    expect(batches).toEqual([0, 1, 2]);
    expect(nothing.getWeights()).toEqual(named.getWeights());
  });

  it('may be one batch of more rows than there are', async () => {
    const [one, other] = [compiled(), compiled()];
    await one.fit(x, y, { batchSize: 1000, shuffle: false });
    await other.trainOnBatch(x, y);
    expect(one.getWeights()).toEqual(other.getWeights());
  });

  it('weighs a batch by its weights', async () => {
    const sampleWeight = [1, 0, 0, 0, 0.5, 0, 3, 0, 1, 1];
    const m = compiled();
    m.learningRate = 0;
    const { loss, mae } = await m.evaluate(x, y, { sampleWeight });
    const { history } = await m.fit(x, y, { sampleWeight, batchSize: 3 });
    expectClose(history.loss as number[], [loss as number], 1e-7);
    expectClose(history.mae as number[], [mae as number], 1e-7);
  });

  it('is that of validation, too, where a model carries states', async () => {
    const m = sequential([layers.gru({ units: 2, stateful: true })], { inputShape: [3, 1] });
    m.compile({ loss: 'mse', optimizer: 'sgd' });
    const [many, targets] = [noiseTensor([12, 3, 1], 1), noiseTensor([12, 2], 2)];
    const validationData = { x: noiseTensor([8, 3, 1], 3), y: noiseTensor([8, 2], 4) };
    const options = { batchSize: 4, shuffle: false, validationData };
    const { history } = await m.fit(many, targets, options);
    expect(history.val_loss).toHaveLength(1);
  });

  it('sees each row once, also where a batch is copied in slices', async () => {
    // 2 MiB a batch.
    const m = echo(8);
    m.compile({ loss: 'mse', optimizer: 'sgd' });
    m.learningRate = 0;
    const [many, targets] = [noiseTensor([150_000, 8], 1), noiseTensor([150_000, 8], 2)];
    const { loss } = await m.evaluate(many, targets);
    const { history } = await m.fit(many, targets, { batchSize: 65_536 });
    expectClose(history.loss as number[], [loss as number], 1e-9);
  });
});

describe('the number of epochs', () => {
  it('counts from initialEpoch, and callbacks see the same numbers', async () => {
    const m = compiled();
    const seen: number[] = [];
    const options = { callbacks: [{ onEpochEnd: (epoch: number) => void seen.push(epoch) }] };
    const first = await m.fit(x, y, { ...options, epochs: 2 });
    const second = await m.fit(x, y, { ...options, initialEpoch: 2, epochs: 5 });
    expect(first.epoch).toEqual([0, 1]);
    expect(second.epoch).toEqual([2, 3, 4]);
    expect(second.history.loss).toHaveLength(3);
    expect(Object.keys(second.history)).toEqual(['loss', 'mae']);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  it('may be reached already', async () => {
    const m = compiled();
    const before = m.getWeights();
    const events: string[] = [];
    const callbacks = [
      {
        onTrainBegin: () => void events.push('begin'),
        onEpochBegin: () => void events.push('epoch'),
        onTrainEnd: () => void events.push('end'),
      },
    ];
    const nothing = await m.fit(x, y, { initialEpoch: 3, epochs: 3, callbacks });
    expect(nothing).toEqual({ epoch: [], history: {} });
    expect(events).toEqual(['begin', 'end']);
    expect(m.getWeights()).toEqual(before);
  });

  it('may be reached in several calls: the same as in one', async () => {
    const [one, several] = [compiled(), compiled()];
    const whole = await one.fit(x, y, { epochs: 5, batchSize: 3 });
    const losses = [];
    for (const [initialEpoch, epochs] of [
      [0, 2],
      [2, 3],
      [3, 5],
    ] as const) {
      const { history } = await several.fit(x, y, { initialEpoch, epochs, batchSize: 3 });
      losses.push(...(history.loss as number[]));
    }
    expect(losses).toEqual(whole.history.loss);
    expect(several.getWeights()).toEqual(one.getWeights());
  });
});

describe('shuffling', () => {
  const inOrder = range(20);
  const sorted = (order: number[]) => [...order].sort((a, b) => a - b);

  it('false keeps the order', async () => {
    expect(await ordersOf(numbering(), 20, { shuffle: false, epochs: 2 })).toEqual([
      inOrder,
      inOrder,
    ]);
  });

  it('is on by default: a new order of all rows in each epoch', async () => {
    const orders = await ordersOf(numbering(), 20, { epochs: 4 });
    for (const order of orders) expect(sorted(order)).toEqual(inOrder);
    expect(new Set([inOrder, ...orders].map(String)).size).toBe(5);
  });

  it('follows the seed: of the model, or of the call', async () => {
    const orders = (seed: number, options: FitOptions = {}) =>
      ordersOf(numbering(seed), 20, { epochs: 2, ...options });
    const first = await orders(1);
    expect(await orders(1)).toEqual(first);
    expect(await orders(2)).not.toEqual(first);
    expect(await orders(2, { seed: 1 })).toEqual(first);
    expect(await orders(1, { seed: 7 })).toEqual(await orders(2, { seed: 7 }));
  });

  it('does not mix rows that are split off for validation', async () => {
    const orders = await ordersOf(numbering(), 20, { epochs: 3, validationSplit: 0.3 });
    for (const order of orders) expect(sorted(order)).toEqual(range(14));
  });

  it('does not change the data', async () => {
    const { x: data, y: targets } = numberedRows(20);
    await numbering().fit(data, targets, { epochs: 2 });
    expect([...targets.data]).toEqual(inOrder);
  });
});

describe('seeds', () => {
  const build = (seed?: number) => {
    const m = sequential(
      [layers.gru({ units: 3 }), layers.dropout({ rate: 0.4 }), layers.dense({ units: 1 })],
      { inputShape: [null, 2], ...(seed === undefined ? {} : { seed }) },
    );
    m.compile({ loss: 'mse', optimizer: 'adam' });
    return m;
  };
  const trained = async (m: Model, options: FitOptions = {}) => {
    await m.fit(x, y, { epochs: 3, batchSize: 4, ...options });
    return m.getWeights();
  };

  it('the same model seed gives the same training, another one another', async () => {
    const first = await trained(build(5));
    expect(await trained(build(5))).toEqual(first);
    expect(await trained(build(6))).not.toEqual(first);
  });

  it("fit's seed changes shuffles and dropout, not the initial weights", async () => {
    expect(build(5).getWeights()).toEqual(build(5).getWeights());
    const first = await trained(build(5), { seed: 9 });
    expect(await trained(build(5), { seed: 9 })).toEqual(first);
    expect(await trained(build(5))).not.toEqual(first);
    const dropout = (seed: number) => trained(build(5), { seed, shuffle: false });
    expect(await dropout(1)).not.toEqual(await dropout(2));
  });

  it('setSeed makes models without a seed reproducible', async () => {
    setSeed(42);
    const first = [build(), build()];
    setSeed(42);
    const again = [build(), build()];
    expect(first[0]?.seed).not.toBe(first[1]?.seed);
    expect(again.map(({ seed }) => seed)).toEqual(first.map(({ seed }) => seed));
    expect(await trained(again[0] as Model)).toEqual(await trained(first[0] as Model));
    setSeed(43);
    expect(build().seed).not.toBe(first[0]?.seed);
  });

  it.each([-1, 1.5, Number.NaN, '1'])('%o is none', async (seed) => {
    const work = build(1).fit(x, y, { seed: seed as number });
    await expectFailure(work, 'INVALID_ARGUMENT', /seed/);
    await expectFailure(() => setSeed(seed as number), 'INVALID_ARGUMENT', /seed/);
  });
});

describe('accumulateSteps', () => {
  it('adds up several batches for one update', async () => {
    const [parts, whole] = [compiled(), compiled()];
    const batches: number[] = [];
    const watch = { onBatchEnd: (batch: number) => void batches.push(batch) };
    // 10 rows: updates of 6 and of 4, in batches of 2.
    const options = { batchSize: 2, accumulateSteps: 3, epochs: 3, callbacks: [watch] };
    const { history } = await parts.fit(x, y, options);
    const expected = await whole.fit(x, y, { batchSize: 6, epochs: 3 });
    expect(batches).toEqual([0, 1, 0, 1, 0, 1]);
    expectClose(history.loss as number[], expected.history.loss as number[], 1e-6);
    for (const [name, { data }] of Object.entries(whole.getWeights())) {
      expectClose(parts.getWeights()[name]?.data ?? [], data, 1e-5);
    }
  });

  it('weighs by weights and masks over the whole update', async () => {
    const options = {
      lengths: range(ROWS).map((i) => i % 5),
      sampleWeight: range(ROWS).map((i) => i / 4),
    };
    const sgd = { loss: 'mse', optimizer: optimizers.sgd({ learningRate: 0.5 }) } as const;
    const [parts, whole] = [echo(2, null), echo(2, null)];
    for (const m of [parts, whole]) m.compile(sgd);
    const targets = noiseTensor([ROWS, 4, 2], 125);
    await parts.fit(x, targets, { ...options, batchSize: 3, accumulateSteps: 10, shuffle: false });
    await whole.trainOnBatch(x, targets, options);
    expectClose(
      parts.getWeights()['echo/kernel']?.data ?? [],
      whole.getWeights()['echo/kernel']?.data ?? [],
      1e-6,
    );
  });
});

describe('a loss that is not finite', () => {
  const spoilt = tensor(
    (y.data as Float32Array).map((value, i) => (i === 7 ? Number.NaN : value)),
    y.shape,
  );

  it('rejects before the update, naming epoch and batch; the weights are those of the last step', async () => {
    const [m, until] = [compiled(), compiled()];
    const work = m.fit(x, spoilt, { batchSize: 2, shuffle: false, epochs: 2 });
    const message = /^fit: epoch 1, batch 4: the loss of output dense is nan/i;
    const error = await expectFailure(work, 'NON_FINITE', message);
    expect(error.details.layer).toBe('dense');
    await until.fit(rowsFrom(x, 0, 6), rowsFrom(y, 0, 6), { batchSize: 2, shuffle: false });
    expect(m.getWeights()).toEqual(until.getWeights());
    await m.fit(x, y);
  });

  it('rejects in the validation as well', async () => {
    const work = compiled().fit(x, y, { validationData: [x, spoilt] });
    await expectFailure(work, 'NON_FINITE', /^fit: epoch 1, validation: /);
  });

  it('goes into the history with terminateOnNaN: false', async () => {
    const m = compiled();
    const options = { terminateOnNaN: false, epochs: 2, validationData: [x, y] as const };
    const { history } = await m.fit(x, spoilt, options);
    expect(history.loss).toEqual([Number.NaN, Number.NaN]);
    expect(history.val_loss).toEqual([Number.NaN, Number.NaN]);
  });
});

describe('while fit is under way', () => {
  it('what would disturb it is refused, the rest goes on', async () => {
    const m = compiled();
    const work = m.fit(x, y, { epochs: 3, batchSize: 1 });
    await expectFailure(m.fit(x, y), 'BUSY', /fit has to wait: fit is under way/);
    await expectFailure(m.trainOnBatch(x, y), 'BUSY');
    await expectFailure(() => m.compile({ loss: 'mse' }), 'BUSY', /compile has to wait/);
    await expectFailure(() => m.setWeights({}), 'BUSY');
    await expectFailure(() => m.freeze('gru'), 'BUSY');
    await m.evaluate(x, y);
    await m.gradients(x, y);
    m.getWeights();
    await work;
    m.compile({ loss: 'mse' });
  });

  it('stopTraining ends it after the batch, and a later fit goes on', async () => {
    const m = compiled();
    let batches = 0;
    const stop = {
      onBatchEnd() {
        if (++batches === 3) m.stopTraining = true;
      },
    };
    const { epoch, history } = await m.fit(x, y, { epochs: 5, batchSize: 2, callbacks: [stop] });
    expect(batches).toBe(3);
    expect(epoch).toEqual([0]);
    expect(history.loss).toHaveLength(1);
    expect(m.stopTraining).toBe(true);
    expect((await m.fit(x, y, { epochs: 2 })).epoch).toEqual([0, 1]);
  });

  it('the model may be disposed', async () => {
    const m = compiled();
    const dispose = { onBatchEnd: () => m.dispose() };
    await expectFailure(m.fit(x, y, { callbacks: [dispose], epochs: 3 }), 'DISPOSED');
    await expectFailure(m.fit(x, y), 'DISPOSED');
  });
});

describe('options of fit', () => {
  const wrong: [string, unknown, RegExp][] = [
    ['epochs of 0', { epochs: 0 }, /fit: expected an integer >= 1 for epochs, received 0/],
    ['half an epoch', { epochs: 1.5 }, /epochs/],
    ['a negative initialEpoch', { initialEpoch: -1 }, /initialEpoch/],
    ['batchSize of 0', { batchSize: 0 }, /batchSize/],
    ['shuffle by name', { shuffle: 'batch' }, /shuffle/],
    ['a validationSplit of 1', { validationSplit: 1 }, /validationSplit/],
    ['a negative validationSplit', { validationSplit: -0.1 }, /validationSplit/],
    ['validationFreq of 0', { validationFreq: 0 }, /validationFreq/],
    ['accumulateSteps of 0', { accumulateSteps: 0 }, /accumulateSteps/],
    ['terminateOnNaN as a number', { terminateOnNaN: 1 }, /terminateOnNaN/],
    ['verbose true', { verbose: true }, /'auto', 0, 1, 2/],
    ['verbose 3', { verbose: 3 }, /verbose/],
    ['a callback alone', { callbacks: { onEpochEnd() {} } }, /an array of callbacks/],
    ['a signal that is none', { signal: { aborted: false } }, /an AbortSignal/],
    [
      'a misspelt name',
      { batch_size: 32 },
      /unknown option 'batch_size', did you mean 'batchSize'/,
    ],
    ['no object', 5, /options/],
  ];

  it.each(wrong)('%s is refused', async (_name, options, message) => {
    const m = compiled();
    const before = m.getWeights();
    await expectFailure(m.fit(x, y, options as FitOptions), 'INVALID_ARGUMENT', message);
    expect(m.getWeights()).toEqual(before);
  });

  it('that are undefined count as absent', async () => {
    const [plain, spelt] = [compiled(), compiled()];
    const undefinedOptions = { epochs: undefined, batchSize: undefined, signal: undefined };
    await plain.fit(x, y);
    await spelt.fit(x, y, undefinedOptions as unknown as FitOptions);
    expect(spelt.getWeights()).toEqual(plain.getWeights());
  });

  it.each(['truncate', 'checkpoint', 'resume'])('%s is for a later release', async (name) => {
    const work = compiled().fit(x, y, { [name]: 1 } as FitOptions);
    await expectFailure(work, 'UNSUPPORTED', new RegExp(`'${name}' is not part of this release`));
  });
});

describe('training', () => {
  it('finds the line that made the data', async () => {
    const m = linear();
    m.compile({ loss: 'mse', optimizer: optimizers.sgd({ learningRate: 0.3 }) });
    const [kernel, bias] = [noiseTensor([2, 3], 126), noiseTensor([3], 127)];
    const teacher = linear();
    teacher.setWeights({ 'linear/kernel': kernel, 'linear/bias': bias });
    const rows = noiseTensor([64, 2], 128);
    const { history } = await m.fit(rows, await teacher.predict(rows), {
      epochs: 300,
      batchSize: 16,
    });
    expect(history.loss?.at(-1)).toBeLessThan(1e-9);
    expectClose(m.getWeights()['linear/kernel']?.data ?? [], kernel.data, 1e-4);
    expectClose(m.getWeights()['linear/bias']?.data ?? [], bias.data, 1e-4);
  });
});
