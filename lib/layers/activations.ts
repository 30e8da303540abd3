import { invalid } from '../errors.js';
import type { Json } from '../native.js';
import { custom, type Field, number, optional, parseInner, text } from './options.js';

/**
 * Activations by name, those that every layer has. `hardSigmoid` is Keras 3's (x/6 + 0.5),
 * `hardSigmoidLegacy` the older 0.2x + 0.5.
 */
export type ActivationName =
  | 'linear'
  | 'tanh'
  | 'sigmoid'
  | 'relu'
  | 'softsign'
  | 'softplus'
  | 'elu'
  | 'leakyRelu'
  | 'hardSigmoid'
  | 'hardSigmoidLegacy';

/**
 * A name, or an object where the activation has numbers of its own: `elu` alpha (1), `leakyRelu` alpha
 * (0.2), `hardSigmoid` alpha and beta (1/6 and 0.5).
 */
export type ActivationOption =
  | ActivationName
  | { name: 'elu' | 'leakyRelu'; alpha?: number }
  | { name: 'hardSigmoid'; alpha?: number; beta?: number }
  | { name: ActivationName };

/**
 * Activations that recurrent layers do not have: `gelu` is the exact one (with erf), `swish` another
 * name of `silu`, `softmax` goes over the last axis.
 */
export type OutputOnlyActivation = 'exponential' | 'gelu' | 'selu' | 'silu' | 'swish' | 'softmax';

/** What layers that are not recurrent take. */
export type OutputActivationOption =
  | ActivationOption
  | OutputOnlyActivation
  | { name: OutputOnlyActivation };

interface Parameters {
  alpha?: number;
  beta?: number;
}

/** Every activation with the defaults of its numbers, as in Keras 3. */
const DEFAULTS: Record<ActivationName, Parameters> = {
  linear: {},
  tanh: {},
  sigmoid: {},
  relu: {},
  softsign: {},
  softplus: {},
  elu: { alpha: 1 },
  leakyRelu: { alpha: 0.2 },
  hardSigmoid: { alpha: 1 / 6, beta: 0.5 },
  hardSigmoidLegacy: {},
};

const OUTPUT_DEFAULTS: Record<ActivationName | OutputOnlyActivation, Parameters> = {
  ...DEFAULTS,
  exponential: {},
  gelu: {},
  selu: {},
  silu: {},
  swish: {},
  softmax: {},
};

/** How names are written in a description that have another one there. */
const SAME: Record<string, Activation> = {
  hardSigmoidLegacy: { name: 'hardSigmoid', alpha: 0.2, beta: 0.5 },
  swish: { name: 'silu', alpha: 0, beta: 0 },
};

/** The full form, as it stands in a description: `{ name, alpha, beta }`. */
export type Activation = { name: string; alpha: number; beta: number } & { [key: string]: Json };

/** An option that takes an activation which every layer has. */
export function activation(): Field<Activation> {
  return activationOf(DEFAULTS);
}

/** An option that takes any activation. */
export function outputActivation(): Field<Activation> {
  return activationOf(OUTPUT_DEFAULTS);
}

function activationOf(known: Readonly<Record<string, Parameters>>): Field<Activation> {
  const expected = `one of ${Object.keys(known).join(', ')}, or { name, alpha, beta }`;
  return custom(expected, (value, option, where) => {
    const given = typeof value === 'string' ? { name: value } : value;
    if (given === null || typeof given !== 'object' || !('name' in given)) {
      throw invalid(option, expected, value, where);
    }
    const name = given.name;
    const defaults = typeof name === 'string' && Object.hasOwn(known, name) && known[name];
    if (typeof name !== 'string' || !defaults) throw invalid(option, expected, name, where);
    // Only those numbers that this activation has are known here, so that others are refused.
    const fields = {
      name: text(),
      ...(defaults.alpha === undefined ? {} : { alpha: optional(number({ min: 0 })) }),
      ...(defaults.beta === undefined ? {} : { beta: optional(number()) }),
    };
    const parsed: Parameters = parseInner(where, option, fields, given);
    return {
      name,
      alpha: parsed.alpha ?? defaults.alpha ?? 0,
      beta: parsed.beta ?? defaults.beta ?? 0,
      ...SAME[name],
    };
  });
}

/** The full form of a name, for the defaults of layers. */
export function activationDefault(name: ActivationName): Activation {
  return activation().parse(name, 'activation', 'defaults');
}
