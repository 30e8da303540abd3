import { invalid } from '../errors.js';
import { Layer, type LayerOptions, type SymbolicTensor } from './layer.js';
import { layerName, parseOptions } from './options.js';

/** A layer of several inputs and one output. */
export class MergingLayer extends Layer {
  readonly #most: number;

  /** @internal `most`: how many inputs it takes; at least two. */
  constructor(kind: string, name: string | undefined, options: LayerOptions, most = Infinity) {
    super(kind, name, options);
    this.#most = most;
  }

  /** @param inputs two or more values */
  override apply(inputs: readonly SymbolicTensor[]): SymbolicTensor {
    if (!Array.isArray(inputs) || inputs.length < 2 || inputs.length > this.#most) {
      const expected = `an array of ${this.#most === 2 ? 'two' : 'at least two'} values`;
      throw invalid('the input of apply', expected, inputs, this.label);
    }
    return this.connectOne(inputs);
  }
}

/** Options of layers that merge values element by element. */
export interface MergeOptions {
  name?: string;
}

const FIELDS = { name: layerName() };

function merging(kind: string, options: MergeOptions, most?: number): MergingLayer {
  const { name } = parseOptions(kind, FIELDS, options);
  return new MergingLayer(kind, name, {}, most);
}

/**
 * The sum of two or more values of one shape. A step is masked where one of the values masks it, and is
 * zero there; Keras masks it where all of them do. Source: keras.layers.Add.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option; the model SHAPE_MISMATCH for shapes that differ
 *
 * @example
 * const residual = layers.add().apply([x, layers.gru({ units: 8, returnSequences: true }).apply(x)]);
 */
export function add(options: MergeOptions = {}): MergingLayer {
  return merging('add', options);
}

/**
 * The first of two values less the second. Masks as {@link add}. Source: keras.layers.Subtract.
 *
 * @throws SluiceError as {@link add}
 *
 * @example
 * const change = layers.subtract().apply([now, before]);
 */
export function subtract(options: MergeOptions = {}): MergingLayer {
  return merging('subtract', options, 2);
}

/**
 * The product of two or more values, element by element. Masks as {@link add}. Source:
 * keras.layers.Multiply.
 *
 * @throws SluiceError as {@link add}
 *
 * @example
 * const gated = layers.multiply().apply([values, layers.dense({ units: 8, activation: 'sigmoid' }).apply(x)]);
 */
export function multiply(options: MergeOptions = {}): MergingLayer {
  return merging('multiply', options);
}

/**
 * The mean of two or more values. Masks as {@link add}. Source: keras.layers.Average.
 *
 * @throws SluiceError as {@link add}
 *
 * @example
 * const ensemble = layers.average().apply([first, second, third]);
 */
export function average(options: MergeOptions = {}): MergingLayer {
  return merging('average', options);
}

/**
 * The largest of two or more values, element by element; of equal ones the first gets the gradient.
 * Masks as {@link add}. Source: keras.layers.Maximum.
 *
 * @throws SluiceError as {@link add}
 *
 * @example
 * const highest = layers.maximum().apply([morning, evening]);
 */
export function maximum(options: MergeOptions = {}): MergingLayer {
  return merging('maximum', options);
}

/**
 * The smallest of two or more values, element by element; of equal ones the first gets the gradient.
 * Masks as {@link add}. Source: keras.layers.Minimum.
 *
 * @throws SluiceError as {@link add}
 *
 * @example
 * const lowest = layers.minimum().apply([morning, evening]);
 */
export function minimum(options: MergeOptions = {}): MergingLayer {
  return merging('minimum', options);
}
