import { GAIN_AND_SHIFT, type GainAndShiftOptions } from './gainAndShift.js';
import { SimpleLayer } from './layer.js';
import { boolean, layerName, number, parseOptions, withDefault } from './options.js';

/** Options of {@link layerNormalization}. */
export interface LayerNormalizationOptions extends GainAndShiftOptions {
  /** Added to the variance, from 0 to 1; default 0.001 as in Keras (PyTorch: 0.00001). */
  epsilon?: number;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

const FIELDS = {
  epsilon: withDefault(number({ min: 0, max: 1 }), 1e-3),
  ...GAIN_AND_SHIFT,
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

const LATER = ['axis'];

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
