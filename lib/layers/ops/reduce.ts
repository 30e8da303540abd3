import { invalid } from '../../errors.js';
import type { SymbolicTensor } from '../layer.js';
import { boolean, custom, parseOptions, withDefault } from '../options.js';
import { operation, symbolic } from './operation.js';

/** Options of the operations that bring axes to one number. */
export interface ReduceOptions {
  /**
   * One axis or several, the batch being axis 0, which stays; -1 is the last. Default: all behind the
   * batch. A weight has no batch: its axes count from 0.
   */
  axis?: number | readonly number[];
  /** true: the axes stay as extents of 1. */
  keepdims?: boolean;
}

const EXPECTED = 'an axis from -6 to 5, or several';

const FIELDS = {
  axis: withDefault(
    custom<number[]>(EXPECTED, (value, name, where) => {
      const axes = Array.isArray(value) ? Array.from(value) : [value];
      const isAxis = (axis: unknown) => Number.isInteger(axis) && -6 <= (axis as number);
      if (axes.length > 0 && axes.every((axis) => isAxis(axis) && axis <= 5)) return axes;
      throw invalid(name, EXPECTED, value, where);
    }),
    null,
  ),
  keepdims: withDefault(boolean(), false),
};

function reduce(reduction: string, x: unknown, options: unknown): SymbolicTensor {
  const where = `ops.${reduction}`;
  const input = symbolic(x, 'x', where);
  return operation('reduce', reduction, [input], {
    reduction,
    ...parseOptions(where, FIELDS, options),
  });
}

/**
 * The sum over axes. Over the steps those that are masked do not count.
 * @example
 * const energy = ops.sum(ops.square(x), { axis: -1 });
 */
export function sum(x: SymbolicTensor, options: ReduceOptions = {}): SymbolicTensor {
  return reduce('sum', x, options);
}

/** The mean over axes; over the steps that of those that count, 0 where none does. */
export function mean(x: SymbolicTensor, options: ReduceOptions = {}): SymbolicTensor {
  return reduce('mean', x, options);
}

/** The largest value, the first of equal ones getting the gradient; 0 where no step counts. */
export function max(x: SymbolicTensor, options: ReduceOptions = {}): SymbolicTensor {
  return reduce('max', x, options);
}

/** The smallest value, the first of equal ones getting the gradient; 0 where no step counts. */
export function min(x: SymbolicTensor, options: ReduceOptions = {}): SymbolicTensor {
  return reduce('min', x, options);
}

/** log Σ e^x without overflow; 0 where no step counts. */
export function logSumExp(x: SymbolicTensor, options: ReduceOptions = {}): SymbolicTensor {
  return reduce('logSumExp', x, options);
}
