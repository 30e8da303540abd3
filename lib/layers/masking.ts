import { SimpleLayer } from './layer.js';
import { layerName, number, parseOptions, withDefault } from './options.js';

/** Options of {@link masking}. */
export interface MaskingOptions {
  /** A step is left out where all of its features equal this value; default 0. */
  maskValue?: number;
  name?: string;
}

const MOST = 3.4028234663852886e38; // of float32

const FIELDS = {
  maskValue: withDefault(number({ min: -MOST, max: MOST }), 0),
  name: layerName(),
};

/**
 * Masks the steps of a sequence [B,T,...] whose features all equal `maskValue`, as float32; the layers
 * behind, losses and metrics leave them out. Steps that a mask or lengths of the data leave out stay
 * left out. What a masked step holds becomes zero.
 *
 * Source: keras.layers.Masking.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * sequential([layers.masking({ maskValue: -1 }), layers.gru({ units: 64 })], { inputShape: [null, 8] });
 */
export function masking(options: MaskingOptions = {}): SimpleLayer {
  const { name, maskValue } = parseOptions('masking', FIELDS, options);
  return new SimpleLayer('masking', name, { maskValue });
}
