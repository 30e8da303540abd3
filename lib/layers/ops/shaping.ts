import { invalid } from '../../errors.js';
import { concatenate as concatenateLayer } from '../concatenate.js';
import type { SymbolicTensor } from '../layer.js';
import { integer, parseOptions, withDefault } from '../options.js';
import { permute } from '../permute.js';
import { reshape as reshapeLayer } from '../reshape.js';
import { operation, symbolic } from './operation.js';

/** Options of {@link slice}. */
export interface SliceOptions {
  /** Which axis, the batch being axis 0, which stays; default -1, the last. */
  axis?: number;
  /** The first position, from the end where it is below zero; default 0. */
  start?: number;
  /** The position behind the last one, likewise; default: to the end. */
  stop?: number;
  /** Every how manieth position, at least 1, the default. */
  step?: number;
}

const POSITION = integer(-(2 ** 40), 2 ** 40);

const SLICE = {
  axis: withDefault(integer(-6, 5), -1),
  start: withDefault(POSITION, 0),
  stop: withDefault(POSITION, null),
  step: withDefault(integer(1, 2 ** 40), 1),
};

/**
 * Some positions along one axis: x[start:stop:step] of NumPy, but that positions have to be there. Along
 * the steps the mask is taken along; where their number is not known `start` may be counted from the
 * end only together with `stop`.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option; the model CONFIG or SHAPE_MISMATCH for an axis
 * or positions that are not there
 *
 * @example
 * const last = ops.slice(x, { axis: 1, start: -1 });
 * const [values, gates] = [{ stop: 4 }, { start: 4 }].map((part) => ops.slice(both, part));
 */
export function slice(x: SymbolicTensor, options: SliceOptions = {}): SymbolicTensor {
  const described = parseOptions('ops.slice', SLICE, options);
  return operation('slice', 'slice', [symbolic(x, 'x', 'ops.slice')], described);
}

/** Values joined along one axis (not the batch, default the last); see `layers.concatenate`. */
export function concatenate(
  values: readonly SymbolicTensor[],
  options: { axis?: number } = {},
): SymbolicTensor {
  const { axis } = parseOptions(
    'ops.concatenate',
    { axis: withDefault(integer(-6, 5), -1) },
    options,
  );
  return concatenateLayer({ axis }).apply(values);
}

/** The same values in another shape behind the batch, one extent of which may be -1; see `layers.reshape`. */
export function reshape(x: SymbolicTensor, targetShape: readonly number[]): SymbolicTensor {
  return reshapeLayer({ targetShape }).apply(symbolic(x, 'x', 'ops.reshape'));
}

/**
 * The axes in another order; `axes` begins with 0, the batch: [0, 2, 1] makes [B,F,T] of [B,T,F]. See
 * `layers.permute`.
 */
export function transpose(x: SymbolicTensor, axes: readonly number[]): SymbolicTensor {
  if (!Array.isArray(axes) || axes[0] !== 0) {
    throw invalid('axes', 'an array that begins with 0, the batch', axes, 'ops.transpose');
  }
  return permute({ dims: axes.slice(1) }).apply(symbolic(x, 'x', 'ops.transpose'));
}

/**
 * Products of matrices. `b` is a weight [n,m]: over the last axis of `a`, as `layers.dense` does. Else row
 * by row of the batch: [B,m,k] and [B,k,n] give [B,m,n], [B,h,m,k] and [B,h,k,n] likewise; [B,k] counts
 * as one row or one column and goes. Masked steps count as zeros.
 *
 * @throws SluiceError INVALID_ARGUMENT; the model SHAPE_MISMATCH for shapes that do not fit
 *
 * @example
 * const scores = ops.matmul(queries, ops.transpose(keys, [0, 2, 1]));
 */
export function matmul(a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  const inputs = [symbolic(a, 'a', 'ops.matmul'), symbolic(b, 'b', 'ops.matmul')];
  return operation('matmul', 'matmul', inputs, {});
}

/** The same value, to which no gradient flows back. */
export function stopGradient(x: SymbolicTensor): SymbolicTensor {
  return operation('stopGradient', 'stopGradient', [symbolic(x, 'x', 'ops.stopGradient')], {});
}
