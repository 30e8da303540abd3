import { invalid, SluiceError, shapeText } from '../errors.js';
import { checkAlive, Tensor, tensor } from '../tensor/tensor.js';
import { type LayerWeights, SimpleLayer } from './layer.js';
import { boolean, custom, layerName, optional, parseOptions, withDefault } from './options.js';

/** One number for all features or one a feature. */
export type Statistic = number | readonly number[] | Tensor<'float32'>;

/** Options of {@link normalization}. */
export interface NormalizationOptions {
  /** Mean of the features; given together with `variance`, or neither: then use `adapt`. */
  mean?: Statistic;
  /** Variance of the features, >= 0. */
  variance?: Statistic;
  /** Undo the normalization instead: y = x * sqrt(variance) + mean. */
  invert?: boolean;
  name?: string;
}

const statistic = (least: number, expected: string) =>
  custom<Float32Array>(expected, (value, name, where) => {
    if (value instanceof Tensor) checkAlive(value, name, where);
    const list: unknown[] =
      value instanceof Tensor
        ? Array.from(value.data)
        : Array.isArray(value)
          ? Array.from(value)
          : [value];
    const isNumber = (item: unknown) => typeof item === 'number';
    const data = list.every(isNumber) ? Float32Array.from(list as number[]) : undefined;
    if (!data?.length || !data.every((item) => Number.isFinite(item) && item >= least)) {
      throw invalid(name, expected, value, where);
    }
    return data;
  });

const FIELDS = {
  mean: optional(statistic(Number.NEGATIVE_INFINITY, 'a finite number or one a feature')),
  variance: optional(statistic(0, 'a number >= 0 or one a feature')),
  invert: withDefault(boolean(), false),
  name: layerName(),
};

/** Below this a standard deviation counts as this, as in Keras. */
const EPSILON = 1e-7;

/** A normalization layer; made by {@link normalization}. */
export class NormalizationLayer extends SimpleLayer {
  #mean: Float32Array | undefined;
  #variance: Float32Array | undefined;

  /** @internal */
  constructor(
    name: string | undefined,
    invert: boolean,
    mean: Float32Array | undefined,
    variance: Float32Array | undefined,
  ) {
    super('normalization', name, { epsilon: EPSILON, invert, trainable: false });
    this.#mean = mean;
    this.#variance = variance;
  }

  /**
   * Computes mean and variance of each feature over all axes of `data` but the last, for models that
   * are built afterwards. Every value counts, padding too: pass data without it.
   * @param data [rows, features] or [rows, steps, features], float32
   * @throws SluiceError INVALID_ARGUMENT or SHAPE_MISMATCH for anything else, or for no rows; NON_FINITE
   * where a feature has no finite mean and variance
   */
  adapt(data: Tensor): this {
    if (!(data instanceof Tensor) || data.dtype === 'bool') {
      throw invalid('data', 'a float32 tensor', data, this.label, 'wrap it in tensor(...)');
    }
    checkAlive(data, 'data');
    const features = data.shape.at(-1) ?? 0;
    if (data.shape.length < 2 || data.size === 0) {
      throw new SluiceError(
        'SHAPE_MISMATCH',
        `${this.label}: adapt expects [rows, ..., features] with at least one row, received ${shapeText(data.shape)}`,
        {
          layer: this.label,
          option: 'data',
          expected: '[rows, ..., features]',
          received: shapeText(data.shape),
        },
      );
    }
    const [mean, variance] = moments(data.data, features);
    const bad = variance.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new SluiceError(
        'NON_FINITE',
        `${this.label}: adapt found mean ${mean[bad]} and variance ${variance[bad]} in feature ${bad}, expected finite numbers`,
        {
          layer: this.label,
          option: 'data',
          expected: 'finite mean and variance',
          received: `feature ${bad}`,
        },
      );
    }
    this.#mean = mean;
    this.#variance = variance;
    return this;
  }

  /** @internal */
  override presetWeights(shapes: Readonly<Record<string, readonly number[]>>): LayerWeights {
    if (!this.#mean || !this.#variance) return {};
    return {
      mean: this.#spread(this.#mean, shapes.mean ?? [], 'mean'),
      variance: this.#spread(this.#variance, shapes.variance ?? [], 'variance'),
    };
  }

  /** One number stands for all features. */
  #spread(values: Float32Array, shape: readonly number[], name: string): Tensor<'float32'> {
    const features = shape[0] ?? 0;
    if (values.length === 1) return tensor(new Float32Array(features).fill(values[0] ?? 0));
    if (values.length === features) return tensor(values.slice());
    throw new SluiceError(
      'SHAPE_MISMATCH',
      `${this.label}: ${name} has ${values.length} values, the input has ${features} features`,
      { layer: this.label, option: name, expected: `${features}`, received: `${values.length}` },
    );
  }
}

/** Mean and variance by two passes in double, which keeps them exact for data far from zero. */
function moments(data: Float32Array | Int32Array | Uint8Array, features: number) {
  const rows = data.length / features;
  const columns = (value: (x: number, feature: number) => number) => {
    const sums = new Float64Array(features);
    for (let start = 0; start < data.length; start += features) {
      for (let f = 0; f < features; f++) {
        sums[f] = (sums[f] ?? 0) + value(data[start + f] as number, f);
      }
    }
    return sums.map((sum) => sum / rows);
  };
  const mean = columns((x) => x);
  const variance = columns((x, f) => (x - (mean[f] as number)) ** 2);
  return [new Float32Array(mean), new Float32Array(variance)] as const;
}

/**
 * Shifts and scales each feature (the last axis) to mean 0 and variance 1. The statistics are given as
 * options or computed by `adapt`, in both cases before a model is built with the layer; they are saved
 * with it as `<name>/mean` and `/variance` and are not trained. Without either the layer starts with
 * mean 0 and variance 1 and passes its input on, until `model.setWeights` says otherwise.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * const scale = layers.normalization().adapt(xTrain);
 * const m = sequential([scale, layers.gru({ units: 64 })], { inputShape: [null, 10] });
 */
export function normalization(options: NormalizationOptions = {}): NormalizationLayer {
  const { mean, variance, invert, name } = parseOptions('normalization', FIELDS, options);
  if ((mean === undefined) !== (variance === undefined)) {
    const missing = mean === undefined ? 'mean' : 'variance';
    throw invalid(missing, 'mean and variance together or neither', undefined, 'normalization');
  }
  return new NormalizationLayer(name, invert, mean, variance);
}
