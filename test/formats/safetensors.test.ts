// Reading and writing safetensors files: every field is checked before it is used.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors, toFloats, writeSafetensors } from '../../lib/formats/safetensors.js';
import { safetensorsFile, takeApart } from '../support/files.js';
import { refusal, refusalText } from '../support/refusal.js';

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

/** A header entry. */
const entry = (dtype: unknown, shape: unknown, from: unknown, to: unknown) => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

const join2 = (chunks: Uint8Array[]) => new Uint8Array(Buffer.concat(chunks));

/** Says why a file with this header and so many bytes of data is refused. */
const reason = (header: unknown, bytes = 8) =>
  refusalText(() => readSafetensors(safetensorsFile(header, new Uint8Array(bytes))), 'FORMAT');

describe('a file that was written', () => {
  const tensors = [
    { name: 'a', shape: [2, 2], data: Float32Array.of(1, -0, Number.NaN, Number.MIN_VALUE) },
    { name: 'empty', shape: [0, 3], data: new Float32Array(0) },
    { name: 'one', shape: [], data: Float32Array.of(7) },
  ];
  const file = join2(writeSafetensors(tensors, { key: 'value "quoted"' }));

  it('is read back bit for bit', () => {
    const { metadata, tensors: read } = readSafetensors(file);
    expect(metadata).toEqual({ key: 'value "quoted"' });
    expect([...read.keys()]).toEqual(['a', 'empty', 'one']);
    for (const { name, shape, data } of tensors) {
      const raw = read.get(name);
      expect(raw?.shape).toEqual(shape);
      expect(raw && toFloats(name, raw)).toEqual(data);
    }
  });

  it('has its data aligned to 8 bytes', () => {
    expect((file.length - takeApart(file).data.length) % 8).toBe(0);
  });

  it('may lie at any offset of its memory', () => {
    for (let offset = 0; offset < 8; offset++) {
      const shifted = new Uint8Array(file.length + 8).subarray(offset, offset + file.length);
      shifted.set(file);
      const raw = readSafetensors(shifted).tensors.get('a');
      expect(raw && toFloats('a', raw)).toEqual(tensors[0]?.data);
    }
  });

  it('writes views of a larger memory', () => {
    const data = new Float32Array(10).fill(5).subarray(3, 5);
    const [head, body] = writeSafetensors([{ name: 'a', shape: [2], data }], {});
    const raw = readSafetensors(join2([head as Uint8Array, body as Uint8Array])).tensors.get('a');
    expect(raw && toFloats('a', raw)).toEqual(Float32Array.of(5, 5));
  });
});

describe('files of other programs', () => {
  it('from PyTorch and Keras are read, with all dtypes', () => {
    const golden = (name: string) =>
      readSafetensors(readFileSync(join(__dirname, '..', 'golden', `${name}.safetensors`)));
    expect(golden('keras-gru/reset-after-sequences').tensors.size).toBeGreaterThan(3);
    expect(golden('keras-activations/elu').metadata).toHaveProperty('case');
  });

  it('may have their tensors in any order, and no metadata', () => {
    const header = { b: entry('F32', [1], 4, 8), a: entry('F32', [1], 0, 4) };
    const { tensors, metadata } = readSafetensors(safetensorsFile(header, floats(1, 2)));
    expect(toFloats('b', tensors.get('b') as never)).toEqual(Float32Array.of(2));
    expect(metadata).toEqual({});
  });

  it.each<[string, ArrayBufferView]>([
    ['F64', Float64Array.of(1.5, -2)],
    ['I32', Int32Array.of(1, -2)],
    ['I64', BigInt64Array.of(1n, -(2n ** 40n))],
    ['U8', Uint8Array.of(0, 255)],
    ['BOOL', Uint8Array.of(0, 1)],
  ])('may hold %s', (dtype, values) => {
    const { buffer, byteLength } = values;
    const data = new Uint8Array(buffer as ArrayBuffer);
    const file = safetensorsFile({ x: entry(dtype, [2], 0, byteLength) }, data);
    const raw = readSafetensors(file).tensors.get('x');
    const expected = Array.from(values as unknown as ArrayLike<number | bigint>, Number);
    expect([...toFloats('x', raw as never)]).toEqual(expected);
  });

  it('may not hold whole numbers that float32 would change', async () => {
    const data = new Uint8Array(Int32Array.of(16777217).buffer);
    const raw = readSafetensors(safetensorsFile({ x: entry('I32', [1], 0, 4) }, data));
    const text = await refusalText(() => toFloats('x', raw.tensors.get('x') as never), 'FORMAT');
    expect(text).toContain("tensor 'x' holds 16777217");
  });
});

