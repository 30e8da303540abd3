import { SimpleLayer } from './layer.js';
import { layerName, number, parseOptions } from './options.js';

/** Options of {@link dropout}. */
export interface DropoutOptions {
  /** Probability that a value becomes zero, from 0 to below 1. */
  rate: number;
  name?: string;
}

const FIELDS = { rate: number({ min: 0, below: 1 }), name: layerName() };

const LATER = ['seed', 'noiseShape'];

/**
 * Sets values to zero at random while training and scales the others by 1 / (1 - rate); outside of
 * training it passes its input on. Which values are hit follows from the model's seed, the layer's
 * name and the number of updates done, not from threads or the split into micro-batches.
 *
 * @throws SluiceError INVALID_ARGUMENT for a rate out of range; UNSUPPORTED for options of a later
 * release
 *
 * @example
 * layers.dropout({ rate: 0.2 });
 */
export function dropout(options: DropoutOptions): SimpleLayer {
  const { name, rate } = parseOptions('dropout', FIELDS, options, LATER);
  return new SimpleLayer('dropout', name, { rate });
}
