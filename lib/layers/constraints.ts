import { invalid } from '../errors.js';
import type { Json } from '../native.js';
import { custom, type Field, integer, number, parseInner, text, withDefault } from './options.js';

/** Constraints by name, with Keras' definitions and defaults. */
export type ConstraintName = 'maxNorm' | 'nonNeg' | 'unitNorm';

/**
 * What a weight is brought back to after each update, n being the Euclidean norm along `axis` (default 0:
 * of each column of a kernel): `maxNorm` w min(n, maxValue) / (1e-7 + n) with maxValue 2, `unitNorm`
 * w / (1e-7 + n), `nonNeg` max(w, 0). A name, or an object with its numbers; a negative axis counts from
 * the last one.
 */
export type ConstraintOption =
  | ConstraintName
  | { name: 'maxNorm'; maxValue?: number; axis?: number }
  | { name: 'unitNorm'; axis?: number }
  | { name: 'nonNeg' };

/** No weight has more axes. */
const AXIS = withDefault(integer(-6, 5), 0);

/** Every constraint with its numbers. */
const NUMBERS: Record<ConstraintName, Record<string, Field<number>>> = {
  maxNorm: { maxValue: withDefault(number({ above: 0 }), 2), axis: AXIS },
  nonNeg: {},
  unitNorm: { axis: AXIS },
};

const EXPECTED = `one of ${Object.keys(NUMBERS).join(', ')}, or an object { name, ... }`;

/** The full form, as it stands in a description. */
export type Constraint = { name: string } & { [key: string]: Json };

/** An option that takes a constraint; default: none. */
export function constraint(): Field<Constraint | null> {
  return withDefault(custom(EXPECTED, parse), null);
}

function parse(value: unknown, option: string, where: string): Constraint {
  const given = typeof value === 'string' ? { name: value } : value;
  if (given === null || typeof given !== 'object' || !('name' in given)) {
    throw invalid(option, EXPECTED, value, where);
  }
  const { name } = given;
  if (typeof name !== 'string' || !Object.hasOwn(NUMBERS, name)) {
    throw invalid(option, EXPECTED, name, where);
  }
  const fields = { name: text(), ...NUMBERS[name as ConstraintName] };
  return parseInner(where, option, fields, given) as Constraint;
}
