// AbortSignal and dispose: however a call ends early, its promise settles with the right error.
import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import {
  AbortError,
  load,
  type Model,
  SluiceError,
  type SluiceErrorCode,
  type Tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  busyModel,
  FEATURES,
  FIT,
  STEPS,
  trainedAlone,
  weightBits,
  x,
  y,
} from '../support/busyModel.js';
import { expectFailure, failureOf } from '../support/failure.js';
import { noiseTensor } from '../support/numbers.js';

type Call = (m: Model, signal?: AbortSignal) => Promise<unknown>;

const optional = (signal: AbortSignal | undefined) => (signal ? { signal } : {});
const cotangent = y;

/** Each in several runs where there can be several. */
const calls: Record<string, Call> = {
  fit: (m, signal) => m.fit(x, y, { ...FIT, ...optional(signal) }),
  'fit with validation': (m, signal) =>
    m.fit(x, y, { ...FIT, validationSplit: 0.5, ...optional(signal) }),
  trainOnBatch: (m, signal) => m.trainOnBatch(x, y, optional(signal)),
  predict: (m, signal) => m.predict(x, { batchSize: 3, ...optional(signal) }),
  evaluate: (m, signal) => m.evaluate(x, y, { batchSize: 3, ...optional(signal) }),
  gradients: (m, signal) => m.gradients(x, y, optional(signal)),
  'gradients of a loss': (m, signal) => m.gradients(x, y, { loss: 'mae', ...optional(signal) }),
  vjp: (m, signal) => m.vjp(x, cotangent, optional(signal)),
};
const entries = Object.entries(calls);

function expectAbort(error: unknown, reason: unknown): void {
  expect(error).toBeInstanceOf(AbortError);
  expect(error).toBeInstanceOf(SluiceError);
  expect(error).toMatchObject({ name: 'AbortError', code: 'ABORTED' });
  expect((error as AbortError).cause).toBe(reason);
}

describe('a signal that was aborted before', () => {
  it.each(entries)('%s does not begin', async (name, call) => {
    using m = busyModel();
    const before = weightBits(m.getWeights());
    const reason = new RangeError('mine');
    const error = await failureOf(call(m, AbortSignal.abort(reason)));
    expectAbort(error, reason);
    const history = name.startsWith('fit') ? { epoch: [], history: {} } : undefined;
    expect((error as AbortError).history).toEqual(history);
    expect(weightBits(m.getWeights())).toBe(before);
    await call(m);
  });
});

describe('a signal that is aborted in the middle', () => {
  it.each(entries)('ends %s, or comes too late', async (_name, call) => {
    using m = busyModel();
    for (const [turns, reason] of [new RangeError('mine'), undefined, 'a text'].entries()) {
      const controller = new AbortController();
      const running = call(m, controller.signal);
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      controller.abort(reason);
      const [result] = await Promise.allSettled([running]);
      if (result.status === 'rejected') expectAbort(result.reason, controller.signal.reason);
      // At once it cannot be too late.
      else expect(turns).toBeGreaterThan(0);
    }
    // The model is none the worse for it.
    await call(m);
  });

  it('ends a long prediction and a long evaluation', async () => {
    using m = busyModel();
    const rows = 2000;
    const [many, answers] = [noiseTensor([rows, STEPS, FEATURES]), noiseTensor([rows, 1])];
    for (const call of [
      (signal: AbortSignal) => m.predict(many, { batchSize: 4, signal }),
      (signal: AbortSignal) => m.evaluate(many, answers, { batchSize: 4, signal }),
    ]) {
      const controller = new AbortController();
      const running = failureOf(call(controller.signal));
      await setImmediate();
      controller.abort();
      expectAbort(await running, controller.signal.reason);
    }
  });

  it('leaves the model at a whole step, which training goes on from', async () => {
    using m = busyModel();
    const controller = new AbortController();
    const after: string[] = [];
    const abortAt17 = () => {
      after.push(weightBits(m.getWeights()));
      if (after.length === 17) void setImmediate().then(() => controller.abort());
    };
    const callbacks = [{ onBatchEnd: abortAt17 }];
    const error = await failureOf(m.fit(x, y, { ...FIT, callbacks, signal: controller.signal }));
    expectAbort(error, controller.signal.reason);
    expect(after.length).toBeLessThan(48);
    // The step after the last callback may have been published or not.
    const now = weightBits(m.getWeights());
    using other = busyModel();
    const steps: string[] = [];
    const keep = { onBatchEnd: () => void steps.push(weightBits(other.getWeights())) };
    await other.fit(x, y, { ...FIT, callbacks: [keep] });
    expect(steps.slice(0, after.length)).toEqual(after);
    expect(steps.slice(after.length - 1, after.length + 1)).toContain(now);
  });

  it('hands over the history of the epochs that were finished', async () => {
    using m = busyModel();
    const controller = new AbortController();
    const abort = (epoch: number, batch: number) => {
      if (epoch === 2 && batch === 1) controller.abort();
    };
    let epoch = 0;
    const callback = {
      onEpochBegin: (number: number) => {
        epoch = number;
      },
      onBatchEnd: (batch: number) => abort(epoch, batch),
    };
    const error = await failureOf(
      m.fit(x, y, { ...FIT, callbacks: [callback], signal: controller.signal }),
    );
    expectAbort(error, controller.signal.reason);
    const { history } = error as AbortError;
    expect(history?.epoch).toEqual([0, 1]);
    expect(Object.keys(history?.history ?? {})).toEqual(['loss', 'mae']);
    expect(history?.history.loss).toHaveLength(2);
  });

  it('of a timeout has the timeout as its cause', async () => {
    using m = busyModel();
    const error = await failureOf(m.fit(x, y, { epochs: 1e6, signal: AbortSignal.timeout(20) }));
    expect((error as AbortError).cause).toMatchObject({ name: 'TimeoutError' });
  });

  it('of one call leaves others alone', async () => {
    using m = busyModel();
    const controller = new AbortController();
    const predicted = m.predict(x, { batchSize: 3 });
    const aborted = failureOf(m.predict(x, { batchSize: 3, signal: controller.signal }));
    const fit = m.fit(x, y, FIT);
    controller.abort();
    expectAbort(await aborted, controller.signal.reason);
    expect((await predicted).shape).toEqual([96, 1]);
    await fit;
    expect(weightBits(m.getWeights())).toBe(await trainedAlone());
  });

  it('is not listened to any more when the call has ended', async () => {
    using m = busyModel();
    const controller = new AbortController();
    for (const call of Object.values(calls)) await call(m, controller.signal);
    await expectFailure(m.fit(x, x, { signal: controller.signal }), 'SHAPE_MISMATCH');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });
});

