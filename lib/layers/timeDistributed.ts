import { invalid } from '../errors.js';
import { type InputDtype, Layer, type LayerWeights, type SymbolicTensor } from './layer.js';
import { boolean, custom, layerName, parseOptions, withDefault } from './options.js';

/** Options of {@link timeDistributed}. */
export interface TimeDistributedOptions {
  /**
   * Any layer with one input and one output, but for stateful ones and those that look at several rows
   * of the batch (batchNormalization). Its name is not used.
   */
  layer: Layer;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

const FIELDS = {
  layer: custom<Layer>('a layer', (value, name, where) => {
    if (value instanceof Layer && value.kind !== 'input' && value.outputCount === 1) return value;
    throw invalid(name, 'a layer of one output such as layers.dense({ units: 2 })', value, where);
  }),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/** A layer applied to each step; made by {@link timeDistributed}. */
export class TimeDistributedLayer extends Layer {
  readonly #layer: Layer;

  /** @internal */
  constructor(name: string | undefined, layer: Layer, trainable: boolean) {
    const { kind, options } = layer;
    super('timeDistributed', name, { layer: { kind, options: { ...options } }, trainable });
    this.#layer = layer;
  }

  override get inputDtype(): InputDtype {
    return this.#layer.inputDtype;
  }

  override presetWeights(shapes: Readonly<Record<string, readonly number[]>>): LayerWeights {
    return this.#layer.presetWeights(shapes);
  }

  /** @param x a sequence [B,T,...] */
  override apply(x: SymbolicTensor): SymbolicTensor {
    return this.connectOne([x]);
  }
}

/**
 * Applies a layer to each step of a sequence alone: [B,T,...] becomes [B,T,...] of what the layer makes
 * of [B,...], always with the same weights. The mask of the steps passes through; the layer itself sees
 * none. `dense`, `activation`, `dropout` and the like do so on their own.
 *
 * Parameters: `<name>/...`, those of the layer. Source: keras.layers.TimeDistributed.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option; the model UNSUPPORTED for a layer that cannot
 * be applied so
 *
 * @example
 * // A day of 24 hours a step: one vector a day, then over the days.
 * sequential([layers.timeDistributed({ layer: layers.gru({ units: 16 }) }), layers.gru({ units: 32 })], {
 *   inputShape: [null, 24, 8],
 * });
 */
export function timeDistributed(options: TimeDistributedOptions): TimeDistributedLayer {
  const { name, layer, trainable } = parseOptions('timeDistributed', FIELDS, options);
  return new TimeDistributedLayer(name, layer, trainable);
}
