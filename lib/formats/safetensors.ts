// The safetensors format: 8 bytes with the length of the header (little-endian), the header as JSON,
// then the data of all tensors without gaps. Files are read as hostile input: every number is checked
// before it is used, and the data has to be covered exactly once.
import { SluiceError, shapeText, show } from '../errors.js';
import { parseStrictJson } from './json.js';

/** The dtypes that can be read, with bytes per value. Written is F32. */
const DTYPE_BYTES = { F32: 4, F64: 8, I32: 4, I64: 8, U8: 1, BOOL: 1 } as const;

/** Dtypes of a safetensors file, as far as they are known here. */
export type SafetensorsDType = keyof typeof DTYPE_BYTES;

/** A tensor as it stands in a file: `bytes` is a view of the file. */
export interface RawTensor {
  dtype: SafetensorsDType;
  shape: number[];
  bytes: Uint8Array;
}

/** A whole file. */
export interface Safetensors {
  metadata: Record<string, string>;
  tensors: Map<string, RawTensor>;
}

/** As in the reference implementation. */
const MAX_HEADER = 100_000_000;
const MAX_RANK = 16;

function malformed(message: string): SluiceError {
  return new SluiceError('FORMAT', `safetensors: ${message}`);
}

/**
 * Reads a file.
 * @throws SluiceError FORMAT, saying what is wrong with it
 */
export function readSafetensors(file: Uint8Array): Safetensors {
  if (file.byteLength < 8)
    throw malformed(`the file has ${file.byteLength} bytes, at least 8 are needed`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) {
    throw malformed(`the header claims ${length} bytes, the limit is ${MAX_HEADER}`);
  }
  const start = 8 + Number(length);
  if (start > file.byteLength) {
    throw malformed(`the header claims ${length} bytes, the file has ${file.byteLength}`);
  }
  const header = parseHeader(file.subarray(8, start));
  const data = file.subarray(start);
  const tensors = new Map<string, RawTensor>();
  const ranges: [from: number, to: number, name: string][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, from, to } = parseEntry(name, entry, data.byteLength);
    tensors.set(name, { dtype, shape, bytes: data.subarray(from, to) });
    ranges.push([from, to, name]);
  }
  checkCoverage(ranges, data.byteLength);
  return { metadata: parseMetadata(header.__metadata__), tensors };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    header = parseStrictJson(decoder.decode(bytes));
  } catch (cause) {
    throw malformed(`the header is not JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header)) {
    throw malformed('the header is not an object');
  }
  return header as Record<string, unknown>;
}

function parseMetadata(value: unknown = {}): Record<string, string> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw malformed('__metadata__ is not an object');
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw malformed(`__metadata__ ${show(key)} is not a string`);
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, entry: unknown, dataBytes: number) {
  const at = `tensor ${show(name)}`;
  if (entry === null || typeof entry !== 'object') throw malformed(`${at} is not an object`);
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    const known = Object.keys(DTYPE_BYTES).join(', ');
    throw malformed(`${at} has dtype ${show(dtype)}, known are ${known}`);
  }
  const isCount = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isCount)) {
    throw malformed(`${at} has no valid shape`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw malformed(`${at} has no valid data_offsets`);
  }
  const [from, to] = offsets as [number, number];
  if (from > to || to > dataBytes) {
    throw malformed(`${at} lies at ${from} to ${to}, the data has ${dataBytes} bytes`);
  }
  let bytes: number = DTYPE_BYTES[dtype as SafetensorsDType];
  for (const extent of shape) bytes *= extent;
  // An unsafe product cannot be equal to a difference of two safe integers by chance of rounding.
  if (!Number.isSafeInteger(bytes) || bytes !== to - from) {
    throw malformed(`${at} ${dtype} ${shapeText(shape)} does not fit into ${to - from} bytes`);
  }
  return { dtype: dtype as SafetensorsDType, shape: shape as number[], from, to };
}

/** No gaps, no overlaps: what is not described could hide anything. */
function checkCoverage(
  ranges: [from: number, to: number, name: string][],
  dataBytes: number,
): void {
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [from, to, name] of ranges) {
    if (from < end) throw malformed(`tensor ${show(name)} overlaps another one`);
    if (from > end) throw malformed(`bytes ${end} to ${from} belong to no tensor`);
    end = to;
  }
  if (end !== dataBytes) throw malformed(`bytes ${end} to ${dataBytes} belong to no tensor`);
}

/**
 * The values of a tensor as floats, in memory of their own.
 * @throws SluiceError FORMAT for whole numbers that a float cannot hold
 */
export function toFloats(name: string, tensor: RawTensor): Float32Array {
  const { dtype, bytes } = tensor;
  // Alignment is not promised, so typed arrays are made on a copy. (Not slice: a Buffer's is a view.)
  const copy = new Uint8Array(bytes).buffer;
  switch (dtype) {
    case 'F32':
      return new Float32Array(copy);
    case 'F64':
      return Float32Array.from(new Float64Array(copy));
    case 'I32':
      return exact(name, new Int32Array(copy), Number);
    case 'I64':
      return exact(name, new BigInt64Array(copy), Number);
    case 'U8':
    case 'BOOL':
      return Float32Array.from(new Uint8Array(copy));
  }
}

function exact<T extends number | bigint>(
  name: string,
  values: { readonly length: number; [index: number]: T },
  toNumber: (value: T) => number,
): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) {
    const value = toNumber(values[i] as T);
    if (Math.fround(value) !== value) {
      throw malformed(`tensor ${show(name)} holds ${value}, which float32 cannot represent`);
    }
    result[i] = value;
  }
  return result;
}

/** A tensor to be written. */
export interface NamedFloats {
  name: string;
  shape: readonly number[];
  data: Float32Array;
}

/** The chunks of a file, in order; all data is F32. */
export function writeSafetensors(
  tensors: readonly NamedFloats[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    const end = offset + data.byteLength;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Blanks up to a multiple of 8 keep the data aligned.
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, 8);
  return [
    head,
    ...tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}
