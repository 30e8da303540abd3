import { type ActivationOption, activation, activationDefault } from './activations.js';
import { type InitializerOption, initializer } from './initializers.js';
import { Layer, type LayerOptions, type SymbolicTensor } from './layer.js';
import {
  boolean,
  custom,
  integer,
  layerName,
  oneOf,
  optional,
  parseOptions,
  withDefault,
} from './options.js';

/** Options of {@link gru}; everything but `units` has Keras' default. */
export interface GruOptions {
  /** Size of the hidden state, at least 1. */
  units: number;
  /** Of the candidate; default tanh. */
  activation?: ActivationOption;
  /** Of the update and reset gates; default sigmoid. */
  recurrentActivation?: ActivationOption;
  useBias?: boolean;
  /** Default glorotUniform, over the whole [features, 3 units]. */
  kernelInitializer?: InitializerOption;
  /** Default orthogonal, over the whole [units, 3 units]. */
  recurrentInitializer?: InitializerOption;
  biasInitializer?: InitializerOption;
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
  /** true: the state of every step [B,T,units]; false (default): of the last one [B,units]. */
  returnSequences?: boolean;
  /** true: `apply` returns [output, final state]. */
  returnState?: boolean;
  /** Walk from the last step to the first; the returned sequence stays in that order. */
  goBackwards?: boolean;
  /** Keep the state from call to call; see `model.resetStates`. */
  stateful?: boolean;
  /** Output at masked steps: 'zero' (default) or 'repeat', the output of the step before. */
  maskedOutput?: 'zero' | 'repeat';
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

/** Options that Keras has and a later release will have. */
export const LATER_RECURRENT_OPTIONS = [
  'dropout',
  'recurrentDropout',
  'zoneout',
  'recurrentDropConnect',
  'layerNorm',
  'clip',
  'kernelRegularizer',
  'recurrentRegularizer',
  'biasRegularizer',
  'activityRegularizer',
  'kernelConstraint',
  'recurrentConstraint',
  'biasConstraint',
];

const FIELDS = {
  units: integer(1, 2 ** 30),
  activation: withDefault(activation(), activationDefault('tanh')),
  recurrentActivation: withDefault(activation(), activationDefault('sigmoid')),
  useBias: withDefault(boolean(), true),
  kernelInitializer: initializer('glorotUniform'),
  recurrentInitializer: initializer('orthogonal'),
  biasInitializer: initializer('zeros'),
  resetAfter: withDefault(boolean(), true),
  updateGate: withDefault(oneOf('keep', 'replace'), 'keep'),
  returnSequences: withDefault(boolean(), false),
  returnState: withDefault(boolean(), false),
  goBackwards: withDefault(boolean(), false),
  stateful: withDefault(boolean(), false),
  maskedOutput: withDefault(oneOf('zero', 'repeat'), 'zero'),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/** What `apply` takes beside the sequence; `connect` checks the state. */
const CALL_FIELDS = {
  initialState: optional(custom<unknown>('a symbolic tensor', (value) => value)),
};

/** What `apply` returns: the output, with `returnState` [output, final state]. */
export type GruResult<S extends boolean> = S extends true
  ? [output: SymbolicTensor, state: SymbolicTensor]
  : SymbolicTensor;

/** A GRU layer; made by {@link gru}. */
export class GruLayer<S extends boolean = boolean> extends Layer {
  /** @internal */
  constructor(name: string | undefined, options: LayerOptions) {
    super('gru', name, options, options.returnState === true ? 2 : 1);
  }

  /**
   * @param x a sequence [B,T,features]
   * @param call `initialState` [B,units]: the state before the first step; default zeros
   */
  override apply(x: SymbolicTensor, call: { initialState?: SymbolicTensor } = {}): GruResult<S> {
    const { initialState } = parseOptions(this.label, CALL_FIELDS, call);
    const outputs = this.connect(initialState === undefined ? [x] : [x, initialState]);
    return (this.outputCount === 1 ? outputs[0] : outputs) as GruResult<S>;
  }
}

/**
 * A gated recurrent unit over a sequence [B,T,features].
 *
 * Parameters, in Keras' layout with the gates in the order z, r, h: `<name>/kernel` [features, 3 units],
 * `/recurrent_kernel` [units, 3 units], `/bias` [2, 3 units] (with resetAfter: false [3 units]).
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range;
 * UNSUPPORTED for one that a later release will have
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
  const { name, ...described } = parseOptions('gru', FIELDS, options, LATER_RECURRENT_OPTIONS);
  return new GruLayer<S>(name, described);
}
