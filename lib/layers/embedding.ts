import type { ConstraintOption } from './constraints.js';
import type { InitializerOption } from './initializers.js';
import { SimpleLayer } from './layer.js';
import { boolean, integer, layerName, parseOptions, withDefault } from './options.js';
import type { RegularizerOption } from './regularizers.js';
import { weight } from './weights.js';

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** Number of different ids, which are from 0 to inputDim - 1; at least 1. */
  inputDim: number;
  /** Length of the vector of each id, at least 1. */
  outputDim: number;
  /** Default uniform: from -0.05 to 0.05, as in Keras. */
  embeddingsInitializer?: InitializerOption;
  /** A penalty that is added to the loss, of the whole table; default: none. */
  embeddingsRegularizer?: RegularizerOption;
  /** Applied to the whole table after each update; default: none. */
  embeddingsConstraint?: ConstraintOption;
  /**
   * The id 0 stands for padding: such steps are masked, for the layers behind, losses and metrics.
   * The input is then [B,T]. Default false.
   */
  maskZero?: boolean;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

const FIELDS = {
  inputDim: integer(1, 2 ** 31),
  outputDim: integer(1, 2 ** 30),
  ...weight('embeddings', 'uniform'),
  maskZero: withDefault(boolean(), false),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

const LATER = ['inputLength'];

/**
 * A vector for each id: int32 [B,T] (or [B,...]) becomes [B,T,outputDim]. The input is one of the
 * model's: `input({ shape, dtype: 'int32' })`, or the first of a `sequential`. An id that is not from 0
 * to inputDim - 1 is an INVALID_ARGUMENT of the call that brings it. A stream takes one id a step, as a
 * float, which is exact up to 2^24.
 *
 * Parameters: `<name>/embeddings` [inputDim, outputDim]. Source: keras.layers.Embedding.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; UNSUPPORTED for
 * one that a later release will have
 *
 * @example
 * sequential([layers.embedding({ inputDim: 5000, outputDim: 32, maskZero: true }), layers.gru({ units: 64 })], {
 *   inputShape: [null],
 * });
 */
export function embedding(options: EmbeddingOptions): SimpleLayer {
  const { name, ...described } = parseOptions('embedding', FIELDS, options, LATER);
  return new SimpleLayer('embedding', name, described, 'int32');
}
