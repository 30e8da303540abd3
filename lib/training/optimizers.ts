import { invalid } from '../errors.js';
import {
  boolean,
  type Fields,
  number,
  oneOf,
  optional,
  parseOptions,
  withDefault,
} from '../layers/options.js';
import type { OptimizerSpec } from '../native.js';

/** What all optimizers share: clipping of gradients, in this order; 0 is off. */
export interface ClipOptions {
  /** Each element to [-clipValue, clipValue]. */
  clipValue?: number;
  /** The norm of each parameter's gradient (Keras' clipnorm). */
  clipVariableNorm?: number;
  /** The norm over all gradients together (Keras' global_clipnorm, PyTorch's clip_grad_norm_). */
  clipNorm?: number;
}

/** Options of {@link optimizers}.sgd. */
export interface SgdOptions extends ClipOptions {
  /** Default 0.01. */
  learningRate?: number;
  /** From 0 (default) to below 1. */
  momentum?: number;
  nesterov?: boolean;
}

/** Where epsilon stands: 'keras' (default) or 'torch'; decides epsilon's default, 1e-7 or 1e-8. */
export interface EpsilonOptions {
  epsilon?: number;
  epsilonMode?: 'keras' | 'torch';
}

/** Options of {@link optimizers}.rmsprop. */
export interface RmspropOptions extends ClipOptions, EpsilonOptions {
  /** Default 0.001. */
  learningRate?: number;
  /** Decay of the mean square; default 0.9. */
  rho?: number;
  /** From 0 (default) to below 1. */
  momentum?: number;
}

/** Options of {@link optimizers}.adam. */
export interface AdamOptions extends ClipOptions, EpsilonOptions {
  /** Default 0.001. */
  learningRate?: number;
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
}

/** Options of {@link optimizers}.adamw. */
export interface AdamwOptions extends AdamOptions {
  /** Decoupled: w -= learningRate * weightDecay * w; default 0.004. */
  weightDecay?: number;
}

/** An optimizer with all its numbers; made by {@link optimizers}. */
export type Optimizer = Readonly<OptimizerSpec>;

/** A name, with Keras' defaults, or what {@link optimizers} made. */
export type OptimizerOption = 'sgd' | 'rmsprop' | 'adam' | 'adamw' | Optimizer;

const CLIP = {
  clipValue: withDefault(number({ min: 0 }), 0),
  clipVariableNorm: withDefault(number({ min: 0 }), 0),
  clipNorm: withDefault(number({ min: 0 }), 0),
};
const FRACTION = number({ min: 0, below: 1 });
const EPSILON = {
  epsilon: optional(number({ above: 0 })),
  epsilonMode: withDefault(oneOf('keras', 'torch'), 'keras'),
};
const SGD = {
  learningRate: withDefault(number({ min: 0 }), 0.01),
  momentum: withDefault(FRACTION, 0),
  nesterov: withDefault(boolean(), false),
  ...CLIP,
};
const RMSPROP = {
  learningRate: withDefault(number({ min: 0 }), 0.001),
  rho: withDefault(FRACTION, 0.9),
  momentum: withDefault(FRACTION, 0),
  ...EPSILON,
  ...CLIP,
};
const ADAM = {
  learningRate: withDefault(number({ min: 0 }), 0.001),
  beta1: withDefault(FRACTION, 0.9),
  beta2: withDefault(FRACTION, 0.999),
  ...EPSILON,
  ...CLIP,
};
const ADAMW = { ...ADAM, weightDecay: withDefault(number({ min: 0 }), 0.004) };

/** Numbers that an optimizer does not use. */
const UNUSED: Omit<OptimizerSpec, 'kind' | 'learningRate' | 'epsilon'> = {
  momentum: 0,
  nesterov: false,
  rho: 0.9,
  beta1: 0.9,
  beta2: 0.999,
  epsilonMode: 'keras',
  weightDecay: 0,
  clipNorm: 0,
  clipVariableNorm: 0,
  clipValue: 0,
};

function make(kind: OptimizerSpec['kind'], fields: Fields, options: unknown): Optimizer {
  const parsed = parseOptions(`optimizers.${kind}`, fields, options) as Partial<OptimizerSpec> & {
    learningRate: number;
  };
  const epsilon = parsed.epsilon ?? (parsed.epsilonMode === 'torch' ? 1e-8 : 1e-7);
  return Object.freeze({ ...UNUSED, ...parsed, kind, epsilon });
}

/**
 * Optimizers with Keras' defaults.
 *
 * @example
 * m.compile({ optimizer: optimizers.adam({ learningRate: 0.003, clipNorm: 1 }), loss: 'mse' });
 * m.compile({ optimizer: optimizers.adam({ epsilonMode: 'torch' }), loss: 'mse' }); // as PyTorch
 */
export const optimizers = {
  /** Gradient descent with momentum: v = momentum v - lr g; w += v (nesterov: w += momentum v - lr g). */
  sgd: (options: SgdOptions = {}): Optimizer => make('sgd', SGD, options),
  /** Gradients divided by the root of their running mean square. */
  rmsprop: (options: RmspropOptions = {}): Optimizer => make('rmsprop', RMSPROP, options),
  /** Adam (Kingma and Ba, 2015). */
  adam: (options: AdamOptions = {}): Optimizer => make('adam', ADAM, options),
  /** Adam with decoupled weight decay (Loshchilov and Hutter, 2019). */
  adamw: (options: AdamwOptions = {}): Optimizer => make('adamw', ADAMW, options),
};

const ALL_FIELDS = {
  kind: oneOf('sgd', 'rmsprop', 'adam', 'adamw'),
  ...SGD,
  ...RMSPROP,
  ...ADAMW,
};

/** Turns what the user gave, or what a file holds, into an optimizer. */
export function parseOptimizer(value: unknown): Optimizer {
  if (typeof value === 'string' && Object.hasOwn(optimizers, value)) {
    return optimizers[value as keyof typeof optimizers]();
  }
  if (value !== null && typeof value === 'object' && 'kind' in value) {
    const { kind, ...numbers } = parseOptions('compile', ALL_FIELDS, value);
    return make(kind, { ...SGD, ...RMSPROP, ...ADAMW }, numbers);
  }
  const known = Object.keys(optimizers).join(', ');
  throw invalid('optimizer', `one of ${known}, or optimizers.adam({ ... })`, value, 'compile');
}
