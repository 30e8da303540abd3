// The memory behind a tensor: views at any place, subclasses, other realms, and memory that goes away.
import { runInNewContext } from 'node:vm';
import { type Model, Tensor, tensor } from 'sluice';
import { beforeAll, describe, expect, it } from 'vitest';
import { detach, resizable, sequences, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

let model: Model;
beforeAll(() => {
  model = victim();
});

const loose = tensor as (data: unknown, shape?: unknown) => Tensor;

/** What the model makes of three rows of four steps. */
async function outputsOf(data: unknown): Promise<number[]> {
  return [...(await model.predict(loose(data, [3, 4, 3]))).data];
}

describe('views', () => {
  it('work at every byteOffset that a view can have', async () => {
    const plain = sequences(3).data;
    const expected = await outputsOf(plain);
    for (let offset = 0; offset < 64; offset += 4) {
      const view = new Float32Array(new ArrayBuffer(36 * 4 + 64), offset, 36);
      view.set(plain);
      expect(await outputsOf(view)).toEqual(expected);
    }
  });

  it('of a whole buffer at the end of a page work', async () => {
    const pages = new Float32Array(4096);
    const view = pages.subarray(4096 - 36);
    view.set(sequences(3).data);
    expect(await outputsOf(view)).toEqual(await outputsOf(sequences(3).data));
  });

  it('of a byte source that is not aligned work as bools', async () => {
    for (let offset = 0; offset < 9; offset++) {
      const mask = new Uint8Array(32).fill(9).subarray(offset, offset + 12);
      mask.set([1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
      const masked = await model.predict(sequences(3), { mask: tensor(mask, [3, 4]) });
      const counted = await model.predict(sequences(3), { lengths: [2, 4, 0] });
      expect(masked.data).toEqual(counted.data);
    }
  });
});

describe('a Buffer', () => {
  it('gives a plain Uint8Array over the same memory', () => {
    const buffer = Buffer.from([0, 1, 1, 0, 1]).subarray(1);
    const t = tensor(buffer);
    expect(t.data.constructor).toBe(Uint8Array);
    expect(t.data.buffer).toBe(buffer.buffer);
    expect(t.data.byteOffset).toBe(buffer.byteOffset);
    expect([...t.data]).toEqual([1, 1, 0, 1]);
    buffer[0] = 0;
    expect(t.at(0)).toBe(0);
    expect(new Tensor(buffer, [4]).data.constructor).toBe(Uint8Array);
  });

  it('that is written to after the call changes nothing', async () => {
    const bytes = Buffer.from(Array.from({ length: 3 * 4 * 3 }, (_, i) => (i * 7) % 5));
    const expected = await outputsOf(Uint8Array.from(bytes));
    const answer = model.predict(tensor(bytes, [3, 4, 3]), { batchSize: 1 });
    bytes.fill(0);
    expect([...(await answer).data]).toEqual(expected);
  });
});

describe('subclasses', () => {
  class Loud extends Float32Array<ArrayBuffer> {
    override slice(): never {
      throw new Error('slice');
    }
    override [Symbol.iterator](): never {
      throw new Error('iterator');
    }
    static get [Symbol.species](): never {
      throw new Error('species');
    }
  }

  it('are seen as what they extend, and nothing of theirs is called', async () => {
    const loud = new Loud(new ArrayBuffer(36 * 4));
    loud.set(sequences(3).data);
    expect(tensor(loud).data.constructor).toBe(Float32Array);
    expect(await outputsOf(loud)).toEqual(await outputsOf(sequences(3).data));
  });

  it('that claim another length reach no memory beyond their own', () => {
    const short = new Float32Array(4);
    Object.setPrototypeOf(short, Object.create(Float32Array.prototype, { length: { value: 1e9 } }));
    expect(() => loose(short, [1e9])).toThrow(RangeError);
  });
});

describe('another realm', () => {
  it('has arrays and typed arrays that are as good as ours', async () => {
    const context = { values: [...sequences(3).data] };
    const expected = await outputsOf(sequences(3).data);
    for (const type of ['Float32Array', 'Float64Array']) {
      expect(await outputsOf(runInNewContext(`${type}.from(values)`, context))).toEqual(expected);
    }
    expect(loose(runInNewContext('[[1, 2], [3, 4]]')).shape).toEqual([2, 2]);
    expect(loose(runInNewContext('new Uint8Array(3)')).dtype).toBe('bool');
    expect(loose(runInNewContext('new Int16Array(3)')).dtype).toBe('int32');
  });

  it('has shared memory that is refused like ours', async () => {
    const data: unknown = runInNewContext('new Float32Array(new SharedArrayBuffer(16))');
    await refusal(() => loose(data), 'INVALID_ARGUMENT', { option: 'data' });
  });
});

describe('shared memory', () => {
  it('is refused, saying what to do', async () => {
    const shared = new SharedArrayBuffer(16);
    const views = [
      new Float32Array(shared),
      new Int32Array(shared),
      new Uint8Array(shared),
      new Float64Array(shared),
      new Int16Array(shared),
    ];
    for (const data of views) {
      const text = await refusalText(() => loose(data), 'INVALID_ARGUMENT', { option: 'data' });
      expect(text).toContain('SharedArrayBuffer');
      expect(text).toContain('data.slice()');
    }
  });

  it('is fine as a copy', () => {
    const shared = new Float32Array(new SharedArrayBuffer(16));
    expect(tensor(shared.slice()).shape).toEqual([4]);
  });
});

describe('memory that is gone', () => {
  it('is refused by tensor', async () => {
    for (const Type of [Float32Array, Int32Array, Uint8Array, Float64Array, Int8Array]) {
      const data = new Type(8);
      detach(data);
      const text = await refusalText(() => loose(data), 'INVALID_ARGUMENT', { option: 'data' });
      expect(text).toContain('detached');
    }
  });

  it('is not the same as being empty', () => {
    expect(tensor(new Float32Array(0)).size).toBe(0);
    expect(tensor(new Float32Array(new ArrayBuffer(8), 8)).size).toBe(0);
  });

  it('is noticed when the tensor is used', async () => {
    const x = sequences(3);
    detach(x.data);
    const text = await refusalText(() => model.predict(x), 'INVALID_ARGUMENT', { option: 'x' });
    expect(text).toBe(
      'expected 36 values (shape [3,4,3]) for x, received a detached buffer; ' +
        'the buffer was detached or resized after the tensor was made',
    );
  });

  it('is noticed where there were no values either', async () => {
    const x = tensor(new Float32Array(0), [0, 4, 3]);
    detach(x.data);
    await refusal(() => model.predict(x), 'INVALID_ARGUMENT', { option: 'x' });
  });

  it('is noticed when a resizable buffer has shrunk or grown', async () => {
    for (const values of [0, 1, 35, 37, 72]) {
      const { view, buffer } = resizable(36);
      const x = tensor(view, [3, 4, 3]);
      buffer.resize(values * 4);
      const error = await refusal(() => model.predict(x), 'INVALID_ARGUMENT', { option: 'x' });
      expect(error.details.received).toBe(`${values} values`);
      buffer.resize(36 * 4);
      expect((await model.predict(x)).shape).toEqual([3, 1]);
    }
  });

  it('is noticed when a fixed view of a resizable buffer is out of its bounds', async () => {
    const { buffer } = resizable(40);
    const x = tensor(new Float32Array(buffer, 16, 36), [3, 4, 3]);
    buffer.resize(39 * 4);
    await refusal(() => model.predict(x), 'INVALID_ARGUMENT', { option: 'x' });
  });
});

describe('a tensor that was tampered with', () => {
  interface Open {
    data: unknown;
    shape: unknown;
    dtype: unknown;
  }
  const tampered = (change: (t: Open) => void): Tensor => {
    const t = sequences(3);
    change(t as unknown as Open);
    return t;
  };

  it.each<[string, (t: Open) => void]>([
    ['another number of rows', (t) => (t.shape = [1000, 4, 3])],
    ['a negative extent', (t) => (t.shape = [-3, -4, 3])],
    ['a fraction', (t) => (t.shape = [1.5, 8, 3])],
    ['an overflow', (t) => (t.shape = [2 ** 31, 2 ** 31, 3])],
    ['no shape', (t) => (t.shape = undefined)],
    ['a shape that is no array', (t) => (t.shape = { 0: 3, 1: 4, 2: 3, length: 3 })],
    ['shorter data', (t) => (t.data = new Float32Array(3))],
    ['no data', (t) => (t.data = undefined)],
    ['an array as data', (t) => (t.data = new Array(36).fill(0))],
    ['data of another type', (t) => (t.data = new Float64Array(36))],
    ['another dtype', (t) => (t.dtype = 'int32')],
    ['an unknown dtype', (t) => (t.dtype = 'toString')],
    ['no dtype', (t) => (t.dtype = undefined)],
  ])('with %s is refused', async (_name, change) => {
    await refusal(() => model.predict(tampered(change)), 'INVALID_ARGUMENT');
    await refusal(() => model.setWeights({ 'dense/kernel': tampered(change) }), 'INVALID_ARGUMENT');
  });

  it('or forged is refused', async () => {
    await refusal(() => model.predict(Object.create(Tensor.prototype)), 'INVALID_ARGUMENT');
    const lookalike = { data: new Float32Array(36), shape: [3, 4, 3], dtype: 'float32' };
    await refusal(() => model.predict(lookalike as unknown as Tensor), 'INVALID_ARGUMENT');
  });

  it('so that each look shows another shape is refused or seen as one of them', async () => {
    const t = sequences(3);
    let looks = 0;
    Object.defineProperty(t, 'shape', { get: () => (looks++ % 2 === 0 ? [3, 4, 3] : [9, 4, 3]) });
    await model.predict(t).catch((error) => expect(error.code).toMatch(/INVALID|MISMATCH/));
    expect((await model.predict(sequences(3))).shape).toEqual([3, 1]);
  });
});
