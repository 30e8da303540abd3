import { SimpleLayer } from './layer.js';
import { layerName, parseOptions } from './options.js';

/** Options of {@link flatten}. */
export interface FlattenOptions {
  name?: string;
}

/**
 * All axes behind the batch as one: [B,4,3] becomes [B,12]. Their extents have to be known; a mask ends
 * here. Source: keras.layers.Flatten.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * sequential([layers.flatten(), layers.dense({ units: 10 })], { inputShape: [28, 28] });
 */
export function flatten(options: FlattenOptions = {}): SimpleLayer {
  const { name } = parseOptions('flatten', { name: layerName() }, options);
  return new SimpleLayer('flatten', name, {});
}
