import { invalid, SluiceError } from '../errors.js';

/** A value or arrays of values, nested as deep as there are axes. */
export type Nested<T> = T | readonly Nested<T>[];

/** Deeper than any tensor has axes; also ends the walk through an array that contains itself. */
const MAX_DEPTH = 16;

/** Nested arrays as flat data with a shape: numbers as float32, booleans as bytes. */
export function flatten(data: unknown): { data: Float32Array | Uint8Array; shape: number[] } {
  const shape = shapeOf(data);
  const first = firstLeaf(data);
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (typeof first === 'boolean') {
    const values = allocate(Uint8Array, size);
    fill(data, shape, 'boolean', (index, value) => {
      values[index] = value ? 1 : 0;
    });
    return { data: values, shape };
  }
  const values = allocate(Float32Array, size);
  fill(data, shape, 'number', (index, value) => {
    values[index] = value as number;
  });
  return { data: values, shape };
}

/** New memory: for so many values or for a copy. OUT_OF_MEMORY where it cannot be had. */
export function allocate<T>(Type: new (from: never) => T, from: number | ArrayLike<number>): T {
  try {
    return new Type(from as never);
  } catch (cause) {
    const size = typeof from === 'number' ? from : from.length;
    const received = `${size} values`;
    throw new SluiceError(
      'OUT_OF_MEMORY',
      `tensor: there is no memory for ${received}`,
      { received },
      { cause },
    );
  }
}

/** The extents along the first element of each axis; `fill` checks that the others agree. */
function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0]) {
    if (shape.length === MAX_DEPTH) {
      throw invalid('data', `at most ${MAX_DEPTH} levels of nesting`, data, 'tensor');
    }
    shape.push(level.length);
  }
  return shape;
}

function firstLeaf(data: unknown): unknown {
  let leaf = data;
  while (Array.isArray(leaf)) leaf = leaf[0];
  return leaf;
}

function fill(
  data: unknown,
  shape: readonly number[],
  type: 'number' | 'boolean',
  write: (index: number, value: unknown) => void,
): void {
  let next = 0;
  const visit = (value: unknown, axis: number, path: string): void => {
    const extent = shape[axis];
    if (extent === undefined) {
      if (typeof value !== type) throw invalid(path, `a ${type}`, value, 'tensor', leafHint(value));
      write(next++, value);
      return;
    }
    if (!Array.isArray(value) || value.length !== extent) {
      throw invalid(path, `an array of ${extent} items`, value, 'tensor', 'the nesting is ragged');
    }
    for (let i = 0; i < extent; i++) visit(value[i], axis + 1, `${path}[${i}]`);
  };
  visit(data, 0, 'data');
}

function leafHint(value: unknown): string | undefined {
  if (Array.isArray(value)) return 'the nesting is ragged';
  if (ArrayBuffer.isView(value)) return 'typed arrays cannot be nested: join them into one';
  return undefined;
}
