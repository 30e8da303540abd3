import { invalid } from '../errors.js';
import type { Json } from '../native.js';
import { GruLayer } from './gru.js';
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

/** How the two directions are joined; 'none' gives both. */
export type MergeMode = 'concat' | 'sum' | 'ave' | 'mul' | 'none';

/** Options of {@link bidirectional}. */
export interface BidirectionalOptions<S extends boolean, M extends MergeMode> {
  /** The layer of the forward direction; with options for both unless `backwardLayer` is given. */
  layer: GruLayer<S>;
  /**
   * A layer with options of its own for the backward direction. It has to walk the other way
   * (`goBackwards` unlike `layer`) and to return the same kind of values.
   */
  backwardLayer?: GruLayer<S>;
  /** Default 'concat'. */
  mergeMode?: M;
  trainable?: boolean;
  name?: string;
}

const recurrentLayer = custom<GruLayer>('a recurrent layer', (value, name, where) => {
  if (value instanceof GruLayer) return value;
  throw invalid(name, 'a recurrent layer such as layers.gru({ units: 64 })', value, where);
});

const FIELDS = {
  layer: recurrentLayer,
  backwardLayer: optional(recurrentLayer),
  mergeMode: withDefault(oneOf('concat', 'sum', 'ave', 'mul', 'none'), 'concat'),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/** What `apply` takes beside the sequence; `connect` checks the states. */
const CALL_FIELDS = {
  initialState: withDefault(
    custom<unknown[]>('an array of two symbolic tensors', (value, name, where) => {
      if (Array.isArray(value) && value.length === 2) return value;
      throw invalid(name, 'an array of two symbolic tensors', value, where);
    }),
    [],
  ),
};

/** What `apply` returns: the merged output (both for 'none'), then the states with `returnState`. */
export type BidirectionalResult<S extends boolean, M extends MergeMode> = S extends true
  ? M extends 'none'
    ? [
        forward: SymbolicTensor,
        backward: SymbolicTensor,
        forwardState: SymbolicTensor,
        backwardState: SymbolicTensor,
      ]
    : [output: SymbolicTensor, forwardState: SymbolicTensor, backwardState: SymbolicTensor]
  : M extends 'none'
    ? [forward: SymbolicTensor, backward: SymbolicTensor]
    : SymbolicTensor;

/** A bidirectional layer; made by {@link bidirectional}. */
export class BidirectionalLayer<
  S extends boolean = boolean,
  M extends MergeMode = MergeMode,
> extends Layer {
  /** @internal */
  constructor(name: string | undefined, options: LayerOptions, returnState: boolean) {
    const outputs = (options.mergeMode === 'none' ? 2 : 1) + (returnState ? 2 : 0);
    super('bidirectional', name, options, outputs);
  }

  /**
   * @param x a sequence [B,T,features]
   * @param call `initialState`: the states before the first step of each direction, forward then
   * backward, [B,units] each; default zeros
   */
  override apply(
    x: SymbolicTensor,
    call: { initialState?: readonly [SymbolicTensor, SymbolicTensor] } = {},
  ): BidirectionalResult<S, M> {
    const { initialState } = parseOptions(this.label, CALL_FIELDS, call);
    const outputs = this.connect([x, ...initialState]);
    return (this.outputCount === 1 ? outputs[0] : outputs) as BidirectionalResult<S, M>;
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
export function bidirectional<S extends boolean = false, const M extends MergeMode = 'concat'>(
  options: BidirectionalOptions<S, M>,
): BidirectionalLayer<S, M> {
  const { layer, backwardLayer, mergeMode, trainable, name } = parseOptions(
    'bidirectional',
    FIELDS,
    options,
  );
  if (backwardLayer) checkPair(layer, backwardLayer);
  return new BidirectionalLayer<S, M>(
    name,
    {
      layer: describe(layer),
      backwardLayer: backwardLayer ? describe(backwardLayer) : null,
      mergeMode,
      trainable,
    },
    layer.options.returnState === true,
  );
}

function describe(layer: GruLayer): { [key: string]: Json } {
  return { kind: layer.kind, options: { ...layer.options } };
}

function checkPair(layer: GruLayer, backwardLayer: GruLayer): void {
  for (const option of ['returnSequences', 'returnState', 'stateful']) {
    if (layer.options[option] !== backwardLayer.options[option]) {
      throw conflict(
        'bidirectional',
        'backwardLayer',
        `layer and backwardLayer differ in ${option}`,
      );
    }
  }
  if (layer.options.goBackwards === backwardLayer.options.goBackwards) {
    throw conflict(
      'bidirectional',
      'backwardLayer',
      'backwardLayer walks in the same direction as layer: set goBackwards: true on backwardLayer',
    );
  }
}
