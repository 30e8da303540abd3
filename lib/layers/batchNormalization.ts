import { GAIN_AND_SHIFT, type GainAndShiftOptions } from './gainAndShift.js';
import { type InitializerOption, initializer } from './initializers.js';
import { SimpleLayer } from './layer.js';
import { boolean, integer, layerName, number, parseOptions, withDefault } from './options.js';

/** Options of {@link batchNormalization}. */
export interface BatchNormalizationOptions extends GainAndShiftOptions {
  /**
   * The axis of the features, whose extent must be known: 1 is the first behind the batch, a negative one
   * counts from the last; default -1.
   */
  axis?: number;
  /** How much of the moving statistics a training step keeps, from 0 to 1; default 0.99. */
  momentum?: number;
  /** Added to the variance, from 0 to 1; default 0.001. */
  epsilon?: number;
  movingMeanInitializer?: InitializerOption;
  movingVarianceInitializer?: InitializerOption;
  /** false: training leaves the weights as they are, and uses the moving statistics. */
  trainable?: boolean;
  name?: string;
}

const FIELDS = {
  axis: withDefault(integer(-6, 5), -1),
  momentum: withDefault(number({ min: 0, max: 1 }), 0.99),
  epsilon: withDefault(number({ min: 0, max: 1 }), 1e-3),
  ...GAIN_AND_SHIFT,
  movingMeanInitializer: initializer('zeros'),
  movingVarianceInitializer: initializer('ones'),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

const LATER = ['synchronized', 'renorm', 'renormClipping', 'renormMomentum'];

/**
 * gamma (x - mean) / sqrt(variance + epsilon) + beta for each feature, a position along `axis`. While training,
 * mean and variance (with N, not N - 1) are those of the batch, over all rows and steps that are not
 * masked; each step also moves the moving ones: moving = momentum moving + (1 - momentum) batch. After
 * training, and where the layer is frozen, they are the moving ones.
 *
 * With `accumulateSteps` each part of the batch is normalized by its own statistics, and the moving ones
 * go towards the mean of those, each part counted by its rows.
 *
 * With `axis` 1 of a sequence each step is a feature: such a layer cannot be trained with a mask, nor stepped
 * in a stream.
 *
 * Parameters: `<name>/gamma`, `/beta`, `/moving_mean`, `/moving_variance` [features]; no optimizer touches
 * the moving ones. Source: keras.layers.BatchNormalization.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; UNSUPPORTED for one
 * that a later release will have; the model UNSUPPORTED for the axis of the batch, CONFIG for one that its
 * input does not have, SHAPE_MISMATCH for an unknown extent
 *
 * @example
 * sequential([layers.dense({ units: 32 }), layers.batchNormalization(), layers.activation({ activation: 'relu' })], {
 *   inputShape: [8],
 * });
 */
export function batchNormalization(options: BatchNormalizationOptions = {}): SimpleLayer {
  const { name, ...described } = parseOptions('batchNormalization', FIELDS, options, LATER);
  return new SimpleLayer('batchNormalization', name, described);
}
