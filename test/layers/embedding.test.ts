// Vectors of ids: their values and gradients, ids that do not exist, and padding by the id 0.
import { input, layers, load, model, sequential, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { DEVICES, on } from '../support/golden.js';
import { noiseTensor } from '../support/numbers.js';
import { refusal, refusalText } from '../support/refusal.js';

const table = noiseTensor([5, 3], 41);
const ids = tensor(Int32Array.from([1, 4, 0, 0, 2, 2, 3, 0, 0, 0, 0, 0]), [3, 4]);

function withTable(maskZero: boolean, inputShape: (number | null)[] = [null]) {
  const m = sequential([layers.embedding({ inputDim: 5, outputDim: 3, maskZero })], { inputShape });
  m.setWeights({ 'embedding/embeddings': table });
  return m;
}
const vector = (id: number) => [...table.data.subarray(id * 3, id * 3 + 3)];

describe.each(DEVICES)('embedding on %s', (device) => {
  it('gives the rows of its table, also those of padding', async () => {
    for (const maskZero of [false, true]) {
      const y = await withTable(maskZero).predict(ids, on(device));
      expect(y.shape).toEqual([3, 4, 3]);
      expect([...y.data]).toEqual([...ids.data].flatMap(vector));
    }
    const pairs = tensor(ids.data, [3, 2, 2]);
    const y = await withTable(false, [2, 2]).predict(pairs, on(device));
    expect(y.shape).toEqual([3, 2, 2, 3]);
  });

  it('adds up the gradients of each id', async () => {
    const cotangent = noiseTensor([3, 4, 3], 42);
    const { gradients } = await withTable(false).vjp(ids, cotangent, on(device));
    const expected = new Array(15).fill(0);
    for (const [i, id] of ids.data.entries())
      for (let d = 0; d < 3; d++) expected[id * 3 + d] += cotangent.data[i * 3 + d];
    const { data } = gradients['embedding/embeddings'] as typeof table;
    for (const [i, value] of expected.entries()) expect(data[i]).toBeCloseTo(value, 5);
  });

  it('masks the id 0 for layers, losses and metrics', async () => {
    const make = (maskZero: boolean) =>
      sequential(
        [
          layers.embedding({ inputDim: 5, outputDim: 3, maskZero }),
          layers.gru({ units: 4, returnSequences: true }),
          layers.dense({ units: 2 }),
        ],
        { inputShape: [null], seed: 7 },
      );
    const y = noiseTensor([3, 4, 2], 43);
    const mask = tensor(
      Uint8Array.from(ids.data, (id) => (id === 0 ? 0 : 1)),
      ids.shape,
    );
    const [own, given] = [make(true), make(false)];
    expect(await own.predict(ids, on(device))).toEqual(
      await given.predict(ids, { ...on(device), mask }),
    );
    for (const m of [own, given])
      m.compile({ loss: 'mse', metrics: ['mae'], optimizer: 'adam', ...on(device) });
    const fit = { epochs: 3, batchSize: 1, accumulateSteps: 3, shuffle: false };
    const expected = await given.fit(ids, y, { ...fit, mask });
    expect((await own.fit(ids, y, fit)).history).toEqual(expected.history);
    expect(own.getWeights()).toEqual(given.getWeights());
  });

  it('names layer, value and row of an id that does not exist', async () => {
    const m = withTable(false);
    for (const wrong of [5, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const bad = tensor(Int32Array.from([0, 1, 2, 3, wrong, 0]), [3, 2]);
      const details = { layer: 'embedding', expected: '0..4', received: String(wrong) };
      const text = await refusalText(() => m.predict(bad, on(device)), 'INVALID_ARGUMENT', details);
      expect(text).toContain(`id ${wrong} in row 2`);
    }
  });

  it('does not look at ids in padding', async () => {
    const bad = tensor(Int32Array.from([1, -7, 2, 1000]), [2, 2]);
    const y = await withTable(false).predict(bad, { ...on(device), lengths: [1, 1] });
    expect([...y.data]).toEqual([1, 0, 2, 0].flatMap(vector));
  });
});

describe('embedding in streams', () => {
  const make = (maskZero: boolean) =>
    sequential(
      [layers.embedding({ inputDim: 5, outputDim: 3, maskZero }), layers.gru({ units: 4 })],
      { inputShape: [null], seed: 9 },
    );

  it('takes one id a step', async () => {
    for (const maskZero of [false, true]) {
      const m = make(maskZero);
      const session = m.stream();
      const row = ids.data.slice(0, 4);
      const pushed = [...row].map((id) => session.push(Float32Array.of(id)));
      for (const t of [0, 1, 2, 3]) {
        const y = await m.predict(tensor(row.slice(0, t + 1), [1, t + 1]));
        expect(pushed[t]).toEqual(y.data);
      }
    }
  });

  it('refuses what is no id, and nothing has changed', async () => {
    const m = make(false);
    const session = m.stream();
    session.push(Float32Array.of(3));
    const { state } = session;
    for (const wrong of [5, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const call = () => session.push(Float32Array.of(wrong));
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'embedding', expected: '0..4' });
    }
    expect(session.state).toEqual(state);

    const pool = m.sessions({ capacity: 3 });
    const slots = Int32Array.of(pool.open(), pool.open(), pool.open());
    pool.step(slots, Float32Array.of(1, 2, 3));
    const before = [...slots].map((slot) => pool.snapshot(slot));
    const call = () => pool.step(slots, Float32Array.of(1, 2, 7));
    expect(await refusalText(call, 'INVALID_ARGUMENT')).toContain('id 7 in row 2');
    expect([...slots].map((slot) => pool.snapshot(slot))).toEqual(before);
    const one = m.stream();
    one.push(Float32Array.of(2));
    expect(pool.step(slots, Float32Array.of(1, 2, 3)).subarray(4, 8)).toEqual(
      one.push(Float32Array.of(2)),
    );
  });
});

describe('embedding', () => {
  it('is initialized as in Keras', () => {
    const m = sequential([layers.embedding({ inputDim: 50, outputDim: 20 })], {
      inputShape: [3],
      seed: 1,
    });
    const { data } = m.getWeights()['embedding/embeddings'] as typeof table;
    expect(Math.max(...data)).toBeLessThanOrEqual(0.05);
    expect(Math.max(...data)).toBeGreaterThan(0.045);
    expect(Math.min(...data)).toBeGreaterThanOrEqual(-0.05);
  });

  it('learns, can be frozen and is saved', async () => {
    const make = (trainable: boolean) =>
      sequential(
        [layers.embedding({ inputDim: 5, outputDim: 3, trainable }), layers.dense({ units: 1 })],
        {
          inputShape: [4],
          seed: 2,
        },
      );
    for (const trainable of [true, false]) {
      const m = make(trainable);
      m.compile({ loss: 'mse', optimizer: 'adam' });
      const before = m.getWeights()['embedding/embeddings'];
      await m.trainOnBatch(ids, noiseTensor([3, 4, 1], 44));
      const after = m.getWeights()['embedding/embeddings'];
      if (trainable) expect(after).not.toEqual(before);
      else expect(after).toEqual(before);
      const again = await load(await m.save());
      expect(await again.predict(ids)).toEqual(await m.predict(ids));
    }
  });

  it('has as many steps as there are ids', async () => {
    const m = withTable(false);
    m.compile({ loss: 'mse', optimizer: 'sgd' });
    const none = await m.predict(tensor(new Int32Array(0), [0, 4]));
    expect(none.shape).toEqual([0, 4, 3]);
    const call = () => m.evaluate(ids, noiseTensor([3, 5, 3], 45));
    const text = await refusalText(call, 'SHAPE_MISMATCH');
    expect(text).toContain('[3,4,3]');
  });

  it('takes int32 inputs alone, and steps for maskZero', async () => {
    const floats = input({ shape: [null], name: 'x' });
    const layer = layers.embedding({ inputDim: 5, outputDim: 3 });
    const call = () => model({ inputs: floats, outputs: layer.apply(floats) });
    await refusal(call, 'SHAPE_MISMATCH', { layer: 'embedding', expected: 'int32' });
    await refusal(() => withTable(true, [2, 2]), 'SHAPE_MISMATCH', { option: 'maskZero' });
    await refusal(() => layers.embedding({ inputDim: 5 } as never), 'INVALID_ARGUMENT', {
      option: 'outputDim',
    });
  });
});
