import { SimpleLayer } from './layer.js';
import { integer, layerName, parseOptions } from './options.js';

/** Options of {@link repeatVector}. */
export interface RepeatVectorOptions {
  /** Number of steps, at least 1. */
  n: number;
  name?: string;
}

const FIELDS = { n: integer(1, 2 ** 30), name: layerName() };

/**
 * A vector n times, as a sequence: [B,F] becomes [B,n,F]. Source: keras.layers.RepeatVector.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * const decoded = layers.gru({ units: 8, returnSequences: true }).apply(layers.repeatVector({ n: 12 }).apply(code));
 */
export function repeatVector(options: RepeatVectorOptions): SimpleLayer {
  const { name, n } = parseOptions('repeatVector', FIELDS, options);
  return new SimpleLayer('repeatVector', name, { n });
}
