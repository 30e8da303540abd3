import { activation, activationDefault } from './activations.js';
import type { SymbolicTensor } from './layer.js';
import { parseOptions, withDefault } from './options.js';
import { RecurrentLayer, SEQUENCE_FIELDS, type SequenceOptions } from './recurrent.js';

/** How the options of a minGRU are checked. */
export const MIN_GRU_FIELDS = {
  ...SEQUENCE_FIELDS,
  activation: withDefault(activation(), activationDefault('linear')),
};

/** A minGRU layer; made by {@link minGru}. */
export type MinGruLayer<S extends boolean = boolean> = RecurrentLayer<S, [state: SymbolicTensor]>;

/**
 * A minimal gated recurrent unit over a sequence [B,T,features] (Feng et al. 2024, arXiv 2410.01201): its
 * gates see the input alone, z = σ(x W_z + b_z), h' = (1 - z) h + z act(x W_h + b_h). So the products of all
 * steps are one, and what is left to do step by step is cheap: for very long sequences. The candidate has
 * no activation unless `activation` names one.
 *
 * Parameters, with the columns z, h: `<name>/kernel` [features, 2 units], `/bias` [2 units].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.minGru({ units: 256, returnSequences: true });
 */
export function minGru<S extends boolean = false>(
  options: SequenceOptions & { returnState?: S },
): MinGruLayer<S> {
  const { name, ...described } = parseOptions('minGru', MIN_GRU_FIELDS, options);
  return new RecurrentLayer('minGru', name, described, 1);
}
