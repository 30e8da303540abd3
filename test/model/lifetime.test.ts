// One training call at a time, and what is left of a model that was disposed.
import { load, type Model, setThreads, type Tensor, tensor } from 'sluice';
import { afterAll, describe, expect, it } from 'vitest';
import { Bystander, STRANGERS, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

const bystander = new Bystander();
const [x, y] = [sequences(64), targets(64)];

/** Everything that changes a model. */
const CHANGES: Record<string, (model: Model) => unknown> = {
  fit: (model) => model.fit(x, y, { verbose: 0 }),
  trainOnBatch: (model) => model.trainOnBatch(x, y),
  setWeights: (model) => model.setWeights({ 'dense/bias': tensor([1]) }),
  compile: (model) => model.compile({ loss: 'mae' }),
  freeze: (model) => model.freeze('gru'),
  unfreeze: (model) => model.unfreeze('gru'),
};

/** Everything that only looks at it. */
const LOOKS: Record<string, (model: Model) => unknown> = {
  predict: (model) => model.predict(x),
  evaluate: (model) => model.evaluate(x, y),
  gradients: (model) => model.gradients(x, y),
  vjp: (model) => model.vjp(x, y),
  save: (model) => model.save(),
  getWeights: (model) => model.getWeights(),
  weights: (model) => model.weights,
  getStates: (model) => model.getStates(),
  stream: (model) => model.stream().push(new Float32Array(3)),
  summary: (model) => model.summary(),
  explain: (model) => model.explain({ mode: 'train' }),
};

describe('while fit is under way', () => {
  it.each(Object.entries(CHANGES))('%s is refused', async (name, change) => {
    const model = victim();
    const fit = model.fit(x, y, { batchSize: 8, verbose: 0 });
    const text = await refusalText(() => change(model), 'BUSY', { received: 'fit' });
    expect(text).toBe(`${name} has to wait: fit is under way`);
    const calm = victim();
    await calm.fit(x, y, { batchSize: 8, verbose: 0 });
    await fit;
    expect(model.getWeights()).toEqual(calm.getWeights());
    await change(model);
  });

  it.each(Object.entries(LOOKS))('%s is fine', async (_name, look) => {
    const [model, calm] = [victim(), victim()];
    const callbacks = [{ onBatchEnd: async () => void (await look(model)) }];
    await model.fit(x, y, { batchSize: 8, verbose: 0, callbacks });
    await calm.fit(x, y, { batchSize: 8, verbose: 0 });
    expect(model.getWeights()).toEqual(calm.getWeights());
  });

  it('a callback that throws ends it, and the model is free again', async () => {
    const model = victim();
    const mine = new Error('mine');
    const callbacks = [
      {
        onBatchEnd() {
          throw mine;
        },
      },
    ];
    await expect(model.fit(x, y, { verbose: 0, callbacks })).rejects.toBe(mine);
    await expect(
      model.fit(x, y, { verbose: 0, callbacks: [{ onEpochEnd: () => Promise.reject(mine) }] }),
    ).rejects.toBe(mine);
    await model.fit(x, y, { verbose: 0 });
  });
});

describe('after dispose', () => {
  it.each(Object.entries({ ...CHANGES, ...LOOKS }))('%s is refused', async (name, call) => {
    const model = victim();
    model.dispose();
    const text = await refusalText(() => call(model), 'DISPOSED');
    expect(text).toBe(`${name}: the model was disposed`);
  });

  it('other methods are refused too, and dispose is harmless', async () => {
    const model = victim();
    model.dispose();
    model.dispose();
    model[Symbol.dispose]();
    await refusal(() => model.resetStates(), 'DISPOSED');
    await refusal(() => model.setStates({}), 'DISPOSED');
    expect(model.inputNames).toEqual(['input']);
    await bystander.check();
  });

  it('the other models of the same layers and files live on', async () => {
    const model = victim();
    const again = await load(await model.save());
    model.dispose();
    expect((await again.predict(x)).shape).toEqual([64, 1]);
  });
});

describe('dispose in the middle of a call', () => {
  const settled = async (work: Promise<unknown>): Promise<unknown> => {
    const [result] = await Promise.allSettled([work]);
    return result?.status === 'rejected' ? result.reason : result?.value;
  };

  it('lets a run end, or refuses it, and harms nobody', async () => {
    for (const name of ['predict', 'evaluate', 'gradients', 'vjp', 'save'] as const) {
      const model = victim();
      await bystander.beside(async () => {
        const work = LOOKS[name]?.(model) as Promise<unknown>;
        model.dispose();
        const result = await settled(work);
        if (result instanceof Error) expect(result).toMatchObject({ code: 'DISPOSED' });
      });
    }
  });

  it('ends fit', async () => {
    const model = victim();
    const callbacks = [{ onBatchEnd: () => model.dispose() }];
    const fit = () => model.fit(x, y, { batchSize: 8, verbose: 0, callbacks });
    await bystander.beside(() => refusal(fit, 'DISPOSED'));
  });
});

describe('many calls at once', () => {
  afterAll(() => setThreads('auto'));

  it('on one model give what one after the other gives', async () => {
    const model = victim();
    const parts = Array.from({ length: 20 }, (_, i) => sequences(i + 1, 1 + (i % 5)));
    const expected: Tensor[] = [];
    for (const part of parts) expected.push(await model.predict(part));
    for (const count of [1, 2]) {
      setThreads(count);
      expect(await Promise.all(parts.map((part) => model.predict(part)))).toEqual(expected);
    }
  });

  it('of good and bad data do not get into each other', async () => {
    const model = victim();
    const expected = await model.predict(x);
    const wrong = tensor(new Float32Array(8), [2, 2, 2]);
    const calls = Array.from({ length: 40 }, (_, i) => model.predict(i % 2 === 0 ? x : wrong));
    const results = await Promise.allSettled(calls);
    results.forEach((result, i) => {
      if (i % 2 === 0) expect(result).toEqual({ status: 'fulfilled', value: expected });
      else expect(result).toMatchObject({ reason: { code: 'SHAPE_MISMATCH' } });
    });
  });
});

describe('learningRate', () => {
  it('is a number >= 0', async () => {
    const model = victim();
    for (const rate of [-1, ...STRANGERS.map(([, value]) => value)]) {
      const set = () => {
        model.learningRate = rate as number;
      };
      await refusal(set, 'INVALID_ARGUMENT', { option: 'learningRate' });
    }
    model.learningRate = 0;
    const before = model.getWeights();
    await model.fit(x, y, { verbose: 0 });
    expect(model.getWeights()).toEqual(before);
  });
});
