import { type OutputActivationOption, outputActivation } from './activations.js';
import { SimpleLayer } from './layer.js';
import { layerName, parseOptions } from './options.js';

/** Options of {@link activation}. */
export interface ActivationOptions {
  activation: OutputActivationOption;
  name?: string;
}

const FIELDS = { activation: outputActivation(), name: layerName() };

/**
 * Applies an activation to every value, whatever the shape; `softmax` over the last axis.
 *
 * @throws SluiceError INVALID_ARGUMENT for an unknown activation
 *
 * @example
 * layers.activation({ activation: 'relu' });
 * layers.activation({ activation: { name: 'leakyRelu', alpha: 0.1 } });
 */
export function activation(options: ActivationOptions): SimpleLayer {
  const { name, ...described } = parseOptions('activation', FIELDS, options);
  return new SimpleLayer('activation', name, described);
}