describe('the length of the header', () => {
  it.each([0, 1, 7])('%d bytes are no file', async (bytes) => {
    const text = await refusalText(() => readSafetensors(new Uint8Array(bytes)), 'FORMAT');
    expect(text).toBe(`safetensors: the file has ${bytes} bytes, at least 8 are needed`);
  });

  it.each([100_000_001n, 2n ** 31n, 2n ** 53n, 2n ** 60n, 2n ** 64n - 1n])(
    'of %d bytes is beyond the limit',
    async (length) => {
      const file = safetensorsFile('{}', new Uint8Array(0), length);
      const text = await refusalText(() => readSafetensors(file), 'FORMAT');
      expect(text).toContain(`the header claims ${length} bytes`);
    },
  );

  it('may not go beyond the file', async () => {
    const file = safetensorsFile('{}', new Uint8Array(0), 3n);
    expect(await refusalText(() => readSafetensors(file), 'FORMAT')).toBe(
      'safetensors: the header claims 3 bytes, the file has 10',
    );
  });

  it('of zero is no header', async () => {
    await refusal(() => readSafetensors(new Uint8Array(8)), 'FORMAT');
  });
});

describe('the header', () => {
  it.each([
    '',
    ' ',
    '{',
    'null',
    '[]',
    '1',
    '"text"',
    '{"a":1,}',
    '\ufeff{}',
    '{} {}',
    `{"a":${'['.repeat(1e5)}}`,
    `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
  ])('number %# is refused', async (text) => {
    await refusal(() => readSafetensors(safetensorsFile(text)), 'FORMAT');
  });

  it('has to be UTF-8', async () => {
    const file = safetensorsFile('{"abcd":1}');
    file[10] = 0xff;
    await refusal(() => readSafetensors(file), 'FORMAT');
  });

  it('may not name anything twice, however it is spelled', async () => {
    const one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
    for (const name of ['x', '\\u0078']) {
      const file = safetensorsFile(`{"x":${one},"${name}":${one}}`, floats(1));
      const text = await refusalText(() => readSafetensors(file), 'FORMAT');
      expect(text).toContain('the name "x" stands there twice');
    }
    const inside = '{"x":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}';
    await refusal(() => readSafetensors(safetensorsFile(inside, floats(1))), 'FORMAT');
    const strings = '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"y":"x\\":\\"x"}}';
    expect(readSafetensors(safetensorsFile(strings, floats(1))).tensors.size).toBe(1);
  });

  it('may have names from the prototype of objects', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const entries = names.map((name, i) => {
      return `${JSON.stringify(name)}:${JSON.stringify(entry('F32', [1], 4 * i, 4 * i + 4))}`;
    });
    const file = safetensorsFile(`{${entries.join(',')}}`, floats(1, 2, 3, 4));
    const { tensors } = readSafetensors(file);
    expect([...tensors.keys()]).toEqual(names);
    expect(toFloats('x', tensors.get('__proto__') as never)).toEqual(Float32Array.of(1));
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });

  it('gets no metadata from a prototype', () => {
    const text = '{"__proto__":{"__metadata__":{"sluice.format":"1"}}}';
    expect(() => readSafetensors(safetensorsFile(text))).toThrow("tensor '__proto__'");
    const inner = '{"__metadata__":{"__proto__":"x"}}';
    const { metadata } = readSafetensors(safetensorsFile(inner));
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });

  it.each([null, [], 'x', 1, { a: 1 }, { a: null }, { a: {} }])(
    'has metadata of strings, not %j',
    async (metadata) => {
      expect(await reason({ __metadata__: metadata }, 0)).toContain('__metadata__');
    },
  );

  it('shows strange names in one short line', async () => {
    const name = `a\nb${'x'.repeat(1e5)}`;
    const text = await reason({ [name]: 1 });
    expect(text).toContain("tensor 'a\\x0abx");
  });
});

describe('an entry', () => {
  it.each([null, 1, 'F32', [], {}])('is an object with three members, not %j', async (value) => {
    expect(await reason({ x: value })).toContain("tensor 'x'");
  });

  it.each(['F16', 'BF16', 'f32', '', 'toString', '__proto__', 32, null, undefined, ['F32'], {}])(
    'has a dtype that is known, not %j',
    async (dtype) => {
      const text = await reason({ x: entry(dtype, [2], 0, 8) });
      expect(text).toContain('known are F32, F64, I32, I64, U8, BOOL');
    },
  );

  it.each([
    null,
    2,
    '[2]',
    [-2],
    [1.5],
    ['2'],
    [null],
    [2 ** 53],
    [1e300],
    [[2]],
    { length: 1, 0: 2 },
    new Array(17).fill(1),
  ])('has a shape of counts, not %j', async (shape) => {
    expect(await reason({ x: entry('F32', shape, 0, 8) })).toContain('no valid shape');
  });

  it.each([[-4, 4], [0, 8.5], ['0', '8'], [null, 8], [0], [0, 8, 8], [0, 2 ** 53]])(
    'has offsets that are counts, not %j',
    async (...offsets) => {
      const text = await reason({ x: { dtype: 'F32', shape: [2], data_offsets: offsets } });
      expect(text).toContain('no valid data_offsets');
    },
  );

  it.each([
    [0, 12],
    [8, 0],
    [8, 16],
    [0, 2 ** 53 - 1],
    [2 ** 52, 2 ** 52 + 8],
  ])('lies within the data, not at %d to %d', async (from, to) => {
    expect(await reason({ x: entry('F32', [2], from, to) })).toContain('the data has 8 bytes');
  });

  it.each([
    [[3], 'F32'],
    [[1], 'F32'],
    [[2], 'F64'],
    [[], 'F32'],
    [[2, 0], 'F32'],
    [[2 ** 31, 2 ** 31], 'F32'],
    [[2 ** 52, 2 ** 52, 2 ** 52], 'U8'],
    [[2 ** 30 + 2, 2 ** 32], 'F32'],
  ])('has as many bytes as its shape %j of %s needs', async (shape, dtype) => {
    expect(await reason({ x: entry(dtype, shape, 0, 8) })).toContain('does not fit into 8 bytes');
  });
});

describe('the data', () => {
  it('has no gap before, between or after the tensors', async () => {
    expect(await reason({ x: entry('F32', [1], 4, 8) })).toContain('bytes 0 to 4');
    expect(await reason({ x: entry('F32', [1], 0, 4) })).toContain('bytes 4 to 8');
    const two = { x: entry('F32', [1], 0, 4), y: entry('F32', [1], 8, 12) };
    expect(await reason(two, 12)).toContain('bytes 4 to 8 belong to no tensor');
    expect(await reason({}, 1)).toContain('bytes 0 to 1');
  });

  it('belongs to one tensor only', async () => {
    const twice = { x: entry('F32', [2], 0, 8), y: entry('F32', [2], 0, 8) };
    expect(await reason(twice)).toContain("tensor 'y' overlaps another one");
    const partly = { x: entry('F32', [2], 0, 8), y: entry('F32', [2], 4, 12) };
    expect(await reason(partly, 12)).toContain('overlaps');
    const inside = { x: entry('F32', [3], 0, 12), y: entry('F32', [1], 4, 8) };
    expect(await reason(inside, 12)).toContain('overlaps');
  });
});
