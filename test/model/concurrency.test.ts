// What may go on beside a training call, and what is refused.
import { setImmediate } from 'node:timers/promises';
import {
  callbacks,
  layers,
  load,
  type Model,
  type SluiceErrorCode,
  sequential,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  answers,
  bitsOf,
  busyModel,
  FEATURES,
  FIT,
  looks,
  probe,
  STEPS,
  trainedAlone,
  UPDATES,
  weightBits,
  x,
  y,
} from '../support/busyModel.js';
import { expectFailure, failureOf } from '../support/failure.js';
import { noiseTensor, range } from '../support/numbers.js';

describe('while a training call is under way', () => {
  /** All that changes what the training call works on. */
  const refused: Record<string, (m: Model) => unknown> = {
    fit: (m) => m.fit(x, y),
    trainOnBatch: (m) => m.trainOnBatch(x, y),
    setWeights: (m) => m.setWeights(m.getWeights()),
    compile: (m) => m.compile({ loss: 'mae' }),
    freeze: (m) => m.freeze('dense'),
    unfreeze: (m) => m.unfreeze('dense'),
  };
  const trainings: Record<string, (m: Model) => Promise<unknown>> = {
    fit: (m) => m.fit(x, y, FIT),
    trainOnBatch: (m) => m.trainOnBatch(x, y),
  };

  for (const [training, train] of Object.entries(trainings)) {
    it(`${training} refuses another one and changes of what it works on`, async () => {
      using m = busyModel();
      using undisturbed = busyModel();
      let isOver = false;
      const running = train(m).finally(() => {
        isOver = true;
      });
      while (!isOver) {
        for (const call of Object.values(refused)) {
          // The last of them may find that it is over.
          const error = await failureOf(async () => call(m)).catch(() => undefined);
          if (!isOver) expect(error).toMatchObject({ code: 'BUSY' });
          else break;
        }
        await setImmediate();
      }
      await running;
      await train(undisturbed);
      for (const call of Object.values(refused)) await call(m);
    });
  }

  it('nothing that was refused has changed anything', async () => {
    using m = busyModel();
    const codes = new Set<SluiceErrorCode>();
    const tryAll = async () => {
      for (const call of Object.values(refused)) {
        const error = await expectFailure(async () => call(m), 'BUSY', /fit/);
        codes.add(error.code);
      }
    };
    await m.fit(x, y, { ...FIT, callbacks: [{ onBatchBegin: tryAll, onBatchEnd: tryAll }] });
    expect([...codes]).toEqual(['BUSY']);
    expect(weightBits(m.getWeights())).toBe(await trainedAlone());
    // Neither the loss, nor what is frozen.
    expect(m.weights.every(({ trainable }) => trainable)).toBe(true);
    expect(Object.keys(await m.evaluate(x, y))).toEqual(['loss', 'mae']);
  });

  it('other models are free', async () => {
    const alone = await trainedAlone();
    using first = busyModel();
    using second = busyModel();
    const fits = [first.fit(x, y, FIT), second.fit(x, y, FIT)];
    using third = await load(await first.save());
    third.setWeights(second.getWeights());
    third.compile({ loss: 'mse' });
    await third.trainOnBatch(x, y);
    await Promise.all(fits);
    expect([first, second].map((m) => weightBits(m.getWeights()))).toEqual([alone, alone]);
  });

  it('a model is free again after a call that failed', async () => {
    using m = busyModel();
    await expectFailure(m.fit(x, tensor([1, 2])), 'SHAPE_MISMATCH');
    const throwing = { onBatchEnd: () => Promise.reject(new RangeError('mine')) };
    expect(await failureOf(m.fit(x, y, { callbacks: [throwing] }))).toBeInstanceOf(RangeError);
    const nan = tensor(new Float32Array(y.size).fill(Number.NaN), y.shape);
    await expectFailure(m.fit(x, nan), 'NON_FINITE', /epoch 1, batch 1/);
    await expectFailure(m.trainOnBatch(x, nan), 'NON_FINITE');
    m.setWeights(m.getWeights());
    await m.fit(x, y);
  });
});

describe('many calls at once', () => {
  it('each predict gets its own rows', async () => {
    using m = busyModel();
    const rows = range(40).map((i) => noiseTensor([1 + (i % 3), STEPS, FEATURES], i));
    const alone = [];
    for (const row of rows) alone.push(bitsOf((await m.predict(row)).data));
    const fit = m.fit(x, y, { epochs: 1, callbacks: [{ onTrainBegin: () => blocked }] });
    const together = await Promise.all(rows.map((row) => m.predict(row, { batchSize: 2 })));
    release();
    await fit;
    expect(together.map(({ data }) => bitsOf(data))).toEqual(alone);
  });

  let release = () => {};
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });

  it('evaluate, gradients and vjp beside each other give what they give alone', async () => {
    using m = busyModel();
    const calls = [
      () => m.evaluate(probe, answers),
      () => m.gradients(probe, answers, { loss: 'huber' }),
      () => m.gradients(probe, answers),
      () => m.vjp(probe, answers),
      () => m.predict(probe),
    ];
    const alone = [];
    for (const call of calls) alone.push(await call());
    const together = await Promise.all([...calls, ...calls].map((call) => call()));
    expect(together).toEqual([...alone, ...alone]);
  });
});

