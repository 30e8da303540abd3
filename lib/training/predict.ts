import { SluiceError } from '../errors.js';
import { integer, parseOptions, withDefault } from '../layers/options.js';
import { type Batch, native } from '../native.js';
import { Tensor } from '../tensor/tensor.js';
import { withSignal } from './abort.js';
import { BatchSource, deviceOfMany, runInOrder, scatter } from './batches.js';
import { type ModelData, ownUnlessOneBatch, type Rows } from './data.js';
import { DEFAULT_INFERENCE_BATCH } from './evaluate.js';
import { bindInputs, outputsFor } from './inputs.js';
import { CALL_FIELDS, type CallOptions, holdingWeights, runBatch, settingsOf } from './run.js';
import type { Trainable } from './trainable.js';

/** Options of `predict`. */
export interface PredictOptions extends CallOptions {
  /** Rows of one run; default 256. A row's result does not depend on it. */
  batchSize?: number;
}

const FIELDS = {
  ...CALL_FIELDS,
  batchSize: withDefault(integer(1), DEFAULT_INFERENCE_BATCH),
};

/** The outputs for all rows, in the order of the model's outputs. */
export async function predict(
  model: Trainable,
  x: ModelData,
  options: PredictOptions = {},
): Promise<Tensor<'float32'>[]> {
  const call = parseOptions('predict', FIELDS, options);
  const bound = bindInputs(model.inputs, x, call as PredictOptions);
  const rows = ownUnlessOneBatch(bound, call.batchSize);
  const settings = settingsOf(model, call);
  return withSignal(call.signal, async (cancel, check) => {
    const results: Tensor<'float32'>[] = [];
    await holdingWeights(model.engine, (weights) =>
      BatchSource.use(model.engine, rows, deviceOfMany(settings, rows, call.batchSize), (source) =>
        runInOrder(
          source,
          { from: 0, to: rows.count },
          call.batchSize,
          (batch) => runBatch(model, 'predict', batch, settings, { cancel, weights }),
          async (batch, _result, first) => {
            if (results.length === 0) results.push(...allocateOutputs(model, batch, rows.count));
            for (const [k, result] of results.entries()) {
              await scatter(batch, k, result.data, first);
            }
            check();
          },
        ),
      ),
    );
    return results.length > 0 ? results : emptyOutputs(model, rows);
  });
}

/** Bytes that are worth a look at how many there are. */
const LARGE = 1 << 28;

/** Tensors for all rows, with the shapes that a batch came out with. */
export function allocateOutputs(model: Trainable, batch: Batch, rows: number): Tensor<'float32'>[] {
  return model.outputs.map((output, k) => {
    const shape = [rows, ...batch.outputShape(k).slice(1)];
    const size = shape.reduce((product, extent) => product * extent, 1);
    const needed = size * Float32Array.BYTES_PER_ELEMENT;
    const refuse = (cause?: unknown) =>
      new SluiceError(
        'OUT_OF_MEMORY',
        `predict: output '${output.name}' needs ${needed} bytes for ${rows} rows`,
        { layer: output.node, received: `${needed} bytes` },
        { cause },
      );
    // The system grants memory that it does not have, and ends the process that writes to it.
    if (needed > LARGE && needed > native(() => model.engine.estimate('predict', 1, 1)).available) {
      throw refuse();
    }
    try {
      return new Tensor<'float32'>(new Float32Array(size), shape);
    } catch (cause) {
      throw refuse(cause);
    }
  });
}

/** No rows give no rows. */
function emptyOutputs(model: Trainable, rows: Rows): Tensor<'float32'>[] {
  return outputsFor(model, rows).map((output) => {
    const shape = output.shape.slice(1).map((extent) => extent ?? 0);
    return new Tensor<'float32'>(new Float32Array(0), [0, ...shape]);
  });
}
