import { input, layers, type ModelData, model, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { noiseTensor, range } from '../support/numbers.js';

/** Outputs of 2 and of 3 values. */
function twoHeads() {
  const x = input({ shape: [4] });
  const left = layers.dense({ units: 2, name: 'left' }).apply(x);
  const right = layers.dense({ units: 3, name: 'right' }).apply(x);
  return { x, left, right };
}

describe('the result', () => {
  const rows = noiseTensor([5, 4], 91);

  it('mirrors the outputs: a tensor, an array, a record', async () => {
    const { x, left, right } = twoHeads();
    const options = { inputs: x, seed: 1 };
    const one = await model({ ...options, outputs: left }).predict(rows);
    expect(one.shape).toEqual([5, 2]);

    const list = await model({ ...options, outputs: [left, right] }).predict(rows);
    expect(Array.isArray(list)).toBe(true);
    expect(list.map(({ shape }) => shape)).toEqual([
      [5, 2],
      [5, 3],
    ]);
    expect(list[0]).toEqual(one);

    const record = await model({ ...options, outputs: { b: right, a: left } }).predict(rows);
    expect(Object.keys(record)).toEqual(['b', 'a']);
    expect(record.a).toEqual(one);
    expect(record.b).toEqual(list[1]);

    const single = await model({ ...options, outputs: [left] }).predict(rows);
    expect(single).toEqual([one]);
  });

  it('is fresh memory of its own', async () => {
    const m = echo(4);
    const first = await m.predict(rows);
    first.data.fill(7);
    expect(await m.predict(rows)).toEqual(rows);
  });

  it('is the same for one row alone and among others', async () => {
    const m = smallGru();
    const x = noiseTensor([9, 6, 2], 92);
    const all = await m.predict(x);
    for (const row of range(9)) {
      const alone = tensor((x.data as Float32Array).slice(row * 12, row * 12 + 12), [1, 6, 2]);
      expect((await m.predict(alone)).data[0]).toBe(all.data[row]);
    }
  });
});

describe('the batch size', () => {
  it('does not change a bit of the result', async () => {
    const m = smallGru();
    const x = noiseTensor([23, 5, 2], 93);
    const lengths = range(23).map((row) => row % 6);
    const whole = await m.predict(x, { lengths });
    for (const batchSize of [1, 3, 22, 23, 24, 10_000]) {
      expect(await m.predict(x, { lengths, batchSize })).toEqual(whole);
    }
  });

  it('is a positive integer', async () => {
    for (const batchSize of [0, -3, 2.5, Number.POSITIVE_INFINITY, null as never]) {
      const work = echo(1).predict(tensor([[1]]), { batchSize });
      await expectFailure(work, 'INVALID_ARGUMENT', /predict: expected an integer >= 1/);
    }
  });

  it('rows beyond one slice of copying arrive where they belong', async () => {
    // 1.5 MiB a batch: copied in two slices, with other work in between.
    const m = echo(4);
    const rows = 200_000;
    const x = tensor(
      Float32Array.from({ length: rows * 4 }, (_, i) => i),
      [rows, 4],
    );
    const result = await m.predict(x, { batchSize: 98_304 });
    expect(result.data.every((value, i) => value === i)).toBe(true);
  });
});

describe('devices', () => {
  it('agree', async () => {
    const m = smallGru();
    const x = noiseTensor([7, 20, 2], 94);
    const [cpu, reference] = [await m.predict(x), await m.predict(x, { device: 'reference' })];
    for (const [i, value] of (reference.data as Float32Array).entries()) {
      expect(cpu.data[i]).toBeCloseTo(value, 5);
    }
  });
});

describe('predict', () => {
  it('several at once do not disturb each other', async () => {
    const m = echo(2);
    const work = range(20).map((i) => m.predict(tensor([[i, -i]]), { batchSize: 1 }));
    const results: Tensor[] = await Promise.all(work);
    for (const [i, { data }] of results.entries()) expect([...data]).toEqual([i, 0 - i]);
  });

  it('goes on beside fit, with the weights of a finished step', async () => {
    const m = smallGru();
    m.compile({ loss: 'mse' });
    const x = noiseTensor([64, 5, 2], 95);
    const training = m.fit(x, noiseTensor([64, 1], 96), { epochs: 5, batchSize: 4 });
    for (const _ of range(5)) expect((await m.predict(x)).data.every(Number.isFinite)).toBe(true);
    await training;
  });

  it('refuses options that it does not have', async () => {
    const options = { sampleWeight: [1] } as never;
    await expectFailure(
      echo(1).predict(tensor([[1]]), options),
      'INVALID_ARGUMENT',
      /predict: unknown option 'sampleWeight'/,
    );
    const none = echo(1).predict(tensor([[1]]), null as never);
    await expectFailure(none, 'INVALID_ARGUMENT', /options/);
  });

  it('needs no dropout', async () => {
    const m = sequential([layers.dropout({ rate: 0.9 })], { inputShape: [3] });
    const x = noiseTensor([2, 3]);
    expect(await m.predict(x as ModelData)).toEqual(x);
  });
});
