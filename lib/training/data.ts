// From what a user hands in (tensors, arrays of them, records by name) to columns of rows.
import { invalid, SluiceError, shapeText, unexpected, unknownName } from '../errors.js';
import type { DType, SlotDescription, TypedArray } from '../native.js';
import { checkAlive, elementCount, goneData, Tensor } from '../tensor/tensor.js';

/** Data for the inputs or outputs of a model: one tensor, an array by position or a record by name. */
export type ModelData = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

/** One number a row, or one a row and step. */
export type PerRow = Tensor | readonly number[] | Float32Array | Int32Array | Float64Array;

/** Something per row for one input or output, or for several by name. */
export type PerRowByName = PerRow | Readonly<Record<string, PerRow>>;

/** One slot of the batches to come: `data` holds the rows of all of them, `slot.shape` values each. */
export interface Column {
  readonly slot: SlotDescription;
  readonly data: TypedArray;
}

/** Columns of the same number of rows. */
export interface Rows {
  readonly count: number;
  readonly columns: readonly Column[];
}

/** What a slot holds in the words of the call. */
const ROLES: Record<SlotDescription['role'], string> = {
  input: 'x',
  mask: 'mask',
  lengths: 'lengths',
  target: 'y',
  weight: 'sampleWeight',
  cotangent: 'outputGradients',
};

/** Large data stays the caller's while a call goes on: it may have been detached or resized. */
export function checkColumn({ slot, data }: Column, rows: number): void {
  const shape = [rows, ...slot.shape];
  if (data.length !== elementCount(shape)) throw goneData(ROLES[slot.role], data, shape);
}

/** One value a name. With a single name the value may stand alone. */
export function tensorsByName(value: unknown, names: readonly string[], what: string): Tensor[] {
  if (value instanceof Tensor && names.length === 1) return [checked(value, what)];
  if (Array.isArray(value) && value.length === names.length && value[0] instanceof Tensor) {
    return Array.from(value, (item, i) => checked(item, `${what}[${i}]`));
  }
  if (isRecord(value)) {
    return byName(value, names, what).map((item, i) => checked(item, `${what}.${names[i]}`));
  }
  throw invalid(what, expectation(names), value, undefined, rawHint(value));
}

function expectation(names: readonly string[]): string {
  if (names.length === 1) return 'a tensor';
  return `${names.length} tensors, as an array or as a record { ${names.join(', ')} }`;
}

function rawHint(value: unknown): string | undefined {
  if (isForeignTensor(value)) return 'it was made by another copy of sluice';
  const isRaw =
    ArrayBuffer.isView(value) || (Array.isArray(value) && !(value[0] instanceof Tensor));
  return isRaw ? 'wrap it in tensor(...)' : undefined;
}

function checked(value: unknown, name: string): Tensor {
  if (!(value instanceof Tensor)) throw invalid(name, 'a tensor', value, undefined, rawHint(value));
  checkAlive(value, name);
  return value;
}

/** Two dependencies may bring a copy of the package each, whose classes are not ours. */
function isForeignTensor(value: unknown): boolean {
  return !(value instanceof Tensor) && Object(value).constructor?.name === Tensor.name;
}

/** A plain object, as opposed to a tensor, an array, a typed array, a Map or a Promise. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    value !== null &&
    typeof value === 'object' &&
    !(value instanceof Tensor) &&
    !isForeignTensor(value) &&
    Object.prototype.toString.call(value) === '[object Object]'
  );
}

/** The members of a record in the order of `names`; all have to be there and no others. */
function byName(
  record: Record<string, unknown>,
  names: readonly string[],
  what: string,
): unknown[] {
  for (const name of Object.keys(record)) {
    if (!names.includes(name)) throw unknownName(`name in ${what}`, name, names);
  }
  return names.map((name) => {
    if (!Object.hasOwn(record, name)) {
      throw invalid(`${what}.${name}`, 'a tensor', undefined);
    }
    return record[name];
  });
}

/**
 * Values per row for some of the names: `undefined` where there is none. A value that is no record
 * belongs to the only name.
 */
export function perRowByName(
  value: unknown,
  names: readonly string[],
  what: string,
): (PerRow | undefined)[] {
  if (value === undefined) return names.map(() => undefined);
  if (!isRecord(value)) {
    if (names.length === 1) return [value as PerRow];
    const expected =
      names.length === 0
        ? 'nothing, as no input is a sequence'
        : `a record by name { ${names.join(', ')} }`;
    throw invalid(what, expected, value);
  }
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) throw unknownName(`name in ${what}`, name, names);
  }
  return names.map((name) => value[name] as PerRow | undefined);
}

/** A `PerRow` as data and shape. */
export function perRow(value: unknown, what: string): { data: ArrayLike<number>; shape: number[] } {
  if (value instanceof Tensor) return { data: checked(value, what).data, shape: [...value.shape] };
  const isTyped =
    value instanceof Float32Array || value instanceof Int32Array || value instanceof Float64Array;
  if (isTyped || (Array.isArray(value) && value.every((item) => typeof item === 'number'))) {
    return { data: value, shape: [value.length] };
  }
  throw invalid(what, 'a tensor or an array of numbers', value, undefined, rawHint(value));
}

/**
 * The data of a tensor in the type that a slot wants. Whole numbers and bools become floats; floats
 * become whole numbers only where nothing is lost.
 */
export function dataAs(value: Tensor, dtype: DType, name: string): TypedArray {
  if (value.dtype === dtype) return value.data;
  if (dtype === 'float32') return Float32Array.from(value.data);
  if (dtype === 'int32' && value.dtype === 'bool') return Int32Array.from(value.data);
  if (dtype === 'int32') {
    const whole = Int32Array.from(value.data);
    const at = whole.findIndex((item, i) => item !== value.data[i]);
    if (at >= 0) throw invalid(`value ${at} of ${name}`, 'a whole number', value.data[at]);
    return whole;
  }
  throw unexpected(name, `a tensor of dtype ${dtype}`, value.dtype);
}

/** SHAPE_MISMATCH for two things that should have the same number of rows. */
export function checkRows(name: string, received: number, expected: number): void {
  if (received === expected) return;
  throw new SluiceError(
    'SHAPE_MISMATCH',
    `${name} has ${received} rows, the inputs have ${expected}`,
    { option: name, expected: String(expected), received: String(received) },
  );
}

/** SHAPE_MISMATCH naming a layer, with both shapes in the details. */
export function shapeMismatch(
  layer: string,
  message: string,
  expected: readonly (number | null)[],
  received: readonly number[],
): SluiceError {
  return new SluiceError('SHAPE_MISMATCH', `${layer}: ${message} (shape ${shapeText(received)})`, {
    layer,
    expected: shapeText(expected),
    received: shapeText(received),
  });
}

/** What is copied at the call; larger data is referenced until the call's promise settles. */
const COPIED_BYTES = 1 << 20;

/**
 * Makes a call that reads its data again and again independent of what the caller does next with small
 * data, as documented: up to 1 MiB in all is copied.
 */
export function ownSmall(rows: Rows): Rows {
  const bytes = rows.columns.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > COPIED_BYTES) return rows;
  return {
    count: rows.count,
    columns: rows.columns.map(({ slot, data }) => ({ slot, data: data.slice() })),
  };
}

/** The same for a call that reads its data once: what one batch holds is copied into it at the call. */
export function ownUnlessOneBatch(rows: Rows, batchSize: number): Rows {
  return rows.count <= batchSize ? rows : ownSmall(rows);
}
