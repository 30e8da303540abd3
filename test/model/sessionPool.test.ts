// Pools: many sessions in one object, stepped together.
import { input, layers, model, type SessionPool, type SessionSnapshot, sequential } from 'sluice';
import { describe, expect, it } from 'vitest';
import { detach, STRANGERS, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';
import { pushed, STEPS, stepOf, stepwise } from '../support/streams.js';

/** One slot of a pool as if it were a session. */
const single = (pool: SessionPool, slot: number) => ({
  push: (x: Float32Array) => pool.step(Int32Array.of(slot), x),
});

describe('a pool', () => {
  it('numbers its slots, and takes closed ones again', async () => {
    const pool = victim().sessions({ capacity: 3 });
    expect([pool.capacity, pool.size]).toEqual([3, 0]);
    expect([pool.open(), pool.open(), pool.open(), pool.size]).toEqual([0, 1, 2, 3]);
    pool.close(1);
    expect(pool.size).toBe(2);
    expect(pool.open()).toBe(1);
    const text = await refusalText(() => pool.open(), 'BUSY', { option: 'capacity' });
    expect(text).toBe('the pool is full: all 3 sessions of its capacity are open');
    pool.close(0);
    expect(pool.open()).toBe(0);
  });

  it('begins with zeros in a slot that was used before', () => {
    const pool = stepwise().sessions({ capacity: 1 });
    const first = pushed(single(pool, pool.open()));
    pool.close(0);
    expect(pushed(single(pool, pool.open()))).toEqual(first);
  });

  it('writes to what it is given, over its input as well', () => {
    const pool = sequential([layers.gru({ units: 3 })], { inputShape: [null, 3] }).sessions({
      capacity: 200,
    });
    const slots = Int32Array.from({ length: 200 }, () => pool.open());
    const xs = sequences(200, 1).data;
    const expected = pool.step(slots, xs);
    for (const shift of [0, 1, 3, 300]) {
      for (const slot of slots) pool.close(slot);
      slots.forEach((_, i) => {
        slots[i] = pool.open();
      });
      const memory = new Float32Array(1000);
      memory.set(xs, 300);
      const out = memory.subarray(300 - shift, 900 - shift);
      expect(pool.step(slots, memory.subarray(300, 900), out)).toBe(out);
      expect(out).toEqual(expected);
    }
  });

  it('takes a step of no session', () => {
    const pool = victim().sessions({ capacity: 1 });
    expect(pool.step(new Int32Array(0), new Float32Array(0))).toHaveLength(0);
  });

  it('exchanges snapshots with sessions', () => {
    const built = stepwise();
    const session = built.stream();
    const pool = built.sessions({ capacity: 2 });
    pool.open();
    const slot = pool.open();
    expect(pushed(single(pool, slot), 0, 3)).toEqual(pushed(session, 0, 3));
    expect(pool.snapshot(slot)).toEqual(session.snapshot());
    const restored = built.stream({ restore: pool.snapshot(slot) });
    pool.close(0);
    const other = pool.open(JSON.parse(JSON.stringify(session.snapshot())) as SessionSnapshot);
    const rest = pushed(session, 3);
    expect(pushed(restored, 3)).toEqual(rest);
    expect(pushed(single(pool, other), 3)).toEqual(rest);
    expect(pushed(single(pool, slot), 3)).toEqual(rest);
  });

  it('sees the weights of the last finished step, during fit too', async () => {
    const built = victim();
    const seen = new Set<number>();
    const pools = (['float32', 'int8', 'float16', 'bfloat16'] as const).map((weights) =>
      built.sessions({ capacity: 1, weights }),
    );
    for (const pool of pools) pool.open();
    const first = () =>
      pools.map((pool) => {
        pool.close(0);
        pool.open();
        return pool.step(Int32Array.of(0), stepOf(0))[0] as number;
      });
    await built.fit(sequences(32), targets(32), {
      batchSize: 8,
      callbacks: [
        {
          onBatchEnd() {
            const values = first();
            const session = built.stream().push(stepOf(0));
            expect(values[0]).toBe(session[0]);
            for (const value of values) expect(value).toBeCloseTo(session[0] as number, 2);
            for (const value of values) seen.add(value);
          },
        },
      ],
    });
    expect(seen.size).toBe(16);
  });

  it('outlives its model, and ends with dispose', async () => {
    const built = victim();
    const pool = built.sessions({ capacity: 2 });
    const slot = pool.open();
    built.dispose();
    pool.step(Int32Array.of(slot), stepOf(0));
    await refusal(() => built.sessions({ capacity: 1 }), 'DISPOSED');
    pool.dispose();
    pool.dispose();
    pool[Symbol.dispose]();
    const calls = [
      () => pool.open(),
      () => pool.close(slot),
      () => pool.snapshot(slot),
      () => pool.step(Int32Array.of(slot), stepOf(0)),
      () => pool.size,
    ];
    for (const call of calls) await refusal(call, 'DISPOSED');
  });
});

describe('a pool refuses', () => {
  it('slots that are not open, or that come twice, and nothing has changed', async () => {
    const pool = stepwise().sessions({ capacity: 4 });
    for (let i = 0; i < 3; i++) pool.open();
    pool.close(1);
    pushed(single(pool, 0), 0, 2);
    const before = [0, 2].map((slot) => pool.snapshot(slot));
    const wrong: [slots: number[], message: string][] = [
      [[0, 1], 'slots[1]: slot 1 is not open'],
      [[3], 'slots[0]: slot 3 is not open'],
      [[2, 0, 4], 'slots[2]: slot 4 is not open'],
      [[0, -1], 'slots[1]: slot -1 is not open'],
      [[0, 2 ** 31 - 1], 'slots[1]: slot 2147483647 is not open'],
      [[2, 0, 2], 'slots[2]: slot 2 comes twice in one step'],
    ];
    for (const [slots, message] of wrong) {
      const out = new Float32Array(2 * slots.length).fill(7);
      const call = () => pool.step(Int32Array.from(slots), new Float32Array(3 * slots.length), out);
      expect(await refusalText(call, 'INVALID_ARGUMENT', { option: 'slots' })).toBe(message);
      expect(out.every((value) => value === 7)).toBe(true);
    }
    expect([0, 2].map((slot) => pool.snapshot(slot))).toEqual(before);
    const lone: unknown[] = [1, 3, -1, 0.5, Number.NaN, 2 ** 40, undefined, '0'];
    for (const slot of [...lone, ...STRANGERS.map(([, value]) => value)]) {
      await refusal(() => pool.close(slot as number), 'INVALID_ARGUMENT', { option: 'slot' });
      await refusal(() => pool.snapshot(slot as number), 'INVALID_ARGUMENT', { option: 'slot' });
    }
    expect(pool.size).toBe(2);
    // The refused steps have left no mark on the slots they named.
    expect(pool.step(Int32Array.of(2, 0), new Float32Array(6))).toHaveLength(4);
  });

  it('steps of another size or type', async () => {
    const pool = stepwise().sessions({ capacity: 2 });
    pool.open();
    const slots = Int32Array.of(0);
    const gone = new Float32Array(3);
    detach(gone);
    const text = await refusalText(
      () => pool.step(slots, new Float32Array(2)),
      'INVALID_ARGUMENT',
      { option: 'xs' },
    );
    expect(text).toBe(
      'sequential: expected a Float32Array with 3 values for xs, ' +
        'received a Float32Array with 2 values',
    );
    const strangers = STRANGERS.map(([, value]) => value);
    for (const x of [undefined, [1, 2, 3], new Float64Array(3), gone, ...strangers]) {
      await refusal(() => pool.step(slots, x as Float32Array), 'INVALID_ARGUMENT');
    }
    for (const out of [null, new Float32Array(3), new Float64Array(2), 'out']) {
      const call = () => pool.step(slots, stepOf(0), out as Float32Array);
      await refusal(call, 'INVALID_ARGUMENT', { option: 'out' });
    }
    const others = [undefined, [0], new Uint32Array(1), Float32Array.of(0), 0, ...strangers];
    for (const other of others) {
      const call = () => pool.step(other as Int32Array, stepOf(0));
      await refusal(call, 'INVALID_ARGUMENT', { option: 'slots' });
    }
    const lost = Int32Array.of(0);
    detach(lost);
    await refusal(() => pool.step(lost, stepOf(0)), 'INVALID_ARGUMENT');
    expect(pool.snapshot(0).state).toEqual(new Array(7).fill(0));
  });

  it('snapshots that are of another model, or none', async () => {
    const pool = stepwise().sessions({ capacity: 1 });
    const snapshot = stepwise().stream().snapshot();
    const other = victim().stream().snapshot();
    await refusal(() => pool.open(other), 'SHAPE_MISMATCH', { option: 'snapshot' });
    const broken = [{ ...snapshot, version: 2 }, { ...snapshot, state: [1] }, 'snapshot', null];
    for (const value of broken) {
      await refusal(() => pool.open(value as SessionSnapshot), 'INVALID_ARGUMENT');
    }
    expect(pool.size).toBe(0);
  });

  it('wrong options, models it cannot step, and more than the machine holds', async () => {
    const built = victim();
    for (const capacity of [0, -1, 1.5, 2 ** 31, Number.NaN, '3', null, undefined]) {
      const call = () => built.sessions({ capacity } as never);
      await refusal(call, 'INVALID_ARGUMENT', { option: 'capacity' });
    }
    const weights = { capacity: 1, weights: 'int4' };
    await refusal(() => built.sessions(weights as never), 'INVALID_ARGUMENT', {
      option: 'weights',
    });
    await refusal(() => built.sessions(undefined as never), 'INVALID_ARGUMENT');
    const large = sequential([layers.gru({ units: 4096 })], { inputShape: [null, 1] });
    const text = await refusalText(
      () => large.sessions({ capacity: 2 ** 31 - 1 }),
      'OUT_OF_MEMORY',
    );
    expect(text).toMatch(/^sessions: a pool with capacity 2147483647 needs \d+ bytes/);

    const back = sequential([layers.gru({ units: 2, goBackwards: true })], {
      inputShape: [null, 3],
    });
    await refusal(() => back.sessions({ capacity: 1 }), 'UNSUPPORTED', { layer: 'gru' });
    const a = input({ shape: [null, 2], name: 'a' });
    const sequence = layers.gru({ units: 3, returnSequences: true }).apply(a);
    const y = layers.dense({ units: 1 }).apply(sequence);
    const two = model({ inputs: [a], outputs: { sequence, y } });
    await refusal(() => two.sessions({ capacity: 1 }), 'UNSUPPORTED', { option: 'outputs' });
    const b = input({ shape: [null, 1], name: 'b' });
    const joined = layers.gru({ units: 3 }).apply(layers.concatenate().apply([a, b]));
    const both = model({ inputs: [a, b], outputs: joined });
    await refusal(() => both.sessions({ capacity: 1 }), 'UNSUPPORTED', { option: 'inputs' });
  });
});

describe('weights in less precision', () => {
  it('give the same from a session and a pool, near float32', () => {
    const built = stepwise();
    const exact = pushed(built.stream());
    for (const [weights, most] of [
      ['float16', 2e-3],
      ['bfloat16', 2e-2],
      ['int8', 2e-2],
    ] as const) {
      const values = pushed(built.stream({ weights }));
      const pool = built.sessions({ capacity: 1, weights });
      expect(pushed(single(pool, pool.open()))).toEqual(values);
      const errors = values.flatMap((row, t) =>
        row.map((value, i) => Math.abs(value - (exact[t]?.[i] ?? Number.NaN))),
      );
      expect(Math.max(...errors)).toBeLessThan(most);
      expect(Math.max(...errors)).toBeGreaterThan(0);
      expect(errors).toHaveLength(2 * STEPS);
    }
  });
});
