import { invalid } from '../errors.js';
import { isSymbolic, Layer, type SymbolicTensor } from './layer.js';
import {
  boolean,
  integer,
  layerName,
  number,
  oneOf,
  optional,
  parseOptions,
  withDefault,
} from './options.js';
import type { RegularizerOption } from './regularizers.js';
import { ACTIVITY, BIAS, type BiasOptions, KERNEL, type KernelOptions } from './weights.js';

interface AttentionCommon {
  /** Probability with which a weight is left out in training, from 0 to below 1; default 0. */
  dropout?: number;
  /** true: no position of the query sees later ones of the value; default false. */
  useCausalMask?: boolean;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

/** Options of {@link attention}; the defaults are Keras'. */
export interface AttentionOptions extends AttentionCommon {
  /** Scale the scores by a number that is learned; default false. */
  useScale?: boolean;
  /** 'dot' (default): query · key. 'concat': the sum of tanh(query + key), times a number that is learned. */
  scoreMode?: 'dot' | 'concat';
}

/** Options of {@link additiveAttention}; the defaults are Keras'. */
export interface AdditiveAttentionOptions extends AttentionCommon {
  /** Weigh each feature by a number that is learned; default true. */
  useScale?: boolean;
}

/** Options of {@link multiHeadAttention}, the same for all four projections; the defaults are Keras'. */
export interface MultiHeadAttentionOptions extends AttentionCommon, KernelOptions, BiasOptions {
  /** At least 1. */
  numHeads: number;
  /** Size of a head's queries and keys, at least 1. */
  keyDim: number;
  /** Of its values; default: keyDim. */
  valueDim?: number;
  /**
   * Of what each projection gives, of query, key and value as well as of the output, as in Keras: divided
   * by the number of rows; masked steps do not count. Default: none.
   */
  activityRegularizer?: RegularizerOption;
}

/** An attention layer; made by {@link attention} and the like. */
export class AttentionLayer extends Layer {
  /**
   * @param inputs [query, value] or [query, value, key]: [B,Q,...], [B,V,...] and [B,V,...], the key
   * being the value where there is none; or one sequence, which attends to itself
   */
  override apply(inputs: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor {
    if (isSymbolic(inputs)) return this.connectOne([inputs, inputs]);
    if (!Array.isArray(inputs) || inputs.length < 2 || inputs.length > 3) {
      const expected = 'one sequence, [query, value] or [query, value, key]';
      throw invalid('the input of apply', expected, inputs, this.label);
    }
    return this.connectOne(inputs);
  }
}

const SIZE = integer(1, 2 ** 30);
const COMMON = {
  dropout: withDefault(number({ min: 0, below: 1 }), 0),
  useCausalMask: withDefault(boolean(), false),
  trainable: withDefault(boolean(), true),
  name: layerName(),
};
const FIELDS = {
  useScale: withDefault(boolean(), false),
  scoreMode: withDefault(oneOf('dot', 'concat'), 'dot'),
  ...COMMON,
};
const ADDITIVE = { useScale: withDefault(boolean(), true), ...COMMON };
const MULTI_HEAD = {
  numHeads: integer(1, 2 ** 20),
  keyDim: SIZE,
  valueDim: optional(SIZE),
  ...KERNEL,
  ...BIAS,
  ...ACTIVITY,
  ...COMMON,
};

const LATER = ['seed', 'dtype'];
const LATER_MULTI_HEAD = [...LATER, 'outputShape', 'attentionAxes', 'flashAttention'];

/**
 * Dot-product attention (Luong et al. 2015), Keras' Attention: query [B,Q,D], value [B,V,E], key [B,V,D]
 * -> [B,Q,E]. Each position of the query gets a mean of the values, weighed by
 * softmax(scale query · key) over the positions that it sees.
 *
 * Masks of value and key hide positions; a query that sees none gets zero (Keras: a mean of hidden values).
 * Masked queries get zero, and their mask goes on.
 *
 * Parameters, scalars that begin with 1: `<name>/scale` with useScale, `/concat_score_weight` with scoreMode
 * 'concat'.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; UNSUPPORTED for
 * one that a later release will have
 *
 * @example
 * const context = layers.attention().apply([decoded, encoded]);
 */
export function attention(options: AttentionOptions = {}): AttentionLayer {
  const { name, ...described } = parseOptions('attention', FIELDS, options, LATER);
  return new AttentionLayer('attention', name, described);
}

/**
 * Additive attention (Bahdanau et al. 2015), Keras' AdditiveAttention: as {@link attention}, with the scores
 * Σ_d scale_d tanh(query_d + key_d).
 *
 * Parameters: `<name>/scale` [features] with useScale, which begins as glorotUniform.
 *
 * @throws SluiceError as {@link attention}
 *
 * @example
 * const context = layers.additiveAttention().apply([decoded, encoded]);
 */
export function additiveAttention(options: AdditiveAttentionOptions = {}): AttentionLayer {
  const { name, ...described } = parseOptions('additiveAttention', ADDITIVE, options, LATER);
  return new AttentionLayer('additiveAttention', name, described);
}

/**
 * Attention of several heads (Vaswani et al. 2017), Keras' MultiHeadAttention: query [B,Q,D], value
 * [B,V,E], key [B,V,F] -> [B,Q,D]. Each head projects the three, scores by query · key / √keyDim, and takes
 * means of its values as {@link attention} does, masks included; what the heads have is projected to the
 * query's size.
 *
 * Parameters, in Keras' layout: `<name>/query/kernel` [D, numHeads, keyDim], `/query/bias` [numHeads, keyDim],
 * likewise `/key` and, with valueDim, `/value`; `/attention_output/kernel` [numHeads, valueDim, D], `/bias` [D].
 *
 * @throws SluiceError as {@link attention}
 *
 * @example
 * const y = layers.multiHeadAttention({ numHeads: 4, keyDim: 16, useCausalMask: true }).apply(x);
 */
export function multiHeadAttention(options: MultiHeadAttentionOptions): AttentionLayer {
  const { name, ...given } = parseOptions(
    'multiHeadAttention',
    MULTI_HEAD,
    options,
    LATER_MULTI_HEAD,
  );
  const described = { ...given, valueDim: given.valueDim ?? given.keyDim };
  return new AttentionLayer('multiHeadAttention', name, described);
}
