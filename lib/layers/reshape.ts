import { invalid } from '../errors.js';
import { SimpleLayer } from './layer.js';
import { custom, layerName, parseOptions } from './options.js';

/** Options of {@link reshape}. */
export interface ReshapeOptions {
  /** 1 to 5 extents behind the batch, integers >= 1; one may be -1 and follows from the others. */
  targetShape: readonly number[];
  name?: string;
}

const EXPECTED = 'an array of 1 to 5 integers >= 1, of which one may be -1';

const FIELDS = {
  targetShape: custom<number[]>(EXPECTED, (value, name, where) => {
    const isExtent = (n: unknown) => Number.isSafeInteger(n) && ((n as number) >= 1 || n === -1);
    // Array.from makes holes visible, which `every` passes over.
    const extents = Array.isArray(value) ? Array.from(value) : [];
    const isShape = extents.length >= 1 && extents.length <= 5 && extents.every(isExtent);
    if (isShape && extents.filter((n) => n === -1).length <= 1) return extents;
    throw invalid(name, EXPECTED, value, where);
  }),
  name: layerName(),
};

/**
 * The same values in another shape behind the batch, in the same order. An unknown number of steps stays
 * whole, as the extent that is -1: [B,T,6] becomes [B,T,2,3] with `[-1, 2, 3]`. Where the first axis
 * stays what it is, steps stay steps and a mask goes on; else it ends. Source: keras.layers.Reshape,
 * which drops masks.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option; the model SHAPE_MISMATCH where the sizes differ
 *
 * @example
 * layers.reshape({ targetShape: [-1, 2, 3] });
 */
export function reshape(options: ReshapeOptions): SimpleLayer {
  const { name, targetShape } = parseOptions('reshape', FIELDS, options);
  return new SimpleLayer('reshape', name, { targetShape });
}
