import { invalid, SluiceError, unknownName } from '../errors.js';
import { custom, number, optional, parseOptions, withDefault } from '../layers/options.js';
import type { CompileSpec } from '../native.js';
import { isRecord } from './data.js';
import { isSparse, type Loss, type LossOption, parseLoss } from './losses.js';
import { type Metric, type MetricOption, parseMetric } from './metrics.js';
import { type Optimizer, type OptimizerOption, parseOptimizer } from './optimizers.js';
import type { OutputPort } from './ports.js';
import { mergeSettings, type RunSettings, SETTINGS, type Settings } from './settings.js';

/** Options of `model.compile`. */
export interface CompileOptions extends RunSettings {
  /** Default 'rmsprop', as in Keras. */
  optimizer?: OptimizerOption;
  /**
   * One loss for all outputs, or one an output: an array in their order or a record by output name.
   * The cross-entropies take LOGITS: no sigmoid or softmax before them. A function of targets and
   * predictions, made of `ops`, is a loss of one's own.
   */
  loss: LossOption | readonly LossOption[] | Readonly<Record<string, LossOption>>;
  /** Weights of the outputs' losses in the total; default 1. */
  lossWeights?: readonly number[] | Readonly<Record<string, number>>;
  /** For all outputs, or per output: an array of arrays or a record by output name. */
  metrics?:
    | readonly MetricOption[]
    | readonly (readonly MetricOption[])[]
    | Readonly<Record<string, readonly MetricOption[]>>;
}

/** A compiled model's losses, metrics and optimizer. */
export interface Compiled {
  readonly outputs: readonly {
    readonly loss: Loss;
    readonly weight: number;
    readonly metrics: readonly Metric[];
  }[];
  readonly optimizer: Optimizer;
  readonly settings: Settings;
}

const FIELDS = {
  ...SETTINGS,
  optimizer: withDefault(custom('an optimizer', parseOptimizer), undefined),
  loss: custom<unknown>('a loss', (value, name, where) => {
    if (value === undefined) throw invalid(name, "a loss such as 'mse'", value, where);
    return value;
  }),
  lossWeights: optional(custom<unknown>('numbers', (value) => value)),
  metrics: optional(custom<unknown>('metrics', (value) => value)),
};

/** Checks the options of `compile` for a model with these outputs, which has these settings so far. */
export function parseCompile(
  outputs: readonly OutputPort[],
  settings: Settings,
  options: CompileOptions,
): Compiled {
  const parsed = parseOptions('compile', FIELDS, options);
  const names = outputs.map((output) => output.name);
  const losses = lossPerOutput(parsed.loss, names).map((loss, i) =>
    parseLoss(loss, names.length > 1 ? `the loss of output '${names[i]}'` : 'loss'),
  );
  const weights =
    parsed.lossWeights === undefined ? [] : perOutput(parsed.lossWeights, names, 'lossWeights');
  const metrics = metricsPerOutput(parsed.metrics === undefined ? [] : parsed.metrics, names);
  losses.forEach((loss, i) => {
    checkLoss(loss, outputs[i] as OutputPort);
  });
  return {
    outputs: losses.map((loss, i) => ({
      loss,
      weight: lossWeight(weights[i]),
      metrics: parseMetrics(metrics[i] ?? [], loss, names[i] ?? ''),
    })),
    optimizer: parsed.optimizer ?? parseOptimizer('rmsprop'),
    settings: mergeSettings(settings, parsed),
  };
}

/** As the addon takes it. */
export function compileSpec(compiled: Compiled): CompileSpec {
  return {
    losses: compiled.outputs.map(({ loss: { kind, delta, graph = null }, weight }) => ({
      kind,
      delta,
      weight,
      graph,
    })),
    metrics: compiled.outputs.map((output) =>
      output.metrics.map(({ kind, threshold, graph = null }) => ({ kind, threshold, graph })),
    ),
    optimizer: { ...compiled.optimizer },
  };
}

