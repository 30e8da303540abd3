import { invalid } from '../errors.js';
import { type Field, number, oneOf, parseOptions, withDefault } from '../layers/options.js';
import type { LossSpec, WrittenGraph } from '../native.js';
import { type LossFunction, traceLoss, writtenGraph } from './written.js';

export type { LossFunction } from './written.js';

/**
 * Losses by name. The cross-entropies take LOGITS: the last layer has no activation, the loss applies
 * sigmoid or softmax itself, which is exact where a probability would have been rounded to 0 or 1.
 */
export type LossName =
  | 'mse'
  | 'meanSquaredError'
  | 'mae'
  | 'meanAbsoluteError'
  | 'huber'
  | 'binaryCrossentropy'
  | 'categoricalCrossentropy'
  | 'sparseCategoricalCrossentropy';

/** A loss with its numbers; made by {@link losses} or from a name. */
export interface Loss {
  readonly kind: LossSpec['kind'];
  /** Huber: where the loss turns from a square into a line. */
  readonly delta: number;
  /** Of a loss that was written as a function. */
  readonly graph?: WrittenGraph | undefined;
}

/**
 * A name, what {@link losses} made, or a function:
 * `(yTrue, yPred) => ops.log(ops.add(1, ops.square(ops.subtract(yPred, yTrue))))`.
 */
export type LossOption = LossName | Loss | LossFunction;

const KINDS: Record<LossName, LossSpec['kind']> = {
  mse: 'meanSquaredError',
  meanSquaredError: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  meanAbsoluteError: 'meanAbsoluteError',
  huber: 'huber',
  binaryCrossentropy: 'binaryCrossentropy',
  categoricalCrossentropy: 'categoricalCrossentropy',
  sparseCategoricalCrossentropy: 'sparseCategoricalCrossentropy',
};

const DELTA = { delta: withDefault(number({ above: 0 }), 1) };

/** Losses that have numbers of their own. */
export const losses = {
  /**
   * e²/2 near zero, a line beyond `delta` (default 1).
   *
   * @example
   * m.compile({ optimizer: 'adam', loss: losses.huber({ delta: 0.5 }) });
   */
  huber(options: { delta?: number } = {}): Loss {
    return { kind: 'huber', ...parseOptions('losses.huber', DELTA, options) };
  },
};

const EXPECTED = `one of ${Object.keys(KINDS).join(', ')}, losses.huber({ delta }), or a function of yTrue and yPred`;

/** Turns what the user gave into a loss. */
export function parseLoss(value: unknown, name: string): Loss {
  if (typeof value === 'string' && Object.hasOwn(KINDS, value)) {
    return { kind: KINDS[value as LossName], delta: 1 };
  }
  if (typeof value === 'function') {
    return { kind: 'custom', delta: 1, graph: traceLoss(value as LossFunction, name) };
  }
  if (value !== null && typeof value === 'object' && 'kind' in value) {
    const kind: Field<LossSpec['kind']> = oneOf(
      'meanSquaredError',
      'meanAbsoluteError',
      'huber',
      'binaryCrossentropy',
      'categoricalCrossentropy',
      'sparseCategoricalCrossentropy',
      'custom',
    );
    return parseOptions('compile', { kind, ...DELTA, graph: writtenGraph() }, value);
  }
  throw invalid(name, EXPECTED, value, 'compile');
}

/** Losses whose targets are class numbers, one less axis than the prediction. */
export function isSparse(loss: Loss): boolean {
  return loss.kind === 'sparseCategoricalCrossentropy';
}
