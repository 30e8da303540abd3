import { types } from 'node:util';
import { invalid, SluiceError, shapeText, unexpected } from '../errors.js';
import type { DType, TypedArray } from '../native.js';
import { allocate, flatten, type Nested } from './nested.js';

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
    this.data = plainView(data);
    const extents = Array.isArray(shape) ? Object.freeze([...shape]) : shape;
    const size = elementCount(extents);
    if (size !== this.data.length) {
      throw new SluiceError(
        'SHAPE_MISMATCH',
        `tensor: shape ${shapeText(extents)} needs ${size} values, received ${this.data.length}`,
        { option: 'shape', expected: String(size), received: String(this.data.length) },
      );
    }
    this.shape = extents;
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
    checkBuffer(data);
    const values = convert(data);
    return new Tensor(values, shape === undefined ? [values.length] : shape);
  }
  if (data instanceof Tensor)
    return new Tensor(data.data, shape === undefined ? data.shape : shape);
  const flat = flatten(data);
  return new Tensor(flat.data, shape === undefined ? flat.shape : shape);
}

/**
 * Checks that a tensor still is what it was when it was made: its buffer may have been detached
 * (transferred to a worker) or resized since, and JavaScript keeps nobody from writing to its fields.
 */
export function checkAlive(value: Tensor, name: string, where?: string): void {
  const { data, shape, dtype } = value;
  if (!isDType(data, dtype)) throw invalid(name, 'a tensor as tensor(...) made it', data, where);
  if (data.length !== elementCount(shape) || isDetached(data))
    throw goneData(name, data, shape, where);
}

/** For a tensor whose buffer was detached or resized since it was made. */
export function goneData(
  name: string,
  data: TypedArray,
  shape: readonly number[],
  where?: string,
): SluiceError {
  return unexpected(
    name,
    `${elementCount(shape)} values (shape ${shapeText(shape)})`,
    isDetached(data) ? 'a detached buffer' : `${data.length} values`,
    where,
    'the buffer was detached or resized after the tensor was made',
  );
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

// `types` and not `instanceof`: a test runner or a plugin host may have typed arrays of another realm.
const DTYPES = {
  float32: [types.isFloat32Array, Float32Array],
  int32: [types.isInt32Array, Int32Array],
  bool: [types.isUint8Array, Uint8Array],
} as const;

function isDType(data: unknown, dtype: DType): boolean {
  return Object.hasOwn(DTYPES, dtype) && DTYPES[dtype][0](data);
}

function dtypeOf(data: unknown): DType {
  for (const dtype of ['float32', 'int32', 'bool'] as const) {
    if (isDType(data, dtype)) return dtype;
  }
  throw invalid('data', 'a Float32Array, Int32Array or Uint8Array', data, 'tensor');
}

/**
 * The same memory without what a subclass adds: a Buffer's `slice` makes a view where that of a typed
 * array makes a copy, and others may have methods of any kind.
 */
function plainView<T extends TypedArray>(data: T): T {
  const [, Plain] = DTYPES[dtypeOf(data)];
  if (Object.getPrototypeOf(data) === Plain.prototype) return data;
  return new Plain(data.buffer as ArrayBuffer, data.byteOffset, data.length) as T;
}

function convert(data: ArrayBufferView): TypedArray {
  if (types.isFloat32Array(data) || types.isInt32Array(data) || types.isUint8Array(data)) {
    return data as TypedArray;
  }
  if (types.isFloat64Array(data)) return allocate(Float32Array, data);
  if (
    types.isInt8Array(data) ||
    types.isInt16Array(data) ||
    types.isUint16Array(data) ||
    types.isUint32Array(data)
  ) {
    const values = allocate(Int32Array, data);
    const wrapped = types.isUint32Array(data) ? values.findIndex((value) => value < 0) : -1;
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
  if (types.isSharedArrayBuffer(data.buffer)) {
    throw invalid(
      'data',
      'memory of its own',
      data,
      'tensor',
      'it is backed by a SharedArrayBuffer, which another thread may write to during a run: pass a copy (data.slice())',
    );
  }
  if (isDetached(data)) {
    throw invalid('data', 'memory that is there', data, 'tensor', 'its buffer is detached');
  }
}

/** Only a detached buffer refuses a view; one that is merely empty does not. */
export function isDetached(data: ArrayBufferView): boolean {
  if (data.byteLength > 0) return false;
  try {
    new Uint8Array(data.buffer);
    return false;
  } catch {
    return true;
  }
}