/** A single loss is that of all outputs. */
function lossPerOutput(value: unknown, names: readonly string[]): unknown[] {
  return typeof value === 'string' || typeof value === 'function' || isLoss(value, names)
    ? names.map(() => value)
    : perOutput(value, names, 'loss');
}

/** An output may be named 'kind', so that a record by output name has this member too. */
function isLoss(value: unknown, names: readonly string[]): boolean {
  if (value === null || typeof value !== 'object' || !('kind' in value)) return false;
  return !Object.keys(value).every((name) => names.includes(name));
}

/** One value an output: from an array, a record by name, or a single value for a single output. */
function perOutput(value: unknown, names: readonly string[], option: string): unknown[] {
  if (isRecord(value)) return fromRecord(value, names, option);
  const list: unknown[] = Array.isArray(value) ? Array.from(value) : [value];
  if (list.length !== names.length) {
    throw invalid(
      option,
      `one entry for each of the outputs ${names.join(', ')}`,
      value,
      'compile',
    );
  }
  return list;
}

function fromRecord(
  record: Record<string, unknown>,
  names: readonly string[],
  option: string,
): unknown[] {
  for (const name of Object.keys(record)) {
    if (!names.includes(name)) throw unknownName(`output in ${option}`, name, names, 'compile');
  }
  return names.map((name) => (Object.hasOwn(record, name) ? record[name] : undefined));
}

function metricsPerOutput(value: unknown, names: readonly string[]): (readonly unknown[])[] {
  if (Array.isArray(value)) {
    const nested = value.length > 0 && value.every((item) => Array.isArray(item));
    if (nested) return perOutput(value, names, 'metrics') as unknown[][];
    return names.map(() => value);
  }
  if (isRecord(value)) {
    return fromRecord(value, names, 'metrics').map((list) => {
      if (list === undefined) return [];
      return Array.isArray(list) ? list : [list];
    });
  }
  throw invalid('metrics', 'an array of metrics', value, 'compile');
}

function lossWeight(value: unknown): number {
  return value === undefined ? 1 : number({ min: 0 }).parse(value, 'lossWeights', 'compile');
}

function parseMetrics(list: readonly unknown[], loss: Loss, output: string): Metric[] {
  const metrics = list.map((metric) => parseMetric(metric, loss.kind, output));
  // Both read the same targets: class numbers or one value for each value of the output.
  const other = metrics.find(
    ({ kind }) => (kind === 'sparseCategoricalAccuracy') !== isSparse(loss),
  );
  if (other) {
    const targets = isSparse(loss) ? 'class numbers' : 'targets shaped as the output';
    throw new SluiceError(
      'CONFIG',
      `compile: ${other.kind} cannot be measured on output '${output}': its loss ${loss.kind} takes ${targets}`,
      { option: 'metrics', received: other.kind },
    );
  }
  const names = metrics.map((metric) => metric.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw invalid('metrics', 'each metric once', twice, 'compile');
  return metrics;
}

function checkLoss(loss: Loss, output: OutputPort): void {
  const classes = output.shape.at(-1) ?? 0;
  if (/ategorical/.test(loss.kind) && classes < 2) {
    throw new SluiceError(
      'CONFIG',
      `compile: ${loss.kind} needs at least two classes, output '${output.name}' has ${classes} ` +
        '(for two classes in one logit use binaryCrossentropy)',
      { layer: output.node, option: 'loss', expected: '>= 2 classes', received: String(classes) },
    );
  }
  // Nearly always a mistake, as other libraries' cross-entropies take probabilities by default; the
  // model still trains, badly, so that nobody would notice.
  const applied = loss.kind === 'binaryCrossentropy' ? /sigmoid$/i : /softmax/;
  if (/rossentropy$/.test(loss.kind) && applied.test(output.activation ?? '')) {
    process.emitWarning(
      `${loss.kind} takes logits, but output '${output.name}' ends in ${output.activation}: ` +
        `remove that ${output.activation}`,
      'SluiceWarning',
    );
  }
}
