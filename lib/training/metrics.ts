import { invalid, SluiceError } from '../errors.js';
import { number, oneOf, parseOptions, text, withDefault } from '../layers/options.js';
import type { LossSpec, MetricSpec, WrittenGraph } from '../native.js';
import { type LossFunction, traceLoss, writtenGraph } from './written.js';

/**
 * Metrics by name; the name is also the key in logs and in the history. 'accuracy' is the one that
 * belongs to the loss. 'binaryAccuracy' compares logits with 0; for probabilities use
 * `metrics.binaryAccuracy({ threshold: 0.5 })`.
 */
export type MetricName =
  | 'mse'
  | 'meanSquaredError'
  | 'mae'
  | 'meanAbsoluteError'
  | 'accuracy'
  | 'binaryAccuracy'
  | 'categoricalAccuracy'
  | 'sparseCategoricalAccuracy';

/** A metric with its numbers and its key in logs. */
export interface Metric {
  readonly name: string;
  readonly kind: MetricSpec['kind'];
  readonly threshold: number;
  /** Of a metric that was written as a function. */
  readonly graph?: WrittenGraph | undefined;
}

/** A name, what {@link metrics} made, or a function, whose name is then the key in logs. */
export type MetricOption = MetricName | Metric | LossFunction;

const KINDS: Record<Exclude<MetricName, 'accuracy'>, MetricSpec['kind']> = {
  mse: 'meanSquaredError',
  meanSquaredError: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  meanAbsoluteError: 'meanAbsoluteError',
  binaryAccuracy: 'binaryAccuracy',
  categoricalAccuracy: 'categoricalAccuracy',
  sparseCategoricalAccuracy: 'sparseCategoricalAccuracy',
};

const BINARY = {
  threshold: withDefault(number(), 0),
  name: withDefault(text(), 'binaryAccuracy'),
};

const FULL = {
  name: text(),
  kind: oneOf(
    'meanSquaredError',
    'meanAbsoluteError',
    'binaryAccuracy',
    'categoricalAccuracy',
    'sparseCategoricalAccuracy',
    'custom',
  ),
  threshold: withDefault(number(), 0),
  graph: writtenGraph(),
};

/** Metrics that have numbers of their own. */
export const metrics = {
  /**
   * Share of predictions on the right side of `threshold`: 0 (default) for logits, 0.5 for
   * probabilities.
   *
   * @example
   * m.compile({ loss: 'mse', metrics: [metrics.binaryAccuracy({ threshold: 0.5 })] });
   */
  binaryAccuracy(options: { threshold?: number; name?: string } = {}): Metric {
    return { kind: 'binaryAccuracy', ...parseOptions('metrics.binaryAccuracy', BINARY, options) };
  },
};

const EXPECTED = `one of accuracy, ${Object.keys(KINDS).join(', ')}, metrics.binaryAccuracy({ threshold }), or a function of yTrue and yPred`;

/** Turns what the user gave into a metric; `loss` decides what 'accuracy' is. */
export function parseMetric(value: unknown, loss: LossSpec['kind'], output: string): Metric {
  if (value === 'accuracy')
    return { name: 'accuracy', kind: accuracyOf(loss, output), threshold: 0 };
  if (typeof value === 'string' && Object.hasOwn(KINDS, value)) {
    return { name: value, kind: KINDS[value as keyof typeof KINDS], threshold: 0 };
  }
  if (typeof value === 'function') {
    const graph = traceLoss(value as LossFunction, 'metrics');
    return { name: value.name || 'custom', kind: 'custom', threshold: 0, graph };
  }
  if (value !== null && typeof value === 'object' && 'kind' in value) {
    return parseOptions('compile', FULL, value);
  }
  throw invalid('metrics', EXPECTED, value, 'compile');
}

function accuracyOf(loss: LossSpec['kind'], output: string): MetricSpec['kind'] {
  if (loss === 'binaryCrossentropy') return 'binaryAccuracy';
  if (loss === 'categoricalCrossentropy') return 'categoricalAccuracy';
  if (loss === 'sparseCategoricalCrossentropy') return 'sparseCategoricalAccuracy';
  throw new SluiceError(
    'CONFIG',
    `compile: 'accuracy' does not follow from the loss ${loss} of output '${output}'; ` +
      'name binaryAccuracy, categoricalAccuracy or sparseCategoricalAccuracy',
    { option: 'metrics', received: 'accuracy' },
  );
}
