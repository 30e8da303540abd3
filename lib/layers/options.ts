// The one declarative validator: an options object is described field by field, each field checks one
// value and says what it expects. Layers, optimizers and calls all use it.
import { invalid, SluiceError, show, unknownName } from '../errors.js';

/** How one option is checked; `parse` may turn shorthand into its full form. */
export interface Field<T> {
  readonly expected: string;
  /** Undefined: the option has to be given. */
  readonly fallback: { readonly value: T } | undefined;
  parse(value: unknown, name: string, where: string): T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What `parseOptions` answers for these fields. */
export type Parsed<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/**
 * Checks `options` against `fields` and fills in the defaults. `where` names the layer or call in
 * messages; `refused` lists options that this release does not have yet, or says of each why it is not
 * there.
 */
export function parseOptions<F extends Fields>(
  where: string,
  fields: F,
  options: unknown = {},
  refused: readonly string[] | Readonly<Record<string, string>> = [],
): Parsed<F> {
  return parseFields(where, fields, options, refused, 'options', '');
}

/** Checks what stands in an option that is an object: `kernelRegularizer.l1` in messages. */
export function parseInner<F extends Fields>(
  where: string,
  option: string,
  fields: F,
  value: unknown,
): Parsed<F> {
  return parseFields(where, fields, value, [], option, `${option}.`);
}

function parseFields<F extends Fields>(
  where: string,
  fields: F,
  options: unknown,
  refused: readonly string[] | Readonly<Record<string, string>>,
  label: string,
  prefix: string,
): Parsed<F> {
  if (!isOptions(options)) throw invalid(label, 'an object', options, where);
  const given = options as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (given[name] === undefined || Object.hasOwn(fields, name)) continue;
    const known = Object.keys(fields).map((each) => prefix + each);
    throw (
      refusalOf(name, given[name], where, refused) ??
      unknownName('option', prefix + name, known, where)
    );
  }
  const result: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = given[name];
    if (value === undefined && field.fallback) result[name] = field.fallback.value;
    else result[name] = field.parse(value, prefix + name, where);
  }
  return result as Parsed<F>;
}

/** An option that people may expect, and that is not there. */
function refusalOf(
  name: string,
  value: unknown,
  where: string,
  refused: readonly string[] | Readonly<Record<string, string>>,
): SluiceError | undefined {
  const reasons = Array.isArray(refused)
    ? Object.fromEntries(refused.map((each) => [each, 'is not part of this release']))
    : (refused as Readonly<Record<string, string>>);
  if (!Object.hasOwn(reasons, name)) return undefined;
  return new SluiceError('UNSUPPORTED', `${where}: the option '${name}' ${reasons[name]}`, {
    layer: where,
    option: name,
    expected: 'no such option',
    received: show(value),
  });
}

/** The fields without some of them. */
export function without<F extends Fields, const K extends keyof F>(
  fields: F,
  names: readonly K[],
): Omit<F, K> {
  const left = Object.entries(fields).filter(
    ([name]) => !(names as readonly unknown[]).includes(name),
  );
  return Object.fromEntries(left) as Omit<F, K>;
}

/** A plain object, an instance of a class or a module; a Map or a Promise has no options to read. */
function isOptions(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false;
  return /^\[object (Object|Module)\]$/.test(Object.prototype.toString.call(value));
}

function field<T>(expected: string, accepts: (value: unknown) => value is T): Field<T> {
  return {
    expected,
    fallback: undefined,
    parse(value, name, where) {
      if (!accepts(value)) throw invalid(name, expected, value, where);
      return value;
    },
  };
}

/** The same field with a default. */
export function withDefault<T, const D>(base: Field<T>, value: D): Field<T | D> {
  return { ...base, fallback: { value } };
}

/** The same field, absent as `undefined`. */
export function optional<T>(base: Field<T>): Field<T | undefined> {
  return withDefault(base, undefined);
}

/** A field whose value is checked and completed by a function of its own. */
export function custom<T>(
  expected: string,
  parse: (value: unknown, name: string, where: string) => T,
): Field<T> {
  return { expected, fallback: undefined, parse };
}

export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Field<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `>= ${least}` : `from ${least} to ${most}`;
  return field(
    `an integer ${range}`,
    (value): value is number => Number.isSafeInteger(value) && within(value as number, least, most),
  );
}

/** Two integers, or one that stands for both; described as two. */
export function integers(least: number, most: number): Field<[number, number]> {
  const { expected, parse } = integer(least, most);
  return custom(`${expected}, or two of them`, (value, name, where) => {
    if (!Array.isArray(value)) return [parse(value, name, where), parse(value, name, where)];
    if (value.length !== 2) throw invalid(name, `${expected}, or two of them`, value, where);
    return [parse(value[0], `${name}[0]`, where), parse(value[1], `${name}[1]`, where)];
  });
}

export interface Range {
  min?: number;
  max?: number;
  /** The value has to stay below. */
  below?: number;
  /** The value has to stay above. */
  above?: number;
}

/** A finite number within a range. */
export function number(range: Range = {}): Field<number> {
  const { min, max, below, above } = range;
  const parts = [
    ...(min === undefined ? [] : [`>= ${min}`]),
    ...(above === undefined ? [] : [`> ${above}`]),
    ...(max === undefined ? [] : [`<= ${max}`]),
    ...(below === undefined ? [] : [`< ${below}`]),
  ];
  return field(
    `a finite number${parts.length > 0 ? ` ${parts.join(' and ')}` : ''}`,
    (value): value is number =>
      typeof value === 'number' &&
      Number.isFinite(value) &&
      within(value, min, max) &&
      (below === undefined || value < below) &&
      (above === undefined || value > above),
  );
}

function within(value: number, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY) {
  return value >= min && value <= max;
}

export function boolean(): Field<boolean> {
  return field('true or false', (value): value is boolean => typeof value === 'boolean');
}

export function text(): Field<string> {
  return field(
    'a non-empty string',
    (value): value is string => typeof value === 'string' && value !== '',
  );
}

/** One of a list of strings or numbers. */
export function oneOf<const T extends readonly (string | number)[]>(
  ...choices: T
): Field<T[number]> {
  const list = choices.map((choice) =>
    typeof choice === 'string' ? `'${choice}'` : String(choice),
  );
  const expected = list.length > 1 ? `one of ${list.join(', ')}` : (list[0] ?? '');
  return field(expected, (value): value is T[number] => choices.some((choice) => choice === value));
}

export function signal(): Field<AbortSignal> {
  return field('an AbortSignal', (value): value is AbortSignal => value instanceof AbortSignal);
}

/** A layer's name is the first part of its parameters' names, so it holds no '/'. */
export function layerName(): Field<string | undefined> {
  return optional(
    field(
      "a string of 1 to 200 bytes without '/' and control characters",
      (value): value is string =>
        // Half of a surrogate pair would come back from the engine as another character.
        typeof value === 'string' &&
        /^[^/\p{Cc}\p{Cs}]+$/u.test(value) &&
        Buffer.byteLength(value) <= 200,
    ),
  );
}
