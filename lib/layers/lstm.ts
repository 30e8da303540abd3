import type { SymbolicTensor } from './layer.js';
import { boolean, parseOptions, withDefault } from './options.js';
import { GATED_FIELDS, type GatedOptions, RecurrentLayer } from './recurrent.js';

/** Options of {@link lstm}; everything but `units` has Keras' default. */
export interface LstmOptions extends GatedOptions {
  /** true (default): the forget gate's bias starts at 1, whatever `biasInitializer` says. */
  unitForgetBias?: boolean;
}

/** How {@link LstmOptions} are checked. */
export const LSTM_FIELDS = { ...GATED_FIELDS, unitForgetBias: withDefault(boolean(), true) };

/** An LSTM layer; made by {@link lstm}. */
export type LstmLayer<S extends boolean = boolean> = RecurrentLayer<
  S,
  [state: SymbolicTensor, cell: SymbolicTensor]
>;

/**
 * A long short-term memory over a sequence [B,T,features]: with the gates i, f, o and the candidate g
 * of x W + h R + b, c' = f c + i g and h' = o act(c') (Hochreiter and Schmidhuber 1997 with the forget
 * gate of Gers et al. 2000; Keras' LSTM). Its states are h, which is also its output, and c.
 *
 * Parameters, in Keras' layout with the gates in the order i, f, c, o: `<name>/kernel`
 * [features, 4 units], `/recurrent_kernel` [units, 4 units], `/bias` [4 units].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.lstm({ units: 64 });
 * const [sequence, h, c] = layers
 *   .lstm({ units: 8, returnSequences: true, returnState: true })
 *   .apply(x, { initialState: [h0, c0] });
 */
export function lstm<S extends boolean = false>(
  options: LstmOptions & { returnState?: S },
): LstmLayer<S> {
  const { name, ...described } = parseOptions('lstm', LSTM_FIELDS, options);
  return new RecurrentLayer('lstm', name, described, 2);
}
