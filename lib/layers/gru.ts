import type { SymbolicTensor } from './layer.js';
import { boolean, oneOf, parseOptions, withDefault } from './options.js';
import { GATED_FIELDS, type GatedOptions, RecurrentLayer } from './recurrent.js';

/** Options of {@link gru}; everything but `units` has Keras' default. */
export interface GruOptions extends GatedOptions {
  /**
   * true (default): the reset gate is applied after the recurrent product, with a bias of its own, as
   * in Keras 3, PyTorch and cuDNN. false: before it, as in the paper of 2014.
   */
  resetAfter?: boolean;
  /**
   * What an update gate z near 1 does: 'keep' (default) h' = z h + (1 - z) n as in all frameworks;
   * 'replace' h' = (1 - z) h + z n as in many textbooks.
   */
  updateGate?: 'keep' | 'replace';
}

/** How {@link GruOptions} are checked. */
export const GRU_FIELDS = {
  ...GATED_FIELDS,
  resetAfter: withDefault(boolean(), true),
  updateGate: withDefault(oneOf('keep', 'replace'), 'keep'),
};

/** A GRU layer; made by {@link gru}. */
export type GruLayer<S extends boolean = boolean> = RecurrentLayer<S, [state: SymbolicTensor]>;

/**
 * A gated recurrent unit over a sequence [B,T,features].
 *
 * Parameters, in Keras' layout with the gates in the order z, r, h: `<name>/kernel` [features, 3 units],
 * `/recurrent_kernel` [units, 3 units], `/bias` [2, 3 units] (with resetAfter: false [3 units]).
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.gru({ units: 64 });
 * const [sequence, state] = layers
 *   .gru({ units: 8, returnSequences: true, returnState: true })
 *   .apply(x, { initialState: h0 });
 */
export function gru<S extends boolean = false>(
  options: GruOptions & { returnState?: S },
): GruLayer<S> {
  const { name, ...described } = parseOptions('gru', GRU_FIELDS, options);
  return new RecurrentLayer('gru', name, described, 1);
}
