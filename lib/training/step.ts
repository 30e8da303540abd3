import { parseOptions } from '../layers/options.js';
import { withSignal } from './abort.js';
import { BatchSource } from './batches.js';
import type { ModelData } from './data.js';
import { bindLabelled } from './evaluate.js';
import { noRows } from './fitOptions.js';
import { type Logs, Sums } from './logs.js';
import {
  CALL_FIELDS,
  type CallOptions,
  requireCompiled,
  settingsOf,
  updateOn,
  WEIGHT_FIELDS,
} from './run.js';
import type { WeightOptions } from './targets.js';
import type { Trainable } from './trainable.js';

/** Options of `trainOnBatch`. */
export interface TrainOnBatchOptions extends CallOptions, WeightOptions {}

const FIELDS = { ...CALL_FIELDS, ...WEIGHT_FIELDS };

/** One update with all rows as one batch. */
export async function trainOnBatch(
  model: Trainable,
  x: ModelData,
  y: ModelData,
  options: TrainOnBatchOptions = {},
): Promise<Logs> {
  const call = parseOptions('trainOnBatch', FIELDS, options);
  const compiled = requireCompiled(model, 'trainOnBatch');
  const rows = bindLabelled(model, compiled, x, y, call as TrainOnBatchOptions);
  if (rows.count === 0) throw noRows('trainOnBatch');
  const settings = settingsOf(model, call);
  return withSignal(call.signal, (cancel, check) =>
    BatchSource.use(model.engine, rows, null, async (source) => {
      const batch = await source.fill(0, null, 0, rows.count);
      check();
      const { sums } = await updateOn(model, batch, settings, { cancel, requireFinite: true });
      const total = new Sums(compiled, model.outputs);
      total.add(sums);
      return total.logs();
    }),
  );
}
