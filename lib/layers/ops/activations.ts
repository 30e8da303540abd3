// Activations as functions: `layers.activation` by their names.
import { activation } from '../activation.js';
import type { OutputActivationOption } from '../activations.js';
import type { SymbolicTensor } from '../layer.js';
import { softmax as softmaxLayer } from '../softmax.js';
import { symbolic } from './operation.js';

function activated(name: OutputActivationOption & string, x: unknown): SymbolicTensor {
  return activation({ activation: name }).apply(symbolic(x, 'x', `ops.${name}`));
}

/** 1 / (1 + e^-x). */
export function sigmoid(x: SymbolicTensor): SymbolicTensor {
  return activated('sigmoid', x);
}

/** The hyperbolic tangent of x. */
export function tanh(x: SymbolicTensor): SymbolicTensor {
  return activated('tanh', x);
}

/** max(x, 0). */
export function relu(x: SymbolicTensor): SymbolicTensor {
  return activated('relu', x);
}

/** log(1 + e^x), without overflow. */
export function softplus(x: SymbolicTensor): SymbolicTensor {
  return activated('softplus', x);
}

/** x / (1 + |x|). */
export function softsign(x: SymbolicTensor): SymbolicTensor {
  return activated('softsign', x);
}

/** x where it is above 0, else e^x - 1. */
export function elu(x: SymbolicTensor): SymbolicTensor {
  return activated('elu', x);
}

/** x · sigmoid(x). */
export function silu(x: SymbolicTensor): SymbolicTensor {
  return activated('silu', x);
}

/** x · Φ(x), the exact one. */
export function gelu(x: SymbolicTensor): SymbolicTensor {
  return activated('gelu', x);
}

/** The scaled exponential linear unit of x. */
export function selu(x: SymbolicTensor): SymbolicTensor {
  return activated('selu', x);
}

/** e^x / Σ e^x along an axis, by default the last; along the steps masked ones get nothing. */
export function softmax(x: SymbolicTensor, options: { axis?: number } = {}): SymbolicTensor {
  return softmaxLayer(options).apply(symbolic(x, 'x', 'ops.softmax'));
}
