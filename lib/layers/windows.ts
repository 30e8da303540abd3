// What layers with windows share: sizes along one axis or two, and how they meet the ends.
import { type Field, integer, integers, oneOf, withDefault } from './options.js';

/** Along rows and columns: one number for both, or two. */
export type Pair = number | readonly [rows: number, columns: number];

/**
 * 'valid' (default): windows that lie inside alone, as many as fit. 'same': ceil(extent / stride) of
 * them, what they reach beyond the ends shared out evenly, the odd position behind.
 */
export type WindowPadding = 'valid' | 'same';

/** No window reaches further, with dilation. */
const MOST = 2 ** 30;

/** An option along one axis. */
export const size = (): Field<number> => integer(1, MOST);
/** One along two. */
export const sizes = (): Field<[number, number]> => integers(1, MOST);
/** The same, with a default for both axes. */
export const sizesFrom = (fallback: number): Field<[number, number]> =>
  withDefault(sizes(), [fallback, fallback] as [number, number]);

export const padding = withDefault(oneOf('valid', 'same'), 'valid');
export const causalPadding = withDefault(oneOf('valid', 'same', 'causal'), 'valid');
