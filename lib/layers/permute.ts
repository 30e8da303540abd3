import { invalid } from '../errors.js';
import { SimpleLayer } from './layer.js';
import { custom, layerName, parseOptions } from './options.js';

/** Options of {@link permute}. */
export interface PermuteOptions {
  /** Each axis behind the batch once, counted from 1: axis i of the result is axis dims[i-1] of the input. */
  dims: readonly number[];
  name?: string;
}

const EXPECTED = 'an array that holds each number from 1 to its length once, at most 5';

const FIELDS = {
  dims: custom<number[]>(EXPECTED, (value, name, where) => {
    const dims = Array.isArray(value) ? Array.from(value) : [];
    const isAxis = (_: unknown, i: number) => dims.includes(i + 1);
    if (dims.length >= 1 && dims.length <= 5 && dims.every(isAxis)) return dims;
    throw invalid(name, EXPECTED, value, where);
  }),
  name: layerName(),
};

/**
 * Changes the order of the axes behind the batch: [B,T,F] becomes [B,F,T] with dims [2, 1]. A mask goes
 * on where the first axis stays the first. Source: keras.layers.Permute.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option; the model SHAPE_MISMATCH for another number
 * of axes
 *
 * @example
 * layers.permute({ dims: [2, 1] });
 */
export function permute(options: PermuteOptions): SimpleLayer {
  const { name, dims } = parseOptions('permute', FIELDS, options);
  return new SimpleLayer('permute', name, { dims });
}
