/** The stable codes of a {@link SluiceError}. */
export type SluiceErrorCode =
  | 'SHAPE_MISMATCH'
  | 'INVALID_ARGUMENT'
  | 'NON_FINITE'
  | 'ABORTED'
  | 'BUSY'
  | 'DISPOSED'
  | 'FORMAT'
  | 'UNSUPPORTED'
  | 'CONFIG'
  | 'OUT_OF_MEMORY'
  | 'DEVICE_UNAVAILABLE'
  | 'NATIVE_NOT_FOUND'
  | 'INTERNAL';

/** What a caller needs in order to repair the call; fields that do not apply are absent. */
export interface ErrorDetails {
  layer?: string;
  option?: string;
  expected?: string;
  received?: string;
}

/**
 * The one error class of this package. `code` is stable, the message is for people: it says what was
 * expected, what came, and where.
 *
 * @example
 * try {
 *   await m.fit(x, y);
 * } catch (error) {
 *   if (error instanceof SluiceError && error.code === 'NON_FINITE') lowerTheLearningRate();
 *   else throw error;
 * }
 */
export class SluiceError extends Error {
  readonly code: SluiceErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: SluiceErrorCode,
    message: string,
    details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    // A cause that is undefined would be printed.
    super(message, options?.cause === undefined ? undefined : options);
    this.name = 'SluiceError';
    this.code = code;
    this.details = details;
  }
}

/** What `fit` reports: one entry per finished epoch, as in Keras. */
export interface History {
  /** Numbers of the finished epochs, from 0. */
  epoch: number[];
  /** By name: `loss`, the metrics, `val_loss` and so on. */
  history: Record<string, number[]>;
}

/**
 * An abort through an `AbortSignal`: name 'AbortError', code 'ABORTED', `cause` is `signal.reason`.
 * From `fit` it also carries the history of the epochs that were finished.
 */
export class AbortError extends SluiceError {
  history?: History;

  constructor(cause: unknown) {
    super('ABORTED', 'the call was aborted by its signal', {}, { cause });
    this.name = 'AbortError';
  }
}

/** A value as it is shown in a message: short, one line. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (value === null || typeof value !== 'object') return String(value);
  // A proxy or a getter may throw, and what went wrong is the argument, not this text.
  try {
    return showObject(value);
  } catch {
    return 'an object';
  }
}

function quote(value: string): string {
  const short = value.length > 60 ? `${value.slice(0, 57)}...` : value;
  const escaped = (char: string) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `'${short.replace(/\p{Cc}/gu, escaped)}'`;
}

function showObject(value: object): string {
  if (Array.isArray(value)) {
    const shown = Array.from(value.slice(0, 4), (item) =>
      Array.isArray(item) ? '[...]' : show(item),
    );
    return `[${shown.join(', ')}${value.length > 4 ? `, ... (${value.length} items)` : ''}]`;
  }
  if (isShaped(value)) return shapeText(value.shape);
  const keys = Object.keys(value);
  if (keys.length === 0) return '{}';
  return `{ ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', ...' : ''} }`;
}

function isShaped(value: object): value is { shape: readonly (number | null)[] } {
  if (!('shape' in value) || !Array.isArray(value.shape) || value.shape.length > 16) return false;
  return value.shape.every((extent) => extent === null || typeof extent === 'number');
}

/** The type of a value as it is named in a message. */
function typeName(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value;
  try {
    if (Array.isArray(value)) return 'Array';
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== '' ? name : 'object';
  } catch {
    return 'object';
  }
}

function dtypeOf(value: unknown): string | undefined {
  try {
    const { dtype } = Object(value) as { dtype?: unknown };
    return typeof dtype === 'string' && isShaped(Object(value)) ? dtype : undefined;
  } catch {
    return undefined;
  }
}

/** What came, with its type where the value alone does not tell it. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'function') return show(value);
  if (ArrayBuffer.isView(value)) {
    const size = 'length' in value ? `${value.length} values` : `${value.byteLength} bytes`;
    return `a ${typeName(value)} with ${size}`;
  }
  const dtype = dtypeOf(value);
  if (dtype !== undefined) return `a ${dtype} tensor ${show(value)}`;
  return `${show(value)} of type ${typeName(value)}`;
}

/** `[null,100,10]` */
export function shapeText(shape: readonly (number | null)[]): string {
  return `[${shape.map(String).join(',')}]`;
}

/**
 * The one place where a message about a wrong argument is made: "expected X for NAME, received VALUE
 * of type T", led by the layer or call that the argument belongs to.
 */
export function invalid(
  name: string,
  expected: string,
  value: unknown,
  where?: string,
  hint?: string,
): SluiceError {
  return unexpected(name, expected, describe(value), where, hint);
}

/** The same where words say better what came than the value does. */
export function unexpected(
  name: string,
  expected: string,
  received: string,
  where?: string,
  hint?: string,
): SluiceError {
  return new SluiceError(
    'INVALID_ARGUMENT',
    `${where ? `${where}: ` : ''}expected ${expected} for ${name}, received ${received}${hint ? `; ${hint}` : ''}`,
    { ...(where ? { layer: where } : {}), option: name, expected, received },
  );
}

/** A name that is not among those known here; suggests the nearest one. */
export function unknownName(
  what: string,
  name: string,
  known: readonly string[],
  where?: string,
): SluiceError {
  const near = nearest(name, known);
  const list = known.length > 0 ? `known: ${known.join(', ')}` : 'there are none';
  return new SluiceError(
    'INVALID_ARGUMENT',
    `${where ? `${where}: ` : ''}unknown ${what} ${quote(name)}${near ? `, did you mean '${near}'?` : ''} (${list})`,
    {
      ...(where ? { layer: where } : {}),
      option: name,
      expected: known.join(', '),
      received: name,
    },
  );
}

/** The known name that is at most a third of its letters away, or undefined. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best !== undefined && bestDistance <= Math.max(1, best.length / 3) ? best : undefined;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return a === b ? 0 : 64;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
