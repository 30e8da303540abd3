// What the recurrent layers have in common: their options, and how they are applied.
import { invalid } from '../errors.js';
import { type ActivationOption, activation, activationDefault } from './activations.js';
import type { ConstraintOption } from './constraints.js';
import type { InitializerOption } from './initializers.js';
import { Layer, type LayerOptions, type SymbolicTensor } from './layer.js';
import {
  boolean,
  custom,
  integer,
  layerName,
  number,
  oneOf,
  parseOptions,
  withDefault,
} from './options.js';
import type { RegularizerOption } from './regularizers.js';
import { ACTIVITY, BIAS, type BiasOptions, KERNEL, type KernelOptions, weight } from './weights.js';

/** Options of every recurrent layer; everything but `units` has Keras' default. */
export interface SequenceOptions extends KernelOptions, BiasOptions {
  /** Size of the hidden state, at least 1. */
  units: number;
  /** Of the candidate or the new state; default tanh. */
  activation?: ActivationOption;
  /**
   * Of each of the layer's outputs, the states of `returnState` among them: divided by the number of
   * rows; masked steps do not count. Default: none.
   */
  activityRegularizer?: RegularizerOption;
  /** true: the state of every step [B,T,units]; false (default): of the last one [B,units]. */
  returnSequences?: boolean;
  /** true: `apply` returns [output, ...final states]. */
  returnState?: boolean;
  /** Walk from the last step to the first; the returned sequence stays in that order. */
  goBackwards?: boolean;
  /** Keep the state from call to call; see `model.resetStates`. */
  stateful?: boolean;
  /**
   * Before the first step, where `apply` is given no state: 'zeros' (default), or 'learned', the same for
   * each row: parameters `<name>/initial_state` [units] and, of an LSTM, `/initial_cell` [units], which start
   * at zero. Not together with `stateful`.
   */
  initialState?: 'zeros' | 'learned';
  /** Output at masked steps: 'zero' (default) or 'repeat', the output of the step before. */
  maskedOutput?: 'zero' | 'repeat';
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

/** Options of the layers whose state meets a recurrent kernel. */
export interface RecurrentOptions extends SequenceOptions {
  /** Default orthogonal, over the whole recurrent kernel. */
  recurrentInitializer?: InitializerOption;
  /** Default: none, as for the next one. */
  recurrentRegularizer?: RegularizerOption;
  recurrentConstraint?: ConstraintOption;
  /**
   * Rate, from 0 to below 1, at which features are zeroed in training, the rest scaled by 1 / (1 - rate):
   * drawn once a sequence and used at all of its steps, as in Keras. Default 0.
   */
  dropout?: number;
  /**
   * Likewise of the state where it enters the products, with masks of its own for each gate (and then of
   * the features as well), as in Keras; what the update gate carries on is not dropped. Default 0.
   */
  recurrentDropout?: number;
  /**
   * Likewise of the recurrent kernel's elements: one mask for all rows and steps of a batch (DropConnect,
   * Wan et al. 2013). Default 0.
   */
  recurrentDropConnect?: number;
  /**
   * Probability, from 0 to below 1, that a unit keeps its state in a step of training (an LSTM its h);
   * outside of training h' = zoneout h + (1 - zoneout) new h (Krueger et al. 2016). Default 0.
   */
  zoneout?: number;
  /**
   * x W and h R, of a step all gates together, are normalized to mean 0 and variance 1 and multiplied with
   * `<name>/gamma` [2, gates units] (row 0 of x W, row 1 of h R, starting at 1) before biases are added; an
   * LSTM's c likewise on its way to h, by `/cell_gamma` and `/cell_beta` [units] (Ba et al. 2016, as in haste).
   * A GRU then needs `resetAfter`. Default false.
   */
  layerNorm?: boolean;
  /** Added to the variances of `layerNorm`, from 1e-30 to 1; default 1e-5. */
  layerNormEpsilon?: number;
  /** The sums that gates and candidates are made of are kept within -clip and clip (ONNX); default 0: as they are. */
  clip?: number;
}

/** Options of recurrent layers whose gates have an activation of their own. */
export interface GatedOptions extends RecurrentOptions {
  /** Of the gates; default sigmoid. */
  recurrentActivation?: ActivationOption;
}

/** How {@link SequenceOptions} are checked. */
export const SEQUENCE_FIELDS = {
  units: integer(1, 2 ** 30),
  activation: withDefault(activation(), activationDefault('tanh')),
  ...KERNEL,
  ...BIAS,
  ...ACTIVITY,
  returnSequences: withDefault(boolean(), false),
  returnState: withDefault(boolean(), false),
  goBackwards: withDefault(boolean(), false),
  stateful: withDefault(boolean(), false),
  initialState: withDefault(oneOf('zeros', 'learned'), 'zeros'),
  maskedOutput: withDefault(oneOf('zero', 'repeat'), 'zero'),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/** How {@link RecurrentOptions} are checked. */
export const RECURRENT_FIELDS = {
  ...SEQUENCE_FIELDS,
  ...weight('recurrent', 'orthogonal'),
  dropout: withDefault(number({ min: 0, below: 1 }), 0),
  recurrentDropout: withDefault(number({ min: 0, below: 1 }), 0),
  recurrentDropConnect: withDefault(number({ min: 0, below: 1 }), 0),
  zoneout: withDefault(number({ min: 0, below: 1 }), 0),
  layerNorm: withDefault(boolean(), false),
  layerNormEpsilon: withDefault(number({ min: 1e-30, max: 1 }), 1e-5),
  clip: withDefault(number({ min: 0, max: 1e30 }), 0),
};

/** How {@link GatedOptions} are checked. */
export const GATED_FIELDS = {
  ...RECURRENT_FIELDS,
  recurrentActivation: withDefault(activation(), activationDefault('sigmoid')),
};

/** The states of a layer: one, or an LSTM's h and c. */
export type RecurrentStates =
  | [state: SymbolicTensor]
  | [state: SymbolicTensor, cell: SymbolicTensor];

/** The states before the first step, [B,units] each: one alone may stand without an array. */
export type InitialState<N extends RecurrentStates> = N extends [SymbolicTensor]
  ? SymbolicTensor | Readonly<N>
  : Readonly<N>;

/** What `apply` returns: the output, with `returnState` [output, ...final states]. */
export type RecurrentResult<S extends boolean, N extends RecurrentStates> = S extends true
  ? [output: SymbolicTensor, ...N]
  : SymbolicTensor;

/** What `apply` takes beside the sequence, for so many states; `connect` checks each. */
export function initialStateFields(count: number) {
  const expected = count === 1 ? 'a symbolic tensor' : `an array of ${count} symbolic tensors`;
  const states = custom<unknown[]>(expected, (value, name, where) => {
    const given = count === 1 && !Array.isArray(value) ? [value] : value;
    if (Array.isArray(given) && given.length === count) return given;
    throw invalid(name, expected, value, where);
  });
  return { initialState: withDefault(states, []) };
}

/** A recurrent layer; made by `gru`, `lstm` and `simpleRnn`. */
export class RecurrentLayer<
  S extends boolean = boolean,
  N extends RecurrentStates = RecurrentStates,
> extends Layer {
  /** @internal Number of states. */
  readonly stateCount: number;

  /** @internal */
  constructor(kind: string, name: string | undefined, options: LayerOptions, stateCount: number) {
    super(kind, name, options, options.returnState === true ? 1 + stateCount : 1);
    this.stateCount = stateCount;
  }

  /**
   * @param x a sequence [B,T,features]
   * @param call `initialState`: the state before the first step [B,units], of an LSTM [h, c]; default
   * what the layer's option of that name says
   */
  override apply(
    x: SymbolicTensor,
    call: { initialState?: InitialState<N> } = {},
  ): RecurrentResult<S, N> {
    const { initialState } = parseOptions(this.label, initialStateFields(this.stateCount), call);
    const outputs = this.connect([x, ...initialState]);
    return (this.outputCount === 1 ? outputs[0] : outputs) as RecurrentResult<S, N>;
  }
}
