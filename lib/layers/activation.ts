import { type ActivationOption, activation as activationField } from './activations.js';
import { SimpleLayer } from './layer.js';
import { layerName, parseOptions } from './options.js';

/** Options of {@link activation}. */
export interface ActivationOptions {
  activation: ActivationOption;
  name?: string;
}

const FIELDS = { activation: activationField(), name: layerName() };

/**
 * Applies an activation to every value, whatever the shape.
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
