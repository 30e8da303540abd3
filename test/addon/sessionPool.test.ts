// SessionPool: what its TypeScript class checks as well, and what only the addon sees.
import { describe, expect, it } from 'vitest';
import { addon, expectCode, gruNode, inputNode, SMALL, smallModel } from './support.js';

const { SessionPool } = addon;

describe('a pool', () => {
  it('steps, and keeps states apart', () => {
    const model = smallModel();
    const pool = new SessionPool(model, 2);
    expect([pool.inputSize, pool.outputSize, pool.stateSize]).toEqual([3, 2, 4]);
    expect([pool.capacity, pool.size]).toEqual([2, 0]);
    expect([pool.open(null), pool.open(null), pool.size]).toEqual([0, 1, 2]);
    const xs = Float32Array.of(1, 2, 3, -1, 0, 1);
    const outputs = new Float32Array(4);
    pool.step(Int32Array.of(1, 0), xs, outputs);
    for (const [row, slot] of [1, 0].entries()) {
      const session = new addon.Session(model);
      const output = new Float32Array(2);
      session.pushOne(xs.slice(3 * row, 3 * row + 3), output);
      expect(outputs.slice(2 * row, 2 * row + 2)).toEqual(output);
      expect(pool.getState(slot)).toEqual(session.getState());
    }
  });

  it('refuses wrong capacities and weights', () => {
    const model = smallModel();
    for (const capacity of [0, -1, 1.5, Number.NaN, 2 ** 31, '2', undefined]) {
      expectCode(() => new SessionPool(model, capacity as number), 'INVALID_ARGUMENT');
    }
    expectCode(() => new SessionPool(model, 1, 'int4' as 'int8'), 'INVALID_ARGUMENT');
  });

  it('refuses wrong sizes, types and slots, and stays as it was', () => {
    const pool = new SessionPool(smallModel(), 2);
    pool.open(null);
    const [slots, x, y] = [Int32Array.of(0), new Float32Array(3).fill(1), new Float32Array(2)];
    const shared = new Float32Array(new SharedArrayBuffer(12));
    const calls: [unknown, unknown, unknown][] = [
      [[0], x, y],
      [new Uint32Array(1), x, y],
      [Int32Array.of(1), x, y],
      [Int32Array.of(-1), x, y],
      [Int32Array.of(0, 0), new Float32Array(6), new Float32Array(4)],
      [slots, y, y],
      [slots, x, x],
      [slots, shared, y],
      [new Int32Array(new SharedArrayBuffer(4)), x, y],
      [new Int32Array(0), x, y],
    ];
    for (const call of calls) {
      expectCode(
        () => pool.step(...(call as [Int32Array, Float32Array, Float32Array])),
        'INVALID_ARGUMENT',
      );
    }
    for (const slot of [1, -1, 0.5, Number.NaN, '0', null]) {
      expectCode(() => pool.getState(slot as number), 'INVALID_ARGUMENT');
      expectCode(() => pool.close(slot as number), 'INVALID_ARGUMENT');
    }
    expectCode(() => pool.open(new Float32Array(3)), 'INVALID_ARGUMENT');
    expect(pool.getState(0)).toEqual(new Float32Array(4));
    expect(pool.size).toBe(1);
    pool.step(new Int32Array(0), new Float32Array(0), new Float32Array(0));
  });

  it('reads its slots before it writes, should the two lie over each other', () => {
    const pool = new SessionPool(new addon.Model({ ...SMALL, outputs: [['gru', 0]] }, 1), 200);
    const slots = Int32Array.from({ length: 200 }, () => pool.open(null));
    const xs = new Float32Array(600).map((_, i) => Math.sin(i));
    const expected = new Float32Array(800);
    pool.step(slots, xs, expected);
    for (const slot of slots) pool.close(slot);
    for (const slot of slots.keys()) slots[slot] = pool.open(null);
    const memory = new ArrayBuffer(4000);
    const over = new Int32Array(memory, 0, 200);
    over.set(Int32Array.from({ length: 200 }, (_, i) => i));
    const inputs = new Float32Array(memory, 1200, 600);
    inputs.set(xs);
    const outputs = new Float32Array(memory, 0, 800);
    pool.step(over, inputs, outputs);
    expect(outputs).toEqual(expected);
  });

  it('ends with dispose', () => {
    const pool = new SessionPool(smallModel(), 2);
    pool.dispose();
    pool.dispose();
    expectCode(() => pool.size, 'DISPOSED');
    expectCode(() => pool.open(null), 'DISPOSED');
  });

  it('tells the garbage collector of its memory', async () => {
    const model = smallModel();
    const pools: WeakRef<object>[] = [];
    // 5 GB in all, behind objects that are small to the collector's own eyes.
    for (let i = 0; i < 200; i++) {
      pools.push(new WeakRef(new SessionPool(model, 1_000_000)));
      await new Promise(setImmediate);
    }
    expect(pools.some((pool) => pool.deref() === undefined)).toBe(true);
  });

  it('names what it cannot step', () => {
    const backwards = {
      nodes: [inputNode('x', [null, 3]), gruNode('gru', 'x', 4, { goBackwards: true })],
      outputs: [['gru', 0]] as [string, number][],
    };
    expectCode(() => new SessionPool(new addon.Model(backwards, 1), 1), 'UNSUPPORTED');
  });
});
