import { SimpleLayer } from './layer.js';
import { integer, layerName, parseOptions, withDefault } from './options.js';

/** Options of {@link softmax}. */
export interface SoftmaxOptions {
  /** Not the batch axis; default -1, the last one. */
  axis?: number;
  name?: string;
}

const FIELDS = { axis: withDefault(integer(-8, 7), -1), name: layerName() };

/**
 * e^x over its sum along an axis, without overflow. Along the axis of steps (1), masked steps are left
 * out: they get 0, and so do all steps of a row that has no valid one. Not before the cross-entropies,
 * which take logits. Source: keras.layers.Softmax.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * const attention = layers.softmax({ axis: 1 }).apply(scores);
 */
export function softmax(options: SoftmaxOptions = {}): SimpleLayer {
  const { name, axis } = parseOptions('softmax', FIELDS, options);
  return new SimpleLayer('softmax', name, { axis });
}
