import { activationDefault, type OutputActivationOption, outputActivation } from './activations.js';
import { SimpleLayer } from './layer.js';
import { boolean, integer, layerName, parseOptions, withDefault } from './options.js';
import {
  ACTIVITY,
  type ActivityOptions,
  BIAS,
  type BiasOptions,
  KERNEL,
  type KernelOptions,
} from './weights.js';

/** Options of {@link dense}. */
export interface DenseOptions extends KernelOptions, BiasOptions, ActivityOptions {
  /** Size of the output's last axis, at least 1. */
  units: number;
  /** Default linear. */
  activation?: OutputActivationOption;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

const FIELDS = {
  units: integer(1, 2 ** 30),
  activation: withDefault(outputActivation(), activationDefault('linear')),
  ...KERNEL,
  ...BIAS,
  ...ACTIVITY,
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/**
 * y = activation(x W + b) over the last axis; a sequence [B,T,features] is taken step by step.
 *
 * Parameters: `<name>/kernel` [features, units], `/bias` [units].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.dense({ units: 1 });
 * layers.dense({ units: 64, activation: 'tanh' }).apply(station);
 */
export function dense(options: DenseOptions): SimpleLayer {
  const { name, ...described } = parseOptions('dense', FIELDS, options);
  return new SimpleLayer('dense', name, described);
}
