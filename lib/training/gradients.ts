import { SluiceError } from '../errors.js';
import { boolean, custom, optional, parseOptions, withDefault } from '../layers/options.js';
import { type CancelToken, native, type RunResult, type Snapshot } from '../native.js';
import { Tensor } from '../tensor/tensor.js';
import { withSignal } from './abort.js';
import { BatchSource, scatter } from './batches.js';
import { type Compiled, type CompileOptions, compileSpec, parseCompile } from './compile.js';
import {
  type Column,
  checkRows,
  dataAs,
  isRecord,
  type ModelData,
  type Rows,
  shapeMismatch,
  tensorsByName,
} from './data.js';
import { bindLabelled } from './evaluate.js';
import { noRows } from './fitOptions.js';
import { bindInputs, outputsFor } from './inputs.js';
import { Sums } from './logs.js';
import { allocateOutputs } from './predict.js';
import {
  CALL_FIELDS,
  type CallOptions,
  holdingWeights,
  requireCompiled,
  runBatch,
  settingsOf,
  WEIGHT_FIELDS,
} from './run.js';
import type { WeightOptions } from './targets.js';
import type { Trainable } from './trainable.js';

type Floats = Tensor<'float32'>;

/** Gradients of the inputs in the form of `x`: a tensor, an array or a record; null: no gradient. */
export type InputGradients = Floats | (Floats | null)[] | Record<string, Floats | null> | null;

/** Options of `vjp`. */
export interface VjpOptions extends CallOptions {
  /** true: dropout and the like are active, as in `fit`; default false. */
  training?: boolean;
}

/** Options of `gradients`. */
export interface GradientsOptions extends VjpOptions, WeightOptions {
  /** Default: the loss of `compile`. */
  loss?: CompileOptions['loss'];
}

/** What `gradients` answers. */
export interface Gradients {
  loss: number;
  /** By parameter name, trainable parameters only, in the shapes of the parameters. */
  gradients: Record<string, Floats>;
  inputGradients: InputGradients;
}

const VJP_FIELDS = { ...CALL_FIELDS, training: withDefault(boolean(), false) };
const GRADIENTS_FIELDS = {
  ...VJP_FIELDS,
  ...WEIGHT_FIELDS,
  loss: optional(custom<unknown>('a loss', (value) => value)),
};

/** Gradients of the total loss over all rows. */
export async function gradients(
  model: Trainable,
  x: ModelData,
  y: ModelData,
  options: GradientsOptions = {},
): Promise<Gradients> {
  const call = parseOptions('gradients', GRADIENTS_FIELDS, options);
  const compiled =
    call.loss === undefined
      ? requireCompiled(model, 'gradients (or give it a loss)')
      : parseCompile(model.outputs, model.settings, {
          loss: call.loss as CompileOptions['loss'],
        });
  const rows = bindLabelled(model, compiled, x, y, call as GradientsOptions);
  if (rows.count === 0) throw noRows('gradients');
  const target = call.loss === undefined ? model : withLoss(model, compiled);
  try {
    const settings = settingsOf(model, call);
    const { training } = call;
    const shapes = parameterShapes(model);
    const run = async (source: BatchSource, weights: Snapshot, cancel: CancelToken | null) => {
      const batch = await source.fill(0, null, 0, rows.count);
      const options = { cancel, weights, training };
      const result = await runBatch(target, 'gradients', batch, settings, options);
      const sums = new Sums(compiled, model.outputs);
      sums.add(result.sums);
      return { loss: sums.logs().loss as number, ...named(model, shapes, x, rows, result) };
    };
    return await withSignal(call.signal, (cancel) =>
      holdingWeights(target.engine, (weights) =>
        BatchSource.use(target.engine, rows, null, (source) => run(source, weights, cancel)),
      ),
    );
  } finally {
    if (target !== model) target.engine.dispose();
  }
}

/** A copy compiled with another loss: the optimizer's state of the model is untouched. */
function withLoss(model: Trainable, compiled: Compiled): Pick<Trainable, 'engine' | 'seed'> {
  const engine = model.scratch();
  native(() => engine.compile(compileSpec(compiled)));
  return { engine, seed: model.seed };
}

