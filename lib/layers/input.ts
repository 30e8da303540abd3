import { invalid } from '../errors.js';
import type { Extents } from '../native.js';
import { Layer, type SymbolicTensor } from './layer.js';
import { custom, layerName, oneOf, parseOptions, withDefault } from './options.js';

/** Options of {@link input}. */
export interface InputOptions {
  /** Extents without the batch axis; `null` is unknown: `[null, 8]` is a sequence of any length. */
  shape: readonly (number | null)[];
  /** By this name data is handed in and parameters of messages are found; default: input, input_1... */
  name?: string;
  dtype?: 'float32' | 'int32';
}

/** An option that takes a shape without the batch axis. */
export function extents() {
  return custom<Extents>('an array of integers >= 1 or null', (value, name, where) => {
    const isExtent = (extent: unknown) =>
      extent === null || (Number.isSafeInteger(extent) && (extent as number) >= 1);
    // Array.from makes holes visible, which `every` passes over.
    if (!Array.isArray(value) || !Array.from(value).every(isExtent)) {
      throw invalid(
        name,
        'an array of integers >= 1 or null, without the batch axis',
        value,
        where,
        'for example [null, 8] for sequences of any length with 8 features',
      );
    }
    return [...value];
  });
}

const FIELDS = {
  shape: extents(),
  name: layerName(),
  dtype: withDefault(oneOf('float32', 'int32'), 'float32'),
};

class InputLayer extends Layer {
  override apply(): SymbolicTensor {
    throw invalid('the call', 'another layer', 'input', this.label, 'an input has no inputs');
  }

  /** The one use that an input layer has. */
  use(): SymbolicTensor {
    return this.connectOne([]);
  }
}

/**
 * An input of a graph.
 *
 * @example
 * const series = input({ shape: [null, 8], name: 'series' });
 * const station = input({ shape: [5], name: 'station' });
 */
export function input(options: InputOptions): SymbolicTensor {
  const { shape, name, dtype } = parseOptions('input', FIELDS, options);
  return new InputLayer('input', name, { shape, dtype }).use();
}