describe('dispose', () => {
  /** Everything that a disposed model refuses. */
  const uses: Record<string, (m: Model) => unknown> = {
    ...calls,
    compile: (m) => m.compile({ loss: 'mse' }),
    stream: (m) => m.stream(),
    save: (m) => m.save(),
    summary: (m) => m.summary(),
    explain: (m) => m.explain(),
    weights: (m) => m.weights,
    getWeights: (m) => m.getWeights(),
    setWeights: (m) => m.setWeights({}),
    freeze: (m) => m.freeze('gru'),
    unfreeze: (m) => m.unfreeze('gru'),
    getStates: (m) => m.getStates(),
    setStates: (m) => m.setStates({}),
    resetStates: (m) => m.resetStates(),
  };

  it.each(Object.entries(uses))('%s is refused afterwards', async (_name, use) => {
    const m = busyModel();
    m.dispose();
    m.dispose();
    await expectFailure(async () => use(m), 'DISPOSED');
  });

  it.each(entries)('%s that is under way settles', async (name, call) => {
    for (const turns of [0, 1, 2, 5, 20]) {
      const m = busyModel();
      const running = call(m);
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      m.dispose();
      const [result] = await Promise.allSettled([running]);
      // What consists of one run may come to its end.
      if (result.status === 'rejected') {
        expect(result.reason).toBeInstanceOf(SluiceError);
        expect(result.reason).toMatchObject({ code: 'DISPOSED' satisfies SluiceErrorCode });
      } else if (turns === 0) {
        expect(name).toMatch(/gradients of a loss/);
      }
      await expectFailure(m.predict(x), 'DISPOSED');
    }
  });

  it('inside a callback ends fit', async () => {
    for (const event of ['onTrainBegin', 'onEpochBegin', 'onBatchBegin', 'onBatchEnd'] as const) {
      const m = busyModel();
      await expectFailure(m.fit(x, y, { callbacks: [{ [event]: () => m.dispose() }] }), 'DISPOSED');
    }
    const m = busyModel();
    const { history } = await m.fit(x, y, { callbacks: [{ onTrainEnd: () => m.dispose() }] });
    expect(history.loss).toHaveLength(1);
  });

  it('a save that is under way still writes the model', async () => {
    const m = busyModel();
    const before = weightBits(m.getWeights());
    const saved = m.save();
    m.dispose();
    using loaded = await load(await saved);
    expect(weightBits(loaded.getWeights())).toBe(before);
  });

  it('a prediction in one run that has begun comes to its end', async () => {
    const m = busyModel();
    const expected = await m.predict(x);
    const results: Tensor[] = [];
    const running = m.predict(x).then((result) => results.push(result));
    await Promise.resolve();
    await setImmediate();
    m.dispose();
    await running;
    expect(results).toEqual([expected]);
  });
});
