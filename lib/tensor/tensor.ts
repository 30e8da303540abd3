import { invalid, SluiceError, shapeText } from '../errors.js';
import type { DType, TypedArray } from '../native.js';
import { flatten, type Nested } from './nested.js';

export type { DType, TypedArray } from '../native.js';
export type { Nested } from './nested.js';

/** The typed array that holds values of a dtype; a bool is a byte, 0 or 1. */
export type DataOf<D extends DType> = D extends 'float32'
  ? Float32Array
  : D extends 'int32'
    ? Int32Array
    : Uint8Array;

/**
 * Numbers with a shape: plain data, nothing to dispose. The data is row-major; a typed array that was
 * passed in is kept as it is, without a copy, so that writing to it changes the tensor.
 *
 * @example
 * const t = tensor([[1, 2, 3], [4, 5, 6]]);
 * t.shape;      // [2, 3]
 * t.at(1, 2);   // 6
 */
export class Tensor<D extends DType = DType> {
  readonly data: DataOf<D>;
  readonly shape: readonly number[];
  readonly dtype: D;

  /** Use {@link tensor}, which also converts. */
  constructor(data: DataOf<D>, shape: readonly number[]) {
    this.dtype = dtypeOf(data) as D;
    checkBuffer(data);
    const size = elementCount(shape);
    if (size !== data.length) {
      throw new SluiceError(
        'SHAPE_MISMATCH',
        `tensor: shape ${shapeText(shape)} needs ${size} values, received ${data.length}`,
        { expected: String(size), received: String(data.length) },
      );
    }
    this.data = data;
    this.shape = Object.freeze([...shape]);
  }

  /** The number of values. */
  get size(): number {
    return elementCount(this.shape);
  }

  /**
   * One value. Negative indices count from the end of their axis.
   * @throws SluiceError INVALID_ARGUMENT for a wrong number of indices or one out of range
   */
  at(...indices: number[]): number {
    if (indices.length !== this.shape.length) {
      throw invalid('the indices of at', `${this.shape.length} integers`, indices, 'tensor');
    }
    let offset = 0;
    this.shape.forEach((extent, axis) => {
      const given = indices[axis] ?? Number.NaN;
      const index = given < 0 ? given + extent : given;
      if (!Number.isInteger(index) || index < 0 || index >= extent) {
        throw invalid(
          `index ${axis}`,
          `an integer from ${-extent} to ${extent - 1}`,
          given,
          'tensor',
        );
      }
      offset = offset * extent + index;
    });
    return this.data[offset] as number;
  }
}

/**
 * Makes a tensor of a typed array or of nested arrays.
 *
 * Float32Array, Int32Array and Uint8Array (bool) are kept as views, at any byteOffset, without a copy.
 * Float64Array becomes float32, smaller integer arrays become int32. Nested arrays of numbers become
 * float32, of booleans bool.
 *
 * @param data typed array, nested arrays or one number
 * @param shape the extents; default: one axis for a typed array, the nesting for nested arrays
 * @throws SluiceError INVALID_ARGUMENT for ragged nesting, memory that is shared or detached, or a type
 * that has no meaning here; SHAPE_MISMATCH where `shape` does not fit the number of values
 *
 * @example
 * tensor(new Float32Array(32 * 100 * 10), [32, 100, 10]);
 * tensor([[true, true, false]]).dtype;   // 'bool'
 */
export function tensor(data: Int32Array, shape?: readonly number[]): Tensor<'int32'>;
export function tensor(data: Uint8Array, shape?: readonly number[]): Tensor<'bool'>;
export function tensor(
  data: Float32Array | Float64Array | Nested<number>,
  shape?: readonly number[],
): Tensor<'float32'>;
export function tensor(
  data: Int8Array | Int16Array | Uint16Array | Uint32Array,
  shape?: readonly number[],
): Tensor<'int32'>;
export function tensor(data: Nested<boolean>, shape?: readonly number[]): Tensor<'bool'>;
export function tensor(data: unknown, shape?: readonly number[]): Tensor {
  if (ArrayBuffer.isView(data)) {
    const values = convert(data);
    return new Tensor(values, shape ?? [values.length]);
  }
  if (data instanceof Tensor) return new Tensor(data.data, shape ?? data.shape);
  const flat = flatten(data);
  return new Tensor(flat.data, shape ?? flat.shape);
}

/**
 * Checks that a tensor's memory is still there: a buffer may have been detached (transferred to a
 * worker) or resized since the tensor was made.
 */
export function checkAlive(value: Tensor, name: string): void {
  if (value.data.length !== value.size) {
    throw invalid(
      name,
      `${value.size} values (shape ${shapeText(value.shape)})`,
      value.data,
      undefined,
      'the buffer of this tensor was detached or resized after the tensor was made',
    );
  }
}

/**
 * The number of elements of a shape.
 * @throws SluiceError INVALID_ARGUMENT unless all extents are integers of at least 0 with a product
 * below 2^53
 */
export function elementCount(shape: readonly number[]): number {
  if (!Array.isArray(shape)) throw invalid('shape', 'an array of extents', shape, 'tensor');
  let count = 1;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw invalid('shape', 'integers of at least 0', shape, 'tensor');
    }
    count *= extent;
  }
  if (!Number.isSafeInteger(count)) {
    throw invalid('shape', 'a product of extents below 2^53', shape, 'tensor');
  }
  return count;
}

function dtypeOf(data: unknown): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint8Array) return 'bool';
  throw invalid('data', 'a Float32Array, Int32Array or Uint8Array', data, 'tensor');
}

function convert(data: ArrayBufferView): TypedArray {
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) {
    return data;
  }
  if (data instanceof Float64Array) {
    checkBuffer(data);
    return new Float32Array(data);
  }
  if (
    data instanceof Int8Array ||
    data instanceof Int16Array ||
    data instanceof Uint16Array ||
    data instanceof Uint32Array
  ) {
    checkBuffer(data);
    const values = new Int32Array(data);
    const wrapped = data instanceof Uint32Array ? values.findIndex((value) => value < 0) : -1;
    if (wrapped >= 0)
      throw invalid(`data[${wrapped}]`, 'at most 2147483647', data[wrapped], 'tensor');
    return values;
  }
  throw invalid(
    'data',
    'a Float32Array, Float64Array, Int32Array, Uint8Array or a smaller integer array',
    data,
    'tensor',
    'convert it first, for example with Float32Array.from(data, Number)',
  );
}

function checkBuffer(data: TypedArray | ArrayBufferView): void {
  if (!(data.buffer instanceof ArrayBuffer)) {
    throw invalid(
      'data',
      'memory of its own',
      data,
      'tensor',
      'it is backed by a SharedArrayBuffer, which another thread may write to during a run: pass a copy (data.slice())',
    );
  }
  // Only a detached buffer refuses a view; one that is merely empty does not.
  if (data.byteLength === 0) {
    try {
      new Uint8Array(data.buffer);
    } catch {
      throw invalid('data', 'memory that is there', data, 'tensor', 'its buffer is detached');
    }
  }
}
