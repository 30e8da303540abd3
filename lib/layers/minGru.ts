import { activation, activationDefault } from './activations.js';
import type { SymbolicTensor } from './layer.js';
import { parseOptions, withDefault } from './options.js';
import {
  LATER_RECURRENT_OPTIONS,
  RECURRENT_FIELDS,
  RecurrentLayer,
  type RecurrentOptions,
} from './recurrent.js';

/** Options of {@link minGru}. */
export type MinGruOptions = Omit<
  RecurrentOptions,
  | 'recurrentInitializer'
  | 'recurrentRegularizer'
  | 'recurrentConstraint'
  | 'dropout'
  | 'recurrentDropout'
  | 'recurrentDropConnect'
  | 'zoneout'
>;

const {
  recurrentInitializer: _matrix,
  recurrentRegularizer: _penalty,
  recurrentConstraint: _constraint,
  dropout: _dropout,
  recurrentDropout: _recurrentDropout,
  recurrentDropConnect: _recurrentDropConnect,
  zoneout: _zoneout,
  ...COMMON
} = RECURRENT_FIELDS;

const FIELDS = { ...COMMON, activation: withDefault(activation(), activationDefault('linear')) };

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
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range;
 * UNSUPPORTED for one that a later release will have
 *
 * @example
 * layers.minGru({ units: 256, returnSequences: true });
 */
export function minGru<S extends boolean = false>(
  options: MinGruOptions & { returnState?: S },
): MinGruLayer<S> {
  const { name, ...described } = parseOptions('minGru', FIELDS, options, LATER_RECURRENT_OPTIONS);
  return new RecurrentLayer('minGru', name, described, 1);
}
