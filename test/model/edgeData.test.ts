// Data at the edge: numbers that are none, no rows, no steps, and sizes that overflow.
import { input, layers, type Model, model, sequential, tensor } from 'sluice';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/native.js';
import { allocateOutputs } from '../../lib/training/predict.js';
import type { Trainable } from '../../lib/training/trainable.js';
import { Bystander, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

let built: Model;
beforeAll(() => {
  built = victim();
});

const bystander = new Bystander();

/** Refusals leave the weights alone and the other model undisturbed. */
async function harmless(attack: () => Promise<unknown>): Promise<void> {
  const before = built.getWeights();
  await bystander.beside(attack);
  expect(built.getWeights()).toEqual(before);
}

describe('numbers that are none', () => {
  const broken = (bad: number) => {
    const x = sequences(4);
    x.data[14] = bad;
    return x;
  };

  it('in x follow IEEE where docs say so, and stay in their row', async () => {
    const { data } = await built.predict(broken(Number.NaN));
    expect([...data].map(Number.isNaN)).toEqual([false, true, false, false]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await built.predict(broken(bad));
      await built.gradients(broken(bad), targets(4));
      await built.vjp(broken(bad), targets(4));
    }
  });

  it('end fit, trainOnBatch and evaluate, which names the place and changes no weight', () =>
    harmless(async () => {
      const x = broken(Number.NaN);
      const fit = () => built.fit(x, targets(4), { batchSize: 2, shuffle: false, verbose: 0 });
      expect(await refusalText(fit, 'NON_FINITE', { layer: 'dense' })).toContain(
        'epoch 1, batch 1',
      );
      const later = () => {
        const options = { batchSize: 1, shuffle: false, verbose: 0 } as const;
        return built.fit(x, tensor(new Float32Array(4), [4, 1]), options);
      };
      const weights = built.getWeights();
      expect(await refusalText(later, 'NON_FINITE')).toContain('epoch 1, batch 2');
      // The first batch was fine, and its step stays.
      expect(built.getWeights()).not.toEqual(weights);
      built.setWeights(weights);
      await refusal(() => built.trainOnBatch(x, targets(4)), 'NON_FINITE', { layer: 'dense' });
      await refusal(() => built.evaluate(x, targets(4)), 'NON_FINITE', { layer: 'dense' });
    }));

  it('in targets and validation data end fit as well', () =>
    harmless(async () => {
      const y = targets(4);
      y.data[3] = Number.POSITIVE_INFINITY;
      await refusal(() => built.fit(sequences(4), y, { verbose: 0 }), 'NON_FINITE');
      const before = built.getWeights();
      const validationData = [sequences(4), y] as const;
      const fit = () => built.fit(sequences(4), targets(4), { validationData, verbose: 0 });
      expect(await refusalText(fit, 'NON_FINITE')).toContain('validation');
      built.setWeights(before);
    }));

  it('are let through with terminateOnNaN: false', async () => {
    const x = broken(Number.NaN);
    expect(await built.evaluate(x, targets(4), { terminateOnNaN: false })).toEqual({
      loss: Number.NaN,
    });
    const other = victim();
    const options = { terminateOnNaN: false, verbose: 0 } as const;
    const { history } = await other.fit(x, targets(4), options);
    expect(history.loss).toEqual([Number.NaN]);
    expect([...(other.getWeights()['dense/bias']?.data ?? [])]).toEqual([Number.NaN]);
  });

  it('are not seen where a mask or a weight of zero hides them', async () => {
    const x = broken(Number.NaN);
    const lengths = [4, 0, 4, 4];
    const hidden = await built.predict(x, { lengths });
    expect(hidden).toEqual(await built.predict(sequences(4), { lengths }));
    const y = targets(4);
    y.data[1] = Number.NaN;
    const { loss } = await built.evaluate(sequences(4), y, { sampleWeight: [1, 0, 1, 1] });
    expect(loss).toBeGreaterThan(0);
  });
});

describe('no rows', () => {
  const none = () => tensor(new Float32Array(0), [0, 5, 3]);

  it('give no rows', async () => {
    expect(await built.predict(none())).toEqual(tensor(new Float32Array(0), [0, 1]));
    const list = [layers.gru({ units: 4, returnSequences: true })];
    const sequence = sequential(list, { inputShape: [null, 3] });
    expect((await sequence.predict(none())).shape).toEqual([0, 5, 4]);
    expect((await sequence.predict(none(), { lengths: [] })).shape).toEqual([0, 5, 4]);
    const a = input({ shape: [2] });
    const out = layers.dense({ units: 3 }).apply(a);
    const both = model({ inputs: a, outputs: { out, a: layers.dropout({ rate: 0 }).apply(out) } });
    const record = await both.predict(tensor(new Float32Array(0), [0, 2]));
    expect(record.out.shape).toEqual([0, 3]);
  });

  it('have no loss, and nothing to train on', () =>
    harmless(async () => {
      const y = tensor(new Float32Array(0), [0, 1]);
      expect(await built.evaluate(none(), y)).toEqual({ loss: 0 });
      for (const call of ['fit', 'trainOnBatch', 'gradients', 'vjp'] as const) {
        const run = () => built[call](none(), y);
        await refusal(run, 'INVALID_ARGUMENT', { received: '0 rows' });
      }
    }));

  it('may have no steps either, and rows without steps have the initial state', async () => {
    const empty = await built.predict(tensor(new Float32Array(0), [3, 0, 3]));
    expect(empty).toEqual(await built.predict(sequences(3), { lengths: [0, 0, 0] }));
    expect((await built.predict(tensor(new Float32Array(0), [0, 0, 3]))).shape).toEqual([0, 1]);
  });
});

describe('numbers of rows and steps that overflow', () => {
  it('are refused before anything is allocated', () =>
    harmless(async () => {
      for (const rows of [2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1]) {
        const x = tensor(new Float32Array(0), [rows, 0, 3]);
        const details = { option: 'x', received: `${rows} rows` };
        await refusal(() => built.predict(x), 'INVALID_ARGUMENT', details);
        await refusal(() => built.fit(x, x, { verbose: 0 }), 'INVALID_ARGUMENT', details);
      }
    }));

  it('of outputs that fit nowhere are refused although the system would grant the memory', async () => {
    const batch = { outputShape: () => [1, 2 ** 29] } as unknown as Batch;
    const trainable = {
      outputs: [{ name: 'y', node: 'dense' }],
      engine: { estimate: () => ({ needed: 0, available: 2 ** 30 }) },
    } as unknown as Trainable;
    const details = { layer: 'dense', received: `${2 ** 31} bytes` };
    await refusal(() => allocateOutputs(trainable, batch, 1), 'OUT_OF_MEMORY', details);
  });

  it('are fine where there are no rows', async () => {
    const x = tensor(new Float32Array(0), [0, 2 ** 53 - 1, 3]);
    expect((await built.predict(x)).shape).toEqual([0, 1]);
  });

  it('of batches mean: all rows at once', async () => {
    const [x, y] = [sequences(5), targets(5)];
    const huge = { batchSize: Number.MAX_SAFE_INTEGER };
    expect(await built.predict(x, huge)).toEqual(await built.predict(x));
    const [a, b] = [victim(), victim()];
    await a.fit(x, y, { ...huge, accumulateSteps: Number.MAX_SAFE_INTEGER, verbose: 0 });
    await b.fit(x, y, { batchSize: 5, verbose: 0 });
    expect(a.getWeights()).toEqual(b.getWeights());
  });

  it('of outputs are refused instead of bringing the process down', () =>
    harmless(async () => {
      const wide = sequential([layers.dense({ units: 2 ** 16 })], { inputShape: [1] });
      const x = tensor(new Float32Array(1e6), [1e6, 1]);
      const small = await refusal(() => wide.predict(x, { batchSize: 1 }), 'OUT_OF_MEMORY');
      expect(small.message).toContain('262144000000 bytes');
      const large = await refusal(() => wide.predict(x, { batchSize: 1e6 }), 'OUT_OF_MEMORY');
      expect(large.message).toMatch(/needs \d+ bytes, \d+ bytes are available/);
    }));
});
