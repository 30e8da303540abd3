import { show } from '../errors.js';
import { activationDefault, type OutputActivationOption, outputActivation } from './activations.js';
import type { ConstraintOption } from './constraints.js';
import type { InitializerOption } from './initializers.js';
import { conflict, type LayerOptions, SimpleLayer } from './layer.js';
import { boolean, integer, layerName, parseOptions, withDefault } from './options.js';
import type { RegularizerOption } from './regularizers.js';
import {
  ACTIVITY,
  type ActivityOptions,
  BIAS,
  type BiasOptions,
  KERNEL,
  type KernelOptions,
  weight,
} from './weights.js';
import {
  causalPadding,
  type Pair,
  padding,
  size,
  sizes,
  sizesFrom,
  type WindowPadding,
} from './windows.js';

interface ConvolutionOptions extends KernelOptions, BiasOptions, ActivityOptions {
  /** Channels of the output, at least 1. */
  filters: number;
  /** Default linear. */
  activation?: OutputActivationOption;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

/** Options of {@link conv1d}; the defaults are Keras'. */
export interface Conv1dOptions extends ConvolutionOptions {
  /** Steps that a window has, at least 1. */
  kernelSize: number;
  /** Steps from one window to the next; default 1. */
  strides?: number;
  /**
   * See {@link WindowPadding}; 'causal': as many windows as with 'same', none of which sees a later
   * step. Default 'valid'.
   */
  padding?: WindowPadding | 'causal';
  /** From one step of a window to the next; default 1. Not together with strides above 1. */
  dilationRate?: number;
}

/** Options of {@link conv2d}; the defaults are Keras'. */
export interface Conv2dOptions extends ConvolutionOptions {
  /** Rows and columns of a window, at least 1. */
  kernelSize: Pair;
  /** From one window to the next; default 1. */
  strides?: Pair;
  /** Default 'valid'. */
  padding?: WindowPadding;
  /** From one position of a window to the next; default 1. Not together with strides above 1. */
  dilationRate?: Pair;
}

const COMMON = {
  activation: withDefault(outputActivation(), activationDefault('linear')),
  ...BIAS,
  ...ACTIVITY,
  trainable: withDefault(boolean(), true),
  name: layerName(),
};
const ONE_AXIS = {
  kernelSize: size(),
  strides: withDefault(size(), 1),
  dilationRate: withDefault(size(), 1),
};
const TWO_AXES = {
  kernelSize: sizes(),
  strides: sizesFrom(1),
  dilationRate: sizesFrom(1),
};
const FULL = {
  filters: integer(1, 2 ** 30),
  ...KERNEL,
  ...COMMON,
};
const DEPTHWISE = {
  depthMultiplier: withDefault(integer(1, 2 ** 30), 1),
  ...weight('depthwise', 'glorotUniform'),
  ...COMMON,
  padding,
};

const LATER = ['dataFormat', 'groups'];

/** As Keras, which knows no equations for both. */
function layerOf(
  kind: string,
  name: string | undefined,
  options: LayerOptions & { strides: unknown; dilationRate: unknown },
): SimpleLayer {
  const isAboveOne = (value: unknown) => [value].flat().some((n) => n !== 1);
  if (isAboveOne(options.strides) && isAboveOne(options.dilationRate)) {
    throw conflict(kind, 'strides and dilationRate cannot both be above 1', {
      option: 'dilationRate',
      expected: '1, or strides of 1',
      received: show(options.dilationRate),
    });
  }
  return new SimpleLayer(kind, name, options);
}

/**
 * A convolution along the steps of a sequence: [B,T,channels] -> [B,T',filters]. With n = kernelSize
 * and d = dilationRate, y[t] = activation(b + Σ_i x[t strides + i d - p] W[i]), where p is the padding
 * in front, which counts as zero; T' = floor((T - (n - 1) d - 1) / strides) + 1 with 'valid', else
 * ceil(T / strides).
 *
 * Masked steps count as zero. The mask goes on where the output has the steps of the input (padding
 * 'same' or 'causal', strides 1); elsewhere what follows takes every step for valid. With padding
 * 'causal' and strides 1 it can be stepped in a stream.
 *
 * Parameters, in Keras' layout: `<name>/kernel` [kernelSize, channels, filters], `/bias` [filters].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; CONFIG for
 * strides and dilationRate both above 1; UNSUPPORTED for an option that a later release will have
 *
 * @example
 * layers.conv1d({ filters: 32, kernelSize: 5, padding: 'causal', activation: 'relu' });
 */
export function conv1d(options: Conv1dOptions): SimpleLayer {
  const fields = { ...FULL, ...ONE_AXIS, padding: causalPadding };
  const { name, ...described } = parseOptions('conv1d', fields, options, LATER);
  return layerOf('conv1d', name, described);
}

/**
 * A convolution over images: [B,rows,columns,channels] -> [B,rows',columns',filters], along both axes
 * as {@link conv1d} along one.
 *
 * Parameters, in Keras' layout: `<name>/kernel` [height, width, channels, filters], `/bias` [filters].
 *
 * @throws SluiceError as {@link conv1d}
 *
 * @example
 * layers.conv2d({ filters: 32, kernelSize: [3, 3], padding: 'same', activation: 'relu' });
 */
export function conv2d(options: Conv2dOptions): SimpleLayer {
  const fields = { ...FULL, ...TWO_AXES, padding };
  const { name, ...described } = parseOptions('conv2d', fields, options, LATER);
  return layerOf('conv2d', name, described);
}

interface DepthwiseOptions {
  /** Kernels that each channel has; default 1. */
  depthMultiplier?: number;
  /** Default glorotUniform. */
  depthwiseInitializer?: InitializerOption;
  /** A penalty that is added to the loss; default: none. */
  depthwiseRegularizer?: RegularizerOption;
  /** Applied after each update; default: none. */
  depthwiseConstraint?: ConstraintOption;
}

/** Options of {@link depthwiseConv1d}. */
export interface DepthwiseConv1dOptions
  extends DepthwiseOptions,
    Omit<Conv1dOptions, 'filters' | 'padding' | keyof KernelOptions> {
  /** Default 'valid'. */
  padding?: WindowPadding;
}

/** Options of {@link depthwiseConv2d}. */
export interface DepthwiseConv2dOptions
  extends DepthwiseOptions,
    Omit<Conv2dOptions, 'filters' | keyof KernelOptions> {}

/**
 * As {@link conv1d}, but each channel is convolved with `depthMultiplier` kernels of its own: output
 * channel c depthMultiplier + m is channel c by its kernel m.
 *
 * Parameters, in Keras' layout: `<name>/kernel` [kernelSize, channels, depthMultiplier], `/bias`
 * [channels depthMultiplier].
 *
 * @throws SluiceError as {@link conv1d}
 *
 * @example
 * layers.depthwiseConv1d({ kernelSize: 5, padding: 'same' });
 */
export function depthwiseConv1d(options: DepthwiseConv1dOptions): SimpleLayer {
  const fields = { ...DEPTHWISE, ...ONE_AXIS };
  const { name, ...described } = parseOptions('depthwiseConv1d', fields, options, LATER);
  return layerOf('depthwiseConv1d', name, described);
}

/**
 * As {@link conv2d}, but each channel is convolved with `depthMultiplier` kernels of its own.
 *
 * Parameters, in Keras' layout: `<name>/kernel` [height, width, channels, depthMultiplier], `/bias`
 * [channels depthMultiplier].
 *
 * @throws SluiceError as {@link conv1d}
 *
 * @example
 * layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 });
 */
export function depthwiseConv2d(options: DepthwiseConv2dOptions): SimpleLayer {
  const fields = { ...DEPTHWISE, ...TWO_AXES };
  const { name, ...described } = parseOptions('depthwiseConv2d', fields, options, LATER);
  return layerOf('depthwiseConv2d', name, described);
}
