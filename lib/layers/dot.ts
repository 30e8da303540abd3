import { invalid } from '../errors.js';
import { MergingLayer } from './merging.js';
import { boolean, custom, layerName, parseOptions, withDefault } from './options.js';

/** Options of {@link dot}. */
export interface DotOptions {
  /** The axis of each value that is summed over, or one for both; not the batch axis, -1 is the last. */
  axes: number | readonly [number, number];
  /** Only directions count: every vector is brought to length 1 first, so that cosines come out. */
  normalize?: boolean;
  name?: string;
}

const EXPECTED = 'an axis other than 0, or two of them';

const FIELDS = {
  axes: custom<[number, number]>(EXPECTED, (value, name, where) => {
    const axes = Array.isArray(value) ? Array.from(value) : [value, value];
    const isAxis = (axis: unknown) =>
      Number.isSafeInteger(axis) && axis !== 0 && Math.abs(axis as number) <= 6;
    if (axes.length === 2 && axes.every(isAxis)) return axes as [number, number];
    throw invalid(name, EXPECTED, value, where);
  }),
  normalize: withDefault(boolean(), false),
  name: layerName(),
};

/**
 * The dot product of two values along an axis of each, row by row: [B,T,F] and [B,S,F] give [B,T,S] with
 * axes 2, [B,F] and [B,F] give [B,1] with axes 1. Values have two or three axes. A mask ends here.
 * Source: keras.layers.Dot.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option; the model CONFIG or SHAPE_MISMATCH for axes
 * that are not there or differ
 *
 * @example
 * const scores = layers.dot({ axes: [2, 2] }).apply([queries, keys]);
 */
export function dot(options: DotOptions): MergingLayer {
  const { name, axes, normalize } = parseOptions('dot', FIELDS, options);
  return new MergingLayer('dot', name, { axes, normalize }, 2);
}
