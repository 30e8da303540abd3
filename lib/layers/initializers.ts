import { invalid } from '../errors.js';
import type { Json } from '../native.js';
import { custom, type Field, number, parseInner, text, withDefault } from './options.js';

/** Initializers by name, with Keras' definitions. */
export type InitializerName =
  | 'glorotUniform'
  | 'glorotNormal'
  | 'heUniform'
  | 'heNormal'
  | 'lecunUniform'
  | 'lecunNormal'
  | 'orthogonal'
  | 'zeros'
  | 'ones'
  | 'constant'
  | 'uniform'
  | 'normal'
  | 'truncatedNormal';

/**
 * A name, or an object where the initializer has numbers: `orthogonal` gain (1), `constant` value (0),
 * `uniform` min and max (-0.05 and 0.05), `normal` and `truncatedNormal` mean and stddev (0 and 0.05).
 */
export type InitializerOption =
  | InitializerName
  | { name: InitializerName }
  | { name: 'orthogonal'; gain?: number }
  | { name: 'constant'; value: number }
  | { name: 'uniform'; min?: number; max?: number }
  | { name: 'normal' | 'truncatedNormal'; mean?: number; stddev?: number };

const NORMAL = {
  mean: withDefault(number(), 0),
  stddev: withDefault(number({ min: 0 }), 0.05),
};

/** Every initializer with its numbers. */
const NUMBERS: Record<InitializerName, Record<string, Field<number>>> = {
  glorotUniform: {},
  glorotNormal: {},
  heUniform: {},
  heNormal: {},
  lecunUniform: {},
  lecunNormal: {},
  orthogonal: { gain: withDefault(number(), 1) },
  zeros: {},
  ones: {},
  constant: { value: withDefault(number(), 0) },
  uniform: { min: withDefault(number(), -0.05), max: withDefault(number(), 0.05) },
  normal: NORMAL,
  truncatedNormal: NORMAL,
};

const EXPECTED = `one of ${Object.keys(NUMBERS).join(', ')}, or an object { name, ... }`;

/** The full form, as it stands in a description. */
export type Initializer = { name: string } & { [key: string]: Json };

/** An option that takes an initializer. */
export function initializer(fallback: InitializerName): Field<Initializer> {
  return withDefault(custom(EXPECTED, parse), parse(fallback, 'initializer', 'defaults'));
}

function parse(value: unknown, option: string, where: string): Initializer {
  const given = typeof value === 'string' ? { name: value } : value;
  if (given === null || typeof given !== 'object' || !('name' in given)) {
    throw invalid(option, EXPECTED, value, where);
  }
  const name = given.name;
  if (typeof name !== 'string' || !Object.hasOwn(NUMBERS, name)) {
    throw invalid(option, EXPECTED, name, where);
  }
  const fields = { name: text(), ...NUMBERS[name as InitializerName] };
  const parsed = parseInner(where, option, fields, given) as Initializer;
  const { min, max } = parsed;
  if (typeof min === 'number' && typeof max === 'number' && min > max) {
    throw invalid(`${option}.max`, `a number >= min (${min})`, max, where);
  }
  return parsed;
}
