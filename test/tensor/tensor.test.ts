// tensor(): what it takes, what it makes of it, and what it refuses.
import { Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { afterHole, STRANGERS, THROWING } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

/** For calls that TypeScript would not let through. */
const loose = tensor as (data: unknown, shape?: unknown) => Tensor;

describe('typed arrays', () => {
  it('are kept as they are', () => {
    for (const data of [new Float32Array(6), new Int32Array(6), new Uint8Array(6)]) {
      const t = loose(data, [2, 3]);
      expect(t.data).toBe(data);
      expect(t.shape).toEqual([2, 3]);
    }
  });

  it('tell the dtype', () => {
    expect(tensor(new Float32Array(1)).dtype).toBe('float32');
    expect(tensor(new Int32Array(1)).dtype).toBe('int32');
    expect(tensor(new Uint8Array(1)).dtype).toBe('bool');
  });

  it('have one axis where no shape is given', () => {
    expect(tensor(new Float32Array(5)).shape).toEqual([5]);
    expect(tensor(new Float32Array(0)).shape).toEqual([0]);
  });

  it('of double precision become float32', () => {
    const t = tensor(Float64Array.of(1, 1 / 3, 1e300, Number.NaN), [2, 2]);
    expect(t.data).toEqual(Float32Array.of(1, 1 / 3, Number.POSITIVE_INFINITY, Number.NaN));
    expect(t.shape).toEqual([2, 2]);
  });

  it('of small integers become int32', () => {
    for (const data of [Int8Array.of(-1, 7), Int16Array.of(-1, 7)]) {
      expect(tensor(data).data).toEqual(Int32Array.of(-1, 7));
    }
    expect(tensor(Uint16Array.of(65535)).data).toEqual(Int32Array.of(65535));
    expect(tensor(Uint32Array.of(2 ** 31 - 1)).data).toEqual(Int32Array.of(2 ** 31 - 1));
  });

  it('of unsigned numbers that int32 has no place for are refused, naming the first', async () => {
    const data = Uint32Array.of(1, 2 ** 31, 2 ** 32 - 1);
    expect(await refusalText(() => tensor(data), 'INVALID_ARGUMENT', { option: 'data[1]' })).toBe(
      'tensor: expected at most 2147483647 for data[1], received 2147483648 of type number',
    );
  });

  it('of other types are refused with a way out', async () => {
    const Half = (globalThis as { Float16Array?: new (n: number) => ArrayBufferView }).Float16Array;
    const others = [
      new BigInt64Array(2),
      new BigUint64Array(2),
      new Uint8ClampedArray(2),
      new DataView(new ArrayBuffer(8)),
      ...(Half ? [new Half(2)] : []),
    ];
    for (const data of others) {
      const text = await refusalText(() => loose(data), 'INVALID_ARGUMENT', { option: 'data' });
      expect(text).toContain('convert it first');
    }
  });
});

describe('nested arrays', () => {
  it('give their nesting as shape', () => {
    expect(tensor([1, 2, 3]).shape).toEqual([3]);
    const t = tensor([
      [[1], [2]],
      [[3], [4]],
      [[5], [6]],
    ]);
    expect(t.shape).toEqual([3, 2, 1]);
    expect(t.data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(tensor(5).shape).toEqual([]);
    expect(tensor(5).at()).toBe(5);
  });

  it('of booleans are bools', () => {
    const t = tensor([
      [true, false],
      [false, true],
    ]);
    expect(t.dtype).toBe('bool');
    expect(t.data).toEqual(Uint8Array.of(1, 0, 0, 1));
  });

  it('may be empty on any axis', () => {
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(tensor([[], []]).dtype).toBe('float32');
  });

  it('may be given another shape', () => {
    expect(tensor([1, 2, 3, 4], [2, 2]).at(1, 0)).toBe(3);
    expect(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        [4],
      ).shape,
    ).toEqual([4]);
  });

  it.each<[string, unknown, string, string]>([
    ['too short', [[1, 2], [3]], 'data[1]', 'an array of 2 items'],
    ['too long', [[1], [2, 3]], 'data[1]', 'an array of 1 items'],
    ['too flat', [[1], 2], 'data[1]', 'an array of 1 items'],
    ['too deep', [1, [2]], 'data[1]', 'a number'],
    ['deeper at the end', [[[1]], [[[2]]]], 'data[1][0][0]', 'a number'],
  ])('that are %s are ragged', async (_name, data, option, expected) => {
    const text = await refusalText(() => loose(data), 'INVALID_ARGUMENT', { option, expected });
    expect(text).toContain('the nesting is ragged');
  });

  it.each<[string, unknown, string]>([
    ['a string', [['1']], 'data[0][0]'],
    ['a hole', [[1, 2], afterHole(1)], 'data[1][0]'],
    ['a hole at the start', afterHole(1), 'data[0]'],
    ['null', [1, null], 'data[1]'],
    ['a bigint', [1n], 'data[0]'],
    ['a boolean among numbers', [1, true], 'data[1]'],
    ['a number among booleans', [true, 1], 'data[1]'],
    ['an object', [{}], 'data[0]'],
  ])('with %s are refused, naming the place', async (_name, data, option) => {
    await refusal(() => loose(data), 'INVALID_ARGUMENT', { layer: 'tensor', option });
  });

  it('do not hold typed arrays', async () => {
    const data = [new Float32Array(2), new Float32Array(2)];
    const text = await refusalText(() => loose(data), 'INVALID_ARGUMENT', { option: 'data[0]' });
    expect(text).toContain('typed arrays cannot be nested');
  });

  it('without an end are an error', async () => {
    const data: unknown[] = [];
    data.push(data);
    await refusal(() => loose(data), 'INVALID_ARGUMENT', { option: 'data' });
    let deep: unknown = 1;
    for (let i = 0; i < 1e5; i++) deep = [deep];
    await refusal(() => loose(deep), 'INVALID_ARGUMENT', {
      expected: 'at most 16 levels of nesting',
    });
  });

  it('that stand for more than there is memory are an error, before the memory is touched', async () => {
    const row = new Array(1e5).fill(0);
    await refusal(() => loose(new Array(1e6).fill(row)), 'OUT_OF_MEMORY');
    await refusal(() => loose(new Array(2 ** 32 - 1)), 'INVALID_ARGUMENT', { option: 'data[0]' });
  });
});

describe('anything else', () => {
  it.each(STRANGERS.filter(([name]) => name !== 'NaN' && name !== '-Infinity'))(
    '%s is refused',
    async (_name, value) => {
      await refusal(() => loose(value), 'INVALID_ARGUMENT', { layer: 'tensor' });
      await refusal(() => loose([value]), 'INVALID_ARGUMENT', { layer: 'tensor' });
    },
  );

  it.each(THROWING)('%s passes its own exception on', (_name, value) => {
    expect(() => loose(value)).toThrow(/a trap of the proxy|revoked/);
  });

  it('is not a reason to fail without a word', async () => {
    expect(await refusalText(() => loose(undefined), 'INVALID_ARGUMENT')).toBe(
      'tensor: expected a number for data, received nothing',
    );
    expect(await refusalText(() => loose('1,2,3'), 'INVALID_ARGUMENT')).toBe(
      "tensor: expected a number for data, received '1,2,3' of type string",
    );
  });
});

describe('shapes', () => {
  it('that do not fit the data say both sizes', async () => {
    const text = await refusalText(() => tensor(new Float32Array(7), [2, 3]), 'SHAPE_MISMATCH', {
      expected: '6',
      received: '7',
    });
    expect(text).toBe('tensor: shape [2,3] needs 6 values, received 7');
  });

  it.each<[string, unknown]>([
    ['a negative extent', [-1, -4]],
    ['a fraction', [1.5, 2]],
    ['NaN', [Number.NaN]],
    ['infinity', [Number.POSITIVE_INFINITY]],
    ['a string', ['4']],
    ['a bigint', [4n]],
    ['null', [null]],
    ['a hole', afterHole(4)],
    ['an extent beyond 2^53', [2 ** 53]],
    ['a product that overflows 2^53', [2 ** 31, 2 ** 31]],
    ['a product that wraps to the right size in 32 bits', [2 ** 32 + 4]],
    ['a product that is infinite', new Array(40).fill(2 ** 53 - 1)],
    ['a number', 4],
    ['null itself', null],
    ['a typed array', Int32Array.of(4)],
    ['a string itself', '4'],
  ])('with %s are refused', async (_name, shape) => {
    const codes = { overflow: 'INVALID_ARGUMENT', size: 'SHAPE_MISMATCH' } as const;
    const code = Array.isArray(shape) && shape[0] === 2 ** 32 + 4 ? codes.size : codes.overflow;
    await refusal(() => loose(new Float32Array(4), shape), code, { option: 'shape' });
  });

  it('belong to the tensor', () => {
    const shape = [2, 3];
    const t = tensor(new Float32Array(6), shape);
    shape[0] = 100;
    expect(t.shape).toEqual([2, 3]);
    expect(() => (t.shape as number[]).push(1)).toThrow(TypeError);
  });

  it('are read once, so that what was checked is what is kept', async () => {
    let reads = 0;
    const shape = new Proxy([4], {
      get: (target, key) => (key === '0' && ++reads > 1 ? 1e9 : Reflect.get(target, key)),
    });
    expect(tensor(new Float32Array(4), shape).shape).toEqual([4]);
  });

  it('may have an axis without extent', () => {
    expect(tensor(new Float32Array(0), [0, 2 ** 40, 3]).size).toBe(0);
    expect(tensor(new Float32Array(0), [5, 0]).shape).toEqual([5, 0]);
  });
});

describe('tensors of tensors', () => {
  it('share the data', () => {
    const t = tensor([1, 2, 3, 4]);
    const again = loose(t, [2, 2]);
    expect(again.data).toBe(t.data);
    expect(again.shape).toEqual([2, 2]);
    expect(loose(t).shape).toEqual([4]);
  });
});

describe('at', () => {
  const t = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  it('reads by row and column, from either end', () => {
    expect(t.at(0, 0)).toBe(1);
    expect(t.at(1, 2)).toBe(6);
    expect(t.at(-1, -3)).toBe(4);
    expect(t.size).toBe(6);
  });

  it.each<[string, unknown[]]>([
    ['too few', [1]],
    ['too many', [1, 2, 0]],
    ['none', []],
  ])('refuses %s indices', async (_name, indices) => {
    await refusal(() => t.at(...(indices as number[])), 'INVALID_ARGUMENT', {
      expected: '2 integers',
    });
  });

  it.each<[string, unknown]>([
    ['beyond the end', 3],
    ['before the start', -4],
    ['a fraction', 0.5],
    ['NaN', Number.NaN],
    ['a string', '1'],
    ['infinity', Number.POSITIVE_INFINITY],
    ['beyond 2^53', 2 ** 60],
  ])('refuses an index that is %s', async (_name, index) => {
    await refusal(() => t.at(0, index as number), 'INVALID_ARGUMENT', { option: 'index 1' });
  });
});

describe('the class', () => {
  it('checks what its constructor is given', async () => {
    const Loose = Tensor as unknown as new (data: unknown, shape: unknown) => Tensor;
    await refusal(() => new Loose([1, 2], [2]), 'INVALID_ARGUMENT', { option: 'data' });
    await refusal(() => new Loose(new Float64Array(2), [2]), 'INVALID_ARGUMENT');
    await refusal(() => new Loose(new Float32Array(2), undefined), 'INVALID_ARGUMENT');
    await refusal(() => new Loose(new Float32Array(2), [3]), 'SHAPE_MISMATCH');
  });
});
