import { MergingLayer } from './merging.js';
import { integer, layerName, parseOptions, withDefault } from './options.js';

/** Options of {@link concatenate}. */
export interface ConcatenateOptions {
  /** Not the batch axis; default -1, the last one. */
  axis?: number;
  name?: string;
}

const FIELDS = { axis: withDefault(integer(-8, 7), -1), name: layerName() };

/**
 * Joins several values along one axis; they have the same shape but for that axis. A step is masked where
 * one of the values masks it.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * const both = layers.concatenate().apply([summary, station]);
 */
export function concatenate(options: ConcatenateOptions = {}): MergingLayer {
  const { name, axis } = parseOptions('concatenate', FIELDS, options);
  return new MergingLayer('concatenate', name, { axis });
}
