import { invalid, show } from '../errors.js';
import type { Json } from '../native.js';
import { custom, type Field, number, optional, parseOptions, text } from './options.js';

/** Activations by name. `hardSigmoid` is Keras 3's (x/6 + 0.5), `hardSigmoidLegacy` the older 0.2x + 0.5. */
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

const EXPECTED = `one of ${Object.keys(DEFAULTS).join(', ')}, or { name, alpha, beta }`;

/** The full form, as it stands in a description: `{ name, alpha, beta }`. */
export type Activation = { name: string; alpha: number; beta: number } & { [key: string]: Json };

/** An option that takes an activation. */
export function activation(): Field<Activation> {
  return custom(EXPECTED, parse);
}

function parse(value: unknown, option: string, where: string): Activation {
  const given = typeof value === 'string' ? { name: value } : value;
  if (given === null || typeof given !== 'object' || !('name' in given)) {
    throw invalid(option, EXPECTED, value, where);
  }
  const name = given.name;
  if (typeof name !== 'string' || !isActivation(name)) throw invalid(option, EXPECTED, name, where);
  const defaults = DEFAULTS[name];
  // Only those numbers that this activation has are known here, so that others are refused.
  const fields = {
    name: text(),
    ...(defaults.alpha === undefined ? {} : { alpha: optional(number({ min: 0 })) }),
    ...(defaults.beta === undefined ? {} : { beta: optional(number()) }),
  };
  const parsed: Parameters = parseOptions(`${where}: ${option} ${show(name)}`, fields, given);
  if (name === 'hardSigmoidLegacy') return { name: 'hardSigmoid', alpha: 0.2, beta: 0.5 };
  return {
    name,
    alpha: parsed.alpha ?? defaults.alpha ?? 0,
    beta: parsed.beta ?? defaults.beta ?? 0,
  };
}

function isActivation(name: string): name is ActivationName {
  return Object.hasOwn(DEFAULTS, name);
}

/** The full form of a name, for the defaults of layers. */
export function activationDefault(name: ActivationName): Activation {
  return parse(name, 'activation', 'defaults');
}
