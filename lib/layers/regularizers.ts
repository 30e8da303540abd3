import { invalid } from '../errors.js';
import type { Json } from '../native.js';
import { custom, type Field, number, optional, parseInner, withDefault } from './options.js';

/** Regularizers by name, each with Keras' factor of 0.01. */
export type RegularizerName = 'l1' | 'l2' | 'l1l2';

/**
 * A penalty that is added to the loss: l1 Σ|w| + l2 Σw². A name, or the factors (at least 0, default 0).
 */
export type RegularizerOption = RegularizerName | { l1?: number; l2?: number };

const BY_NAME: Record<RegularizerName, { l1: number; l2: number }> = {
  l1: { l1: 0.01, l2: 0 },
  l2: { l1: 0, l2: 0.01 },
  l1l2: { l1: 0.01, l2: 0.01 },
};

const EXPECTED = "'l1', 'l2', 'l1l2', or an object { l1, l2 }";

const FACTORS = { l1: optional(number({ min: 0 })), l2: optional(number({ min: 0 })) };

/** The full form, as it stands in a description. */
export type Regularizer = { l1: number; l2: number } & { [key: string]: Json };

/** An option that takes a regularizer; default: none. */
export function regularizer(): Field<Regularizer | null> {
  return withDefault(
    custom(EXPECTED, (value, option, where): Regularizer => {
      if (typeof value === 'string' && Object.hasOwn(BY_NAME, value)) {
        return { ...BY_NAME[value as RegularizerName] };
      }
      if (value === null || typeof value !== 'object')
        throw invalid(option, EXPECTED, value, where);
      const { l1, l2 } = parseInner(where, option, FACTORS, value);
      if (l1 === undefined && l2 === undefined) throw invalid(option, EXPECTED, value, where);
      return { l1: l1 ?? 0, l2: l2 ?? 0 };
    }),
    null,
  );
}