/** The vector-Jacobian product: gradients of Σ outputs · outputGradients. */
export async function vjp(
  model: Trainable,
  x: ModelData,
  outputGradients: ModelData,
  options: VjpOptions = {},
): Promise<{
  outputs: Floats[];
  gradients: Record<string, Floats>;
  inputGradients: InputGradients;
}> {
  const call = parseOptions('vjp', VJP_FIELDS, options);
  const inputs = bindInputs(model.inputs, x, call as VjpOptions);
  if (inputs.count === 0) throw noRows('vjp');
  const rows = bindCotangents(model, inputs, outputGradients);
  const settings = settingsOf(model, call);
  const { training } = call;
  const shapes = parameterShapes(model);
  const run = async (source: BatchSource, weights: Snapshot, cancel: CancelToken | null) => {
    const batch = await source.fill(0, null, 0, rows.count);
    const result = await runBatch(model, 'vjp', batch, settings, { cancel, weights, training });
    const outputs = allocateOutputs(model, batch, rows.count);
    for (const [k, output] of outputs.entries()) await scatter(batch, k, output.data, 0);
    return { outputs, ...named(model, shapes, x, rows, result) };
  };
  return withSignal(call.signal, (cancel) =>
    holdingWeights(model.engine, (weights) =>
      BatchSource.use(model.engine, rows, null, (source) => run(source, weights, cancel)),
    ),
  );
}

function bindCotangents(model: Trainable, inputs: Rows, value: unknown): Rows {
  const names = model.outputs.map((output) => output.name);
  const tensors = tensorsByName(value, names, 'outputGradients');
  const ports = outputsFor(model, inputs);
  const columns = tensors.map((tensor, index): Column => {
    const expected = ports[index]?.shape.slice(1) ?? [];
    const shape = tensor.shape.slice(1);
    const fits = expected.every((extent, axis) => extent === null || extent === shape[axis]);
    if (shape.length !== expected.length || !fits) {
      const message = 'outputGradients have to be shaped as the output';
      throw shapeMismatch(names[index] ?? '', message, [inputs.count, ...expected], tensor.shape);
    }
    checkRows('outputGradients', tensor.shape[0] ?? 0, inputs.count);
    const data = dataAs(tensor, 'float32', 'outputGradients');
    return { slot: { role: 'cotangent', index, shape, dtype: 'float32' }, data };
  });
  return { count: inputs.count, columns: [...inputs.columns, ...columns] };
}

/** Asked for before the run: the model may be disposed while it goes on. */
function parameterShapes({ engine }: Trainable): Map<string, number[]> {
  return new Map(native(() => engine.parameters).map(({ name, shape }) => [name, shape]));
}

/** The raw answers as tensors, those of the inputs in the form of `x`. */
function named(
  model: Trainable,
  shapes: ReadonlyMap<string, number[]>,
  x: unknown,
  rows: Rows,
  result: RunResult,
) {
  const byName = Object.entries(result.gradients ?? {}).map(([name, data]) => [
    name,
    new Tensor<'float32'>(data, shapes.get(name) ?? [data.length]),
  ]);
  const ofInputs = model.inputs.map((_, index) => {
    const data = result.inputGradients?.[index];
    const column = rows.columns[index];
    if (!data || !column) return null;
    return new Tensor<'float32'>(data, [rows.count, ...column.slot.shape]);
  });
  return {
    gradients: Object.fromEntries(byName) as Record<string, Floats>,
    inputGradients: inFormOf(x, model, ofInputs),
  };
}

function inFormOf(x: unknown, model: Trainable, values: (Floats | null)[]): InputGradients {
  if (Array.isArray(x)) return values;
  if (isRecord(x)) {
    return Object.fromEntries(model.inputs.map(({ name }, i) => [name, values[i] ?? null]));
  }
  if (values.length !== 1) throw new SluiceError('INTERNAL', 'one tensor for several inputs');
  return values[0] ?? null;
}
