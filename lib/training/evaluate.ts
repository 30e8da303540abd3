import { boolean, integer, parseOptions, withDefault } from '../layers/options.js';
import type { CancelToken } from '../native.js';
import { withSignal } from './abort.js';
import { BatchSource, deviceOfMany, type Range, runInOrder } from './batches.js';
import type { Compiled } from './compile.js';
import { type ModelData, ownUnlessOneBatch, type Rows } from './data.js';
import { bindInputs, outputsFor } from './inputs.js';
import { type Logs, Sums } from './logs.js';
import {
  CALL_FIELDS,
  type CallOptions,
  holdingWeights,
  requireCompiled,
  runBatch,
  settingsOf,
  WEIGHT_FIELDS,
} from './run.js';
import type { Settings } from './settings.js';
import { bindTargets, type WeightOptions } from './targets.js';
import type { Trainable } from './trainable.js';

/** Rows of a batch where nobody chose: large enough to fill the machine. Results do not depend on it. */
export const DEFAULT_INFERENCE_BATCH = 256;

/** Options of `evaluate`. */
export interface EvaluateOptions extends CallOptions, WeightOptions {
  /** Rows of one run; default 256. */
  batchSize?: number;
  /** true (default): reject with NON_FINITE when the loss is not finite. */
  terminateOnNaN?: boolean;
}

const FIELDS = {
  ...CALL_FIELDS,
  ...WEIGHT_FIELDS,
  batchSize: withDefault(integer(1), DEFAULT_INFERENCE_BATCH),
  terminateOnNaN: withDefault(boolean(), true),
};

/** Loss and metrics over all rows. */
export async function evaluate(
  model: Trainable,
  x: ModelData,
  y: ModelData,
  options: EvaluateOptions = {},
): Promise<Logs> {
  const call = parseOptions('evaluate', FIELDS, options);
  const compiled = requireCompiled(model, 'evaluate');
  const bound = bindLabelled(model, compiled, x, y, call as EvaluateOptions);
  const rows = ownUnlessOneBatch(bound, call.batchSize);
  const settings = settingsOf(model, call);
  return withSignal(call.signal, (cancel, check) =>
    BatchSource.use(model.engine, rows, deviceOfMany(settings, rows, call.batchSize), (source) =>
      evaluateRange(model, compiled, source, {
        range: { from: 0, to: rows.count },
        batchSize: call.batchSize,
        settings,
        requireFinite: call.terminateOnNaN,
        cancel,
        check,
      }),
    ),
  );
}

/** Inputs, targets and weights as columns. */
export function bindLabelled(
  model: Trainable,
  compiled: Compiled,
  x: unknown,
  y: unknown,
  options: CallOptions & WeightOptions,
): Rows {
  const inputs = bindInputs(model.inputs, x, options);
  const losses = compiled.outputs.map((output) => output.loss);
  return bindTargets(inputs, outputsFor(model, inputs), losses, y, options);
}

/** What `evaluateRange` needs beyond model and data. */
export interface EvaluateRun {
  range: Range;
  batchSize: number;
  settings: Settings;
  requireFinite: boolean;
  cancel: CancelToken | null;
  /** Throws where a signal was aborted. */
  check: () => void;
}

/** Loss and metrics over a range of rows. */
export async function evaluateRange(
  model: Trainable,
  compiled: Compiled,
  source: BatchSource,
  { range, batchSize, settings, requireFinite, cancel, check }: EvaluateRun,
): Promise<Logs> {
  const sums = new Sums(compiled, model.outputs);
  await holdingWeights(model.engine, (weights) =>
    runInOrder(
      source,
      range,
      batchSize,
      (batch) => runBatch(model, 'evaluate', batch, settings, { cancel, weights, requireFinite }),
      (_batch, result) => {
        sums.add(result.sums);
        check();
      },
    ),
  );
  return sums.logs();
}
