import { invalid } from '../errors.js';
import { GAIN_AND_SHIFT, type GainAndShiftOptions } from './gainAndShift.js';
import { SimpleLayer } from './layer.js';
import { boolean, custom, layerName, number, parseOptions, withDefault } from './options.js';

/** Options of {@link layerNormalization}. */
export interface LayerNormalizationOptions extends GainAndShiftOptions {
  /**
   * The axis or axes that are normalized together, whose extents must be known: 1 is the first behind the
   * batch, a negative one counts from the last; default -1.
   */
  axis?: number | readonly number[];
  /** Added to the variance, from 0 to 1; default 0.001 as in Keras (PyTorch: 0.00001). */
  epsilon?: number;
  /** false: training leaves the weights as they are. */
  trainable?: boolean;
  name?: string;
}

const EXPECTED = 'an integer from -6 to 5, or an array of such integers, each once';

const FIELDS = {
  axis: withDefault(
    custom<number[]>(EXPECTED, (value, name, where) => {
      const axes: unknown[] = Array.isArray(value) ? Array.from(value) : [value];
      const isAxis = (n: unknown) =>
        Number.isSafeInteger(n) && (n as number) >= -6 && (n as number) <= 5;
      if (axes.length === 0 || !axes.every(isAxis) || new Set(axes).size < axes.length) {
        throw invalid(name, EXPECTED, value, where);
      }
      return axes as number[];
    }),
    [-1] as number[],
  ),
  epsilon: withDefault(number({ min: 0, max: 1 }), 1e-3),
  ...GAIN_AND_SHIFT,
  trainable: withDefault(boolean(), true),
  name: layerName(),
};

/**
 * gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and the variance over `axis` (the
 * features), for each position of the others: the same while training and after it, whatever the batch.
 * Masks do not matter, as in Keras: where the steps are among the axes, masked ones count as what they hold,
 * and the layer cannot be stepped in a stream. Over the last axes it is fastest.
 *
 * Parameters: `<name>/gamma`, `/beta`, of the extents along `axis` in the order of the input's: [features].
 * Source: keras.layers.LayerNormalization.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range; the model UNSUPPORTED for
 * the axis of the batch, CONFIG for one that its input does not have, SHAPE_MISMATCH for an unknown extent
 *
 * @example
 * layers.layerNormalization();
 * layers.layerNormalization({ axis: [-2, -1] });
 */
export function layerNormalization(options: LayerNormalizationOptions = {}): SimpleLayer {
  const { name, ...described } = parseOptions('layerNormalization', FIELDS, options);
  return new SimpleLayer('layerNormalization', name, described);
}
