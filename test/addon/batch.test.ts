// Batch: rows from any view into native memory and back, and buffers that change between calls.
import { describe, expect, it } from 'vitest';
import type { Batch, Model } from '../../binding.js';
import {
  addon,
  expectCode,
  expectRejection,
  inputNode,
  OPTIONS,
  slot,
  smallModel,
} from './support.js';

/** A model that returns its input: what gather wrote can be read back with scatter. */
function mirror(features: number): Model {
  return new addon.Model(
    {
      nodes: [
        inputNode('x', [features]),
        {
          kind: 'activation',
          name: 'same',
          inputs: [['x', 0]],
          options: { activation: { name: 'linear' } },
        },
      ],
      outputs: [['same', 0]],
    },
    1,
  );
}

async function contents(model: Model, batch: Batch, features: number): Promise<number[]> {
  await model.run('predict', batch, OPTIONS);
  const out = new Float32Array(batch.rows * features);
  batch.scatter(0, out, 0, 0, batch.rows);
  return [...out];
}

const range = (n: number) => Float32Array.from({ length: n }, (_, i) => i);

/** Resizable buffers are newer than the library that TypeScript is told to assume. */
type Resizable = ArrayBuffer & { resize(bytes: number): void };
function resizable(bytes: number, most = bytes): Resizable {
  const Constructor = ArrayBuffer as unknown as new (n: number, options: object) => Resizable;
  return new Constructor(bytes, { maxByteLength: most });
}

