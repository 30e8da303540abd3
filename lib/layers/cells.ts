// One step of a recurrent layer, for recurrences that are written out by hand.
import { GRU_FIELDS, type GruOptions } from './gru.js';
import { Layer, type LayerOptions, type SymbolicTensor } from './layer.js';
import { LSTM_FIELDS, type LstmOptions } from './lstm.js';
import { MIN_GRU_FIELDS } from './minGru.js';
import { type Fields, parseOptions, without } from './options.js';
import {
  type InitialState,
  initialStateFields,
  RECURRENT_FIELDS,
  type RecurrentOptions,
  type RecurrentResult,
  type RecurrentStates,
  type SequenceOptions,
} from './recurrent.js';

/** What recurrent layers have for whole sequences, and why a cell does not have it. */
const OF_SEQUENCES = {
  returnSequences: 'is not for a cell, which takes one step',
  returnState: 'is not for a cell, which always returns its states',
  goBackwards: 'is not for a cell: one step has no direction',
  stateful: 'is not for a cell, whose state is what apply is given',
  initialState: 'is not for a cell, whose state is what apply is given',
  maskedOutput: 'is not for a cell, which sees no mask',
} as const;
type OfSequences = keyof typeof OF_SEQUENCES;

/** Options of {@link gruCell}: those of `gru` that say something of a single step. */
export type GruCellOptions = Omit<GruOptions, OfSequences>;
/** Options of {@link lstmCell}: those of `lstm` that say something of a single step. */
export type LstmCellOptions = Omit<LstmOptions, OfSequences>;
/** Options of {@link simpleRnnCell}: those of `simpleRnn` that say something of a single step. */
export type SimpleRnnCellOptions = Omit<RecurrentOptions, OfSequences>;
/** Options of {@link minGruCell}: those of `minGru` that say something of a single step. */
export type MinGruCellOptions = Omit<SequenceOptions, OfSequences>;

/** One step of a recurrent layer; made by {@link gruCell} and the like. */
export class RecurrentCell<N extends RecurrentStates = RecurrentStates> extends Layer {
  readonly #stateCount: number;

  /** @internal */
  constructor(kind: string, name: string | undefined, options: LayerOptions, stateCount: number) {
    super(kind, name, options, 1 + stateCount);
    this.#stateCount = stateCount;
  }

  /**
   * One step: [output, ...states after it], [B,units] each, of which the output is the first state again.
   *
   * @param x what the step reads [B,features]
   * @param call `initialState`: the state before the step [B,units], of an LSTM [h, c]; default zeros
   */
  override apply(
    x: SymbolicTensor,
    call: { initialState?: InitialState<N> } = {},
  ): RecurrentResult<true, N> {
    const { initialState } = parseOptions(this.label, initialStateFields(this.#stateCount), call);
    return this.connect([x, ...initialState]) as RecurrentResult<true, N>;
  }
}

/** A GRU's cell; made by {@link gruCell}. */
export type GruCell = RecurrentCell<[state: SymbolicTensor]>;
/** An LSTM's cell; made by {@link lstmCell}. */
export type LstmCell = RecurrentCell<[state: SymbolicTensor, cell: SymbolicTensor]>;
/** A simple recurrent cell; made by {@link simpleRnnCell}. */
export type SimpleRnnCell = RecurrentCell<[state: SymbolicTensor]>;
/** A minGRU's cell; made by {@link minGruCell}. */
export type MinGruCell = RecurrentCell<[state: SymbolicTensor]>;

function cell<N extends RecurrentStates>(
  kind: string,
  ofLayer: Fields,
  options: unknown,
  stateCount: number,
): RecurrentCell<N> {
  const fields: Fields = without(ofLayer, Object.keys(OF_SEQUENCES));
  const { name, ...described } = parseOptions(kind, fields, options, OF_SEQUENCES);
  return new RecurrentCell(kind, name as string | undefined, described as LayerOptions, stateCount);
}

/**
 * One step of a `gru`: x [B,features] and h [B,units] -> [output, h'], the equations and weights of that
 * layer: `<name>/kernel`, `/recurrent_kernel`, `/bias` in its layout, so that the weights of one fit the other.
 * The same cell applied again shares its weights, which writes out a recurrence by hand: a decoder that reads
 * its own outputs, attention between the steps. Where every step reads what is known before, `gru` does the
 * same in one piece and much faster.
 *
 * All uses of a cell in a model have the same masks of `dropout`, `recurrentDropout` and `recurrentDropConnect`,
 * as the steps of a layer have; `zoneout` draws anew at each. Source: keras.layers.GRUCell.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; UNSUPPORTED for one
 * that is for whole sequences
 *
 * @example
 * const cell = layers.gruCell({ units: 64 });
 * const readout = layers.dense({ units: 8 });
 * let [value, h] = [start, h0];
 * const forecast = [];
 * for (let step = 0; step < 12; step++) {
 *   const [output, next] = cell.apply(value, { initialState: h });
 *   h = next;
 *   value = readout.apply(output);
 *   forecast.push(value);
 * }
 */
export function gruCell(options: GruCellOptions): GruCell {
  return cell('gruCell', GRU_FIELDS, options, 1);
}

/**
 * One step of an `lstm`: x [B,features], h and c [B,units] -> [output, h', c']. As {@link gruCell}. Source:
 * keras.layers.LSTMCell.
 *
 * @throws SluiceError as {@link gruCell}
 *
 * @example
 * const [output, h, c] = layers.lstmCell({ units: 64 }).apply(x, { initialState: [h0, c0] });
 */
export function lstmCell(options: LstmCellOptions): LstmCell {
  return cell('lstmCell', LSTM_FIELDS, options, 2);
}

/**
 * One step of a `simpleRnn`: x [B,features], h [B,units] -> [output, h']. As {@link gruCell}. Source:
 * keras.layers.SimpleRNNCell.
 *
 * @throws SluiceError as {@link gruCell}
 *
 * @example
 * const [output, h] = layers.simpleRnnCell({ units: 32 }).apply(x, { initialState: h0 });
 */
export function simpleRnnCell(options: SimpleRnnCellOptions): SimpleRnnCell {
  return cell('simpleRnnCell', RECURRENT_FIELDS, options, 1);
}

/**
 * One step of a `minGru`: x [B,features], h [B,units] -> [output, h']. As {@link gruCell}.
 *
 * @throws SluiceError as {@link gruCell}
 *
 * @example
 * const [output, h] = layers.minGruCell({ units: 32 }).apply(x, { initialState: h0 });
 */
export function minGruCell(options: MinGruCellOptions): MinGruCell {
  return cell('minGruCell', MIN_GRU_FIELDS, options, 1);
}
