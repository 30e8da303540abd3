import { invalid } from '../../errors.js';
import { type ConstraintOption, constraint } from '../constraints.js';
import { type InitializerOption, initializer } from '../initializers.js';
import type { SymbolicTensor } from '../layer.js';
import { boolean, custom, layerName, parseOptions, withDefault } from '../options.js';
import { type RegularizerOption, regularizer } from '../regularizers.js';
import { operation } from './operation.js';

/** Options of {@link weight}. */
export interface WeightNodeOptions {
  /** Up to 6 extents, integers >= 1; `[]` is a single number. There is no batch axis. */
  shape: readonly number[];
  /** The weight is `<name>/value`; default weight, weight_1... */
  name?: string;
  /** Default glorotUniform, as for kernels. */
  initializer?: InitializerOption;
  /** Default: none. */
  regularizer?: RegularizerOption;
  /** Applied after each update; default: none. */
  constraint?: ConstraintOption;
  /** false: training leaves it as it is. */
  trainable?: boolean;
}

const EXPECTED = 'an array of up to 6 integers >= 1';

const FIELDS = {
  shape: custom<number[]>(EXPECTED, (value, name, where) => {
    const extents = Array.isArray(value) ? Array.from(value) : [0];
    if (extents.length <= 6 && extents.every((n) => Number.isSafeInteger(n) && n >= 1)) {
      return extents;
    }
    throw invalid(name, EXPECTED, value, where);
  }),
  name: layerName(),
  initializer: initializer('glorotUniform'),
  regularizer: regularizer(),
  constraint: constraint(),
  trainable: withDefault(boolean(), true),
};

/**
 * A weight of the user's own, which training updates and a model file carries. It has no batch axis: it
 * is an operand of `ops` alone, not an input of a layer. Used in several places it is one weight.
 *
 * @throws SluiceError INVALID_ARGUMENT for a wrong option
 *
 * @example
 * const kernel = ops.weight({ name: 'gate', shape: [8, 4] });
 * const gate = ops.sigmoid(ops.matmul(x, kernel));
 */
export function weight(options: WeightNodeOptions): SymbolicTensor {
  const parsed = parseOptions('ops.weight', FIELDS, options);
  return operation(
    'weight',
    'weight',
    [],
    {
      shape: parsed.shape,
      valueInitializer: parsed.initializer,
      valueRegularizer: parsed.regularizer,
      valueConstraint: parsed.constraint,
      trainable: parsed.trainable,
    },
    parsed.name,
  );
}