/** Waits for something that callbacks bring about. */
async function reached(isReached: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1e5 && !isReached(); turns++) await setImmediate();
}

describe('from inside a callback', () => {
  it('everything that only reads may be awaited and changes nothing', async () => {
    using m = busyModel();
    const read = async () => {
      for (const look of Object.values(looks)) await look(m);
      m.summary();
      m.explain();
    };
    const all = {
      onTrainBegin: read,
      onEpochBegin: read,
      onBatchBegin: read,
      onBatchEnd: read,
      onEpochEnd: read,
      onTrainEnd: read,
    };
    await m.fit(x, y, { ...FIT, epochs: 1, callbacks: [all] });
    expect(weightBits(m.getWeights())).toBe(await trainedAlone({ epochs: 1 }));
  });

  it('weights may be set through the callback’s own model', async () => {
    using m = busyModel();
    const before = m.getWeights();
    const data = Object.fromEntries(Object.entries(before).map(([name, w]) => [name, w.data]));
    await m.fit(x, y, { callbacks: [{ onTrainEnd: (_logs, model) => model.setWeights(data) }] });
    expect(weightBits(m.getWeights())).toBe(weightBits(before));
  });

  it('weights may be set while somebody else evaluates', async () => {
    using m = busyModel();
    const evaluations: Promise<unknown>[] = [];
    const evaluate = () => void evaluations.push(m.evaluate(x, y, { batchSize: 4 }));
    const best = callbacks.earlyStopping({ monitor: 'loss', patience: 9, restoreBest: true });
    const [fit] = await Promise.allSettled([
      m.fit(x, y, { ...FIT, callbacks: [{ onEpochEnd: evaluate }, best] }),
    ]);
    await Promise.all(evaluations);
    expect(fit).toMatchObject({ status: 'fulfilled' });
  });

  it('the learning rate may be set at any time', async () => {
    using m = busyModel();
    const after: string[] = [];
    const keep = { onBatchEnd: () => void after.push(weightBits(m.getWeights())) };
    const fit = m.fit(x, y, { ...FIT, callbacks: [keep] });
    await Promise.race([fit, reached(() => after.length >= 5)]);
    m.learningRate = 0;
    // The step that is under way may still have the old one.
    const first = after.length + 1;
    await fit;
    expect(first).toBeLessThan(UPDATES - 1);
    expect(new Set(after.slice(0, first - 1)).size).toBe(first - 1);
    expect(new Set(after.slice(first)).size).toBe(1);
  });
});

describe('states', () => {
  it('may be reset between two steps of fit', async () => {
    using m = busyModel({ stateful: true });
    const seen: number[] = [];
    const reset = () => {
      seen.push(Object.keys(m.getStates()).length);
      m.resetStates();
    };
    await m.fit(x, y, { ...FIT, callbacks: [{ onEpochEnd: reset }] });
    expect(seen).toEqual([3, 3, 3, 3]);
  });

  it('are those of one call at a time', async () => {
    using m = busyModel({ stateful: true });
    const rows = { batchSize: FIT.batchSize };
    const inference = { predict: () => m.predict(x, rows), evaluate: () => m.evaluate(x, y, rows) };
    const fit = m.fit(x, y, FIT);
    for (const call of Object.values(inference)) await expectFailure(call, 'BUSY', /fit/);
    await fit;
    for (const first of Object.values(inference)) {
      m.resetStates();
      const running = first();
      const others = { ...inference, fit: () => m.fit(x, y, FIT) };
      for (const call of Object.values(others)) await expectFailure(call, 'BUSY', /states/);
      await running;
    }
  });

  it('are not set while a call goes on that writes them', async () => {
    using m = sequential([layers.gru({ units: 16, stateful: true })], { inputShape: [null, 4] });
    await m.predict(probe, { batchSize: 1 });
    const states = m.getStates();
    let isOver = false;
    const predicted = m
      .predict(noiseTensor([50, STEPS, FEATURES]), { batchSize: 1 })
      .finally(() => {
        isOver = true;
      });
    let turns = 0;
    while (!isOver) {
      for (const call of [() => m.resetStates(), () => m.setStates(states)]) {
        await expectFailure(async () => call(), 'BUSY');
      }
      // Now after a step of the call, now between two of them.
      if (turns++ % 2 === 0) await setImmediate();
      else await Promise.resolve();
    }
    await predicted;
    m.resetStates();
    m.setStates(states);
    expect(m.getStates()).toEqual(states);
  });
});
