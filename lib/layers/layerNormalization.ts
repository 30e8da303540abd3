import { type InitializerOption, initializer } from './initializers.js';
import { SimpleLayer } from './layer.js';
import { boolean, layerName, number, parseOptions, withDefault } from './options.js';

/** Options of {@link layerNormalization}. */
export interface LayerNormalizationOptions {
  /** Added to the variance, from 0 to 1; default 0.001 as in Keras (PyTorch: 0.00001). */
  epsilon?: number;
  /** Whether beta is added; default true. */
  center?: boolean;
  /** Whether the result is multiplied by gamma; default true. */
  scale?: boolean;
  gammaInitializer?: InitializerOption;
  betaInitializer?: InitializerOption;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

const FIELDS = {
  epsilon: withDefault(number({ min: 0, max: 1 }), 1e-3),
  center: withDefault(boolean(), true),
  scale: withDefault(boolean(), true),
  gammaInitializer: initializer('ones'),
  betaInitializer: initializer('zeros'),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

const LATER = ['axis', 'gammaRegularizer', 'betaRegularizer', 'gammaConstraint', 'betaConstraint'];

/**
 * gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and the variance of each row over the
 * last axis: the same while training and after it, whatever the batch.
 *
 * Parameters: `<name>/gamma`, `/beta` [features]. Source: keras.layers.LayerNormalization.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; UNSUPPORTED for one
 * that a later release will have
 *
 * @example
 * layers.layerNormalization();
 */
export function layerNormalization(options: LayerNormalizationOptions = {}): SimpleLayer {
  const { name, ...described } = parseOptions('layerNormalization', FIELDS, options, LATER);
  return new SimpleLayer('layerNormalization', name, described);
}
