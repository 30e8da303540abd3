import type { SymbolicTensor } from './layer.js';
import { parseOptions } from './options.js';
import { RECURRENT_FIELDS, RecurrentLayer, type RecurrentOptions } from './recurrent.js';

/** A simple recurrent layer; made by {@link simpleRnn}. */
export type SimpleRnnLayer<S extends boolean = boolean> = RecurrentLayer<
  S,
  [state: SymbolicTensor]
>;

/**
 * The simple recurrent network h' = act(x W + h R + b) over a sequence [B,T,features] (Elman 1990;
 * Keras' SimpleRNN, PyTorch's RNN).
 *
 * Parameters, in Keras' layout: `<name>/kernel` [features, units], `/recurrent_kernel` [units, units],
 * `/bias` [units].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.simpleRnn({ units: 32, activation: 'relu' });
 */
export function simpleRnn<S extends boolean = false>(
  options: RecurrentOptions & { returnState?: S },
): SimpleRnnLayer<S> {
  const { name, ...described } = parseOptions('simpleRnn', RECURRENT_FIELDS, options);
  return new RecurrentLayer('simpleRnn', name, described, 1);
}
