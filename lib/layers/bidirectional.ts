import { invalid } from '../errors.js';
import type { Json } from '../native.js';
import { conflict, Layer, type LayerOptions, type SymbolicTensor } from './layer.js';
import {
  boolean,
  custom,
  layerName,
  oneOf,
  optional,
  parseOptions,
  withDefault,
} from './options.js';
import { initialStateFields, RecurrentLayer, type RecurrentStates } from './recurrent.js';

/** How the two directions are joined; 'none' gives both. */
export type MergeMode = 'concat' | 'sum' | 'ave' | 'mul' | 'none';

/** Options of {@link bidirectional}. */
export interface BidirectionalOptions<
  S extends boolean,
  M extends MergeMode,
  N extends RecurrentStates,
> {
  /** The layer of the forward direction; with options for both unless `backwardLayer` is given. */
  layer: RecurrentLayer<S, N>;
  /**
   * A layer with options of its own for the backward direction. It has to walk the other way
   * (`goBackwards` unlike `layer`) and to return the same kind of values.
   */
  backwardLayer?: RecurrentLayer<S, N>;
  /** Default 'concat'. */
  mergeMode?: M;
  trainable?: boolean;
  name?: string;
}

const recurrentLayer = custom<RecurrentLayer>('a recurrent layer', (value, name, where) => {
  if (value instanceof RecurrentLayer) return value;
  throw invalid(name, 'a recurrent layer such as layers.gru({ units: 64 })', value, where);
});

const FIELDS = {
  layer: recurrentLayer,
  backwardLayer: optional(recurrentLayer),
  mergeMode: withDefault(oneOf('concat', 'sum', 'ave', 'mul', 'none'), 'concat'),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/** What `apply` returns: the merged output (both for 'none'), then the states with `returnState`. */
export type BidirectionalResult<
  S extends boolean,
  M extends MergeMode,
  N extends RecurrentStates,
> = S extends true
  ? M extends 'none'
    ? [forward: SymbolicTensor, backward: SymbolicTensor, ...forwardStates: N, ...backwardStates: N]
    : [output: SymbolicTensor, ...forwardStates: N, ...backwardStates: N]
  : M extends 'none'
    ? [forward: SymbolicTensor, backward: SymbolicTensor]
    : SymbolicTensor;

/** A bidirectional layer; made by {@link bidirectional}. */
export class BidirectionalLayer<
  S extends boolean = boolean,
  M extends MergeMode = MergeMode,
  N extends RecurrentStates = RecurrentStates,
> extends Layer {
  readonly #stateCount: number;

  /** @internal `stateCount`: of both directions. */
  constructor(
    name: string | undefined,
    options: LayerOptions,
    stateCount: number,
    returnState: boolean,
  ) {
    const outputs = (options.mergeMode === 'none' ? 2 : 1) + (returnState ? stateCount : 0);
    super('bidirectional', name, options, outputs);
    this.#stateCount = stateCount;
  }

  /**
   * @param x a sequence [B,T,features]
   * @param call `initialState`: the states before the first step of each direction, forward then
   * backward, [B,units] each (of an LSTM h and c); default zeros
   */
  override apply(
    x: SymbolicTensor,
    call: { initialState?: readonly [...forward: N, ...backward: N] } = {},
  ): BidirectionalResult<S, M, N> {
    const { initialState } = parseOptions(this.label, initialStateFields(this.#stateCount), call);
    const outputs = this.connect([x, ...initialState]);
    return (this.outputCount === 1 ? outputs[0] : outputs) as BidirectionalResult<S, M, N>;
  }
}

/**
 * Runs a recurrent layer in both directions over a sequence [B,T,features]. With masks or lengths the
 * backward direction starts at each row's own last valid step; the backward sequence is returned in
 * the order of the input.
 *
 * Parameters: `<name>/forward/...` and `<name>/backward/...`, each as the layer's own.
 *
 * @throws SluiceError INVALID_ARGUMENT or CONFIG for options that are wrong or do not fit together
 *
 * @example
 * layers.bidirectional({ layer: layers.gru({ units: 32, returnSequences: true }) });
 */
export function bidirectional<
  S extends boolean = false,
  const M extends MergeMode = 'concat',
  N extends RecurrentStates = RecurrentStates,
>(options: BidirectionalOptions<S, M, N>): BidirectionalLayer<S, M, N> {
  const { layer, backwardLayer, mergeMode, trainable, name } = parseOptions(
    'bidirectional',
    FIELDS,
    options,
  );
  if (backwardLayer) checkPair(layer, backwardLayer);
  return new BidirectionalLayer<S, M, N>(
    name,
    {
      layer: describe(layer),
      backwardLayer: backwardLayer ? describe(backwardLayer) : null,
      mergeMode,
      trainable,
    },
    layer.stateCount + (backwardLayer ?? layer).stateCount,
    layer.options.returnState === true,
  );
}

function describe(layer: RecurrentLayer): { [key: string]: Json } {
  return { kind: layer.kind, options: { ...layer.options } };
}

function checkPair(layer: RecurrentLayer, backwardLayer: RecurrentLayer): void {
  for (const option of ['returnSequences', 'returnState', 'stateful']) {
    if (layer.options[option] !== backwardLayer.options[option]) {
      throw conflict('bidirectional', `layer and backwardLayer differ in ${option}`, {
        option: 'backwardLayer',
        expected: `${option}: ${layer.options[option]}`,
        received: `${option}: ${backwardLayer.options[option]}`,
      });
    }
  }
  if (layer.options.goBackwards === backwardLayer.options.goBackwards) {
    throw conflict(
      'bidirectional',
      'backwardLayer walks in the same direction as layer: set goBackwards: true on backwardLayer',
      {
        option: 'backwardLayer',
        expected: `goBackwards: ${!layer.options.goBackwards}`,
        received: `goBackwards: ${backwardLayer.options.goBackwards}`,
      },
    );
  }
}