describe('gather', () => {
  it('copies contiguous rows, whatever the byteOffset', async () => {
    const model = mirror(2);
    const batch = new addon.Batch(model, 3, [slot('input', [2])]);
    const buffer = new ArrayBuffer(64);
    const view = new Float32Array(buffer, 12, 8);
    view.set(range(8));
    batch.gather(0, view, null, 1, 0, 3);
    expect(await contents(model, batch, 2)).toEqual([2, 3, 4, 5, 6, 7]);
    batch.gather(0, view, null, 0, 2, 1);
    expect(await contents(model, batch, 2)).toEqual([2, 3, 4, 5, 0, 1]);
    batch.gather(0, view, null, 4, 1, 0);
    expect(await contents(model, batch, 2)).toEqual([2, 3, 4, 5, 0, 1]);
  });

  it('copies rows by index, whatever the byteOffset', async () => {
    const model = mirror(2);
    const batch = new addon.Batch(model, 3, [slot('input', [2])]);
    const index = new Int32Array(new ArrayBuffer(32), 4, 5);
    index.set([9, 3, 0, 3, 9]);
    batch.gather(0, range(8), index, 1, 0, 3);
    expect(await contents(model, batch, 2)).toEqual([6, 7, 0, 1, 6, 7]);
  });

  it('starts with zeros', async () => {
    const model = mirror(3);
    const batch = new addon.Batch(model, 2, [slot('input', [3])]);
    expect(await contents(model, batch, 3)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('refuses what lies outside', () => {
    const batch = new addon.Batch(mirror(2), 3, [slot('input', [2])]);
    const source = range(8);
    const index = Int32Array.of(0, 1, 2, 3);
    const big = 2 ** 53;
    const calls: [Float32Array, Int32Array | null, number, number, number][] = [
      [source, null, 2, 0, 3],
      [source, null, big, 0, 1],
      [source, null, 0, 1, 3],
      [source, null, 0, 4, 0],
      [source, null, 0, big, 1],
      [source, null, 0, 0, big],
      [source, null, -1, 0, 1],
      [range(0), null, 0, 0, 1],
      [source, index, 2, 0, 3],
      [source, index, big, 0, 1],
      [source, Int32Array.of(4), 0, 0, 1],
      [source, Int32Array.of(-1), 0, 0, 1],
      [source, Int32Array.of(-(2 ** 31)), 0, 0, 1],
      [source, Int32Array.of(2 ** 31 - 1), 0, 0, 1],
    ];
    for (const [from, rows, offset, first, count] of calls) {
      expectCode(() => batch.gather(0, from, rows, offset, first, count), 'INVALID_ARGUMENT');
    }
    expectCode(() => batch.gather(1, source, null, 0, 0, 1), 'INVALID_ARGUMENT');
    // A row that starts inside but does not end there.
    expectCode(() => batch.gather(0, range(7), null, 3, 0, 1), 'INVALID_ARGUMENT');
  });

  it('refuses arrays of another type', () => {
    const model = smallModel();
    const batch = new addon.Batch(model, 2, [
      slot('input', [5, 3]),
      slot('lengths', [], 'int32'),
      slot('mask', [5], 'bool'),
    ]);
    const right = [new Float32Array(30), new Int32Array(2), new Uint8Array(10)];
    const others = [
      new Float64Array(30),
      new Uint32Array(30),
      new Int8Array(30),
      new Uint8ClampedArray(30),
      new BigInt64Array(30),
      new DataView(new ArrayBuffer(200)),
      [1, 2],
    ];
    for (let s = 0; s < 3; s++) {
      batch.gather(s, right[s] as Float32Array, null, 0, 0, 2);
      const wrong = [...right.filter((_, i) => i !== s), ...others];
      for (const array of wrong) {
        expectCode(() => batch.gather(s, array as never, null, 0, 0, 2), 'INVALID_ARGUMENT');
      }
    }
    for (const index of [new Uint32Array(2), [0, 1], undefined]) {
      const call = () => batch.gather(0, right[0] as never, index as never, 0, 0, 2);
      expectCode(call, 'INVALID_ARGUMENT');
    }
  });

  it('refuses shared and detached buffers', () => {
    const batch = new addon.Batch(mirror(2), 3, [slot('input', [2])]);
    const shared = new Float32Array(new SharedArrayBuffer(32));
    expectCode(() => batch.gather(0, shared, null, 0, 0, 1), 'INVALID_ARGUMENT');
    const sharedIndex = new Int32Array(new SharedArrayBuffer(32));
    expectCode(() => batch.gather(0, range(8), sharedIndex, 0, 0, 1), 'INVALID_ARGUMENT');
    const gone = range(8);
    const goneIndex = Int32Array.of(0);
    structuredClone([gone, goneIndex], { transfer: [gone.buffer, goneIndex.buffer] });
    for (const count of [0, 1]) {
      expectCode(() => batch.gather(0, gone, null, 0, 0, count), 'INVALID_ARGUMENT');
      expectCode(() => batch.gather(0, range(8), goneIndex, 0, 0, count), 'INVALID_ARGUMENT');
    }
  });

  it('takes resizable buffers at their length of now', async () => {
    const model = mirror(2);
    const batch = new addon.Batch(model, 2, [slot('input', [2])]);
    const buffer = resizable(32, 4096);
    const fixed = new Float32Array(buffer, 8, 4);
    const tracking = new Float32Array(buffer, 8);
    new Float32Array(buffer).set(range(8));
    for (const view of [fixed, tracking]) {
      batch.gather(0, view, null, 0, 0, 2);
      expect(await contents(model, batch, 2)).toEqual([2, 3, 4, 5]);
    }
    buffer.resize(4096);
    expect(fixed).toHaveLength(4);
    expectCode(() => batch.gather(0, fixed, null, 1, 0, 2), 'INVALID_ARGUMENT');
    batch.gather(0, tracking, null, 500, 0, 2);
    expect(await contents(model, batch, 2)).toEqual([0, 0, 0, 0]);
    for (const bytes of [20, 8, 4, 0]) {
      buffer.resize(bytes);
      for (const view of [fixed, tracking]) {
        expectCode(() => batch.gather(0, view, null, 0, 0, 2), 'INVALID_ARGUMENT');
        expectCode(() => batch.gather(0, view, Int32Array.of(1), 0, 0, 1), 'INVALID_ARGUMENT');
      }
    }
    const indexBuffer = resizable(16);
    const index = new Int32Array(indexBuffer);
    batch.gather(0, range(8), index, 2, 0, 2);
    indexBuffer.resize(8);
    expectCode(() => batch.gather(0, range(8), index, 2, 0, 2), 'INVALID_ARGUMENT');
  });

  it('makes 0 and 1 of any byte of a mask', async () => {
    const model = smallModel();
    const slots = [slot('input', [5, 3]), slot('mask', [5], 'bool')];
    const batch = new addon.Batch(model, 1, slots);
    const results: number[][] = [];
    for (const yes of [1, 2, 255]) {
      batch.gather(0, range(15), null, 0, 0, 1);
      batch.gather(1, Uint8Array.of(yes, yes, yes, 0, 0), null, 0, 0, 1);
      results.push(await contents(model, batch, 2));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe('scatter', () => {
  it('copies rows to their place', async () => {
    const model = mirror(2);
    const batch = new addon.Batch(model, 3, [slot('input', [2])]);
    batch.gather(0, range(6), null, 0, 0, 3);
    await model.run('predict', batch, OPTIONS);
    expect(batch.outputShape(0)).toEqual([3, 2]);
    const target = new Float32Array(new ArrayBuffer(64), 4, 12).fill(-1);
    batch.scatter(0, target, 2, 1, 2);
    expect([...target]).toEqual([-1, -1, -1, -1, -1, -1, 2, 3, 4, 5, -1, -1]);
  });

  it('refuses what lies outside and what cannot be written', async () => {
    const model = mirror(2);
    const batch = new addon.Batch(model, 3, [slot('input', [2])]);
    expectCode(() => batch.scatter(0, range(6), 0, 0, 1), 'INVALID_ARGUMENT');
    expectCode(() => batch.outputShape(0), 'INVALID_ARGUMENT');
    await model.run('predict', batch, OPTIONS);
    const gone = range(6);
    structuredClone(gone, { transfer: [gone.buffer] });
    const shrunk = new Float32Array(resizable(24));
    (shrunk.buffer as Resizable).resize(20);
    const calls: [unknown, number, number, number][] = [
      [range(5), 0, 0, 3],
      [range(6), 1, 0, 3],
      [range(6), 0, 1, 3],
      [range(6), 2 ** 53, 0, 1],
      [range(6), 2 ** 52, 2, 1],
      [range(6), -1, 1, 1],
      [range(6), 0, 4, 0],
      [gone, 0, 0, 1],
      [shrunk, 0, 0, 3],
      [new Float64Array(6), 0, 0, 1],
      [new Float32Array(new SharedArrayBuffer(24)), 0, 0, 1],
    ];
    for (const [target, row, first, count] of calls) {
      const call = () => batch.scatter(0, target as Float32Array, row, first, count);
      expectCode(call, 'INVALID_ARGUMENT');
    }
    for (const output of [-1, 1, 0.5]) {
      expectCode(() => batch.scatter(output, range(6), 0, 0, 1), 'INVALID_ARGUMENT');
      expectCode(() => batch.outputShape(output), 'INVALID_ARGUMENT');
    }
  });

  it('has nothing to give after a run that failed', async () => {
    const model = mirror(2);
    const batch = new addon.Batch(model, 3, [slot('input', [2])]);
    await model.run('predict', batch, OPTIONS);
    const token = new addon.CancelToken();
    const run = model.run('predict', batch, { ...OPTIONS, device: 'nowhere', cancel: token });
    await expectRejection(run, 'DEVICE_UNAVAILABLE');
    expectCode(() => batch.scatter(0, range(6), 0, 0, 3), 'INVALID_ARGUMENT');
  });
});

describe('a batch', () => {
  it('checks its slots', () => {
    const model = smallModel();
    const right = slot('input', [5, 3]);
    const wrong = [
      { ...right, role: 'inputs' },
      { ...right, index: -1 },
      { ...right, index: 7 },
      { ...right, dtype: 'float64' },
      { ...right, shape: [5, -3] },
      { ...right, shape: [1, 1, 1, 1, 1, 1] },
      { ...right, shape: 5 },
      { ...right, more: 1 },
      { role: 'input' },
      null,
    ];
    for (const bad of wrong) {
      expectCode(() => new addon.Batch(model, 2, [bad as typeof right]), 'INVALID_ARGUMENT');
    }
    expectCode(() => new addon.Batch(model, 2, [slot('input', [5, 4])]), 'SHAPE_MISMATCH');
    expectCode(() => new addon.Batch(model, 2, [slot('input', [5, 3], 'int32')]), 'SHAPE_MISMATCH');
  });

  it('belongs to the model it was made for', async () => {
    const batch = new addon.Batch(mirror(2), 3, [slot('input', [2])]);
    await expectRejection(mirror(2).run('predict', batch, OPTIONS), 'INVALID_ARGUMENT');
  });

  it('may be made by slots whose getters dispose the model', () => {
    const model = smallModel();
    const trap = Object.defineProperty({ ...slot('input', [5, 3]) }, 'role', {
      enumerable: true,
      get() {
        model.dispose();
        return 'input';
      },
    });
    expectCode(() => new addon.Batch(model, 1, [trap]), 'DISPOSED');
  });

  it('knows its size', () => {
    const batch = new addon.Batch(smallModel(), 7, [slot('input', [5, 3])]);
    expect(batch.rows).toBe(7);
    expect(batch.bytes).toBe(7 * 5 * 3 * 4);
  });
});
