import { SimpleLayer } from './layer.js';
import { layerName, parseOptions } from './options.js';

/** Options of {@link reverse}. */
export interface ReverseOptions {
  name?: string;
}

/**
 * Reverses the steps of a sequence [B,T,...]. With a mask or lengths each row is reversed among its own
 * valid steps; padding stays where it is.
 *
 * @example
 * const backwards = layers.reverse().apply(sequence);
 */
export function reverse(options: ReverseOptions = {}): SimpleLayer {
  const { name } = parseOptions('reverse', { name: layerName() }, options);
  return new SimpleLayer('reverse', name, {});
}
