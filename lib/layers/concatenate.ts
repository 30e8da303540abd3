import { invalid } from '../errors.js';
import { Layer, type SymbolicTensor } from './layer.js';
import { integer, layerName, parseOptions, withDefault } from './options.js';

/** Options of {@link concatenate}. */
export interface ConcatenateOptions {
  /** The axis along which values are joined, counted with the batch axis; default -1, the last one. */
  axis?: number;
  name?: string;
}

const FIELDS = { axis: withDefault(integer(-8, 7), -1), name: layerName() };

/** Joins values; made by {@link concatenate}. */
export class ConcatenateLayer extends Layer {
  /** @param inputs two or more values of the same shape but for the joined axis */
  override apply(inputs: readonly SymbolicTensor[]): SymbolicTensor {
    if (!Array.isArray(inputs) || inputs.length < 2) {
      throw invalid('the input of apply', 'an array of at least two values', inputs, this.label);
    }
    return this.connectOne(inputs);
  }
}

/**
 * Joins several values along one axis.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * const both = layers.concatenate().apply([summary, station]);
 */
export function concatenate(options: ConcatenateOptions = {}): ConcatenateLayer {
  const { name, axis } = parseOptions('concatenate', FIELDS, options);
  return new ConcatenateLayer('concatenate', name, { axis });
}
