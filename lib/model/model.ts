/// <reference lib="esnext.disposable" preserve="true" />
import type { Tensor } from '../tensor/tensor.js';
import { type CompileOptions, parseCompile } from '../training/compile.js';
import type { ModelData } from '../training/data.js';
import { type EvaluateOptions, evaluate } from '../training/evaluate.js';
import { fitModel, type History } from '../training/fit.js';
import type { FitOptions } from '../training/fitOptions.js';
import {
  type Gradients,
  type GradientsOptions,
  gradients,
  type InputGradients,
  type VjpOptions,
  vjp,
} from '../training/gradients.js';
import type { Logs } from '../training/logs.js';
import { type PredictOptions, predict } from '../training/predict.js';
import { type TrainOnBatchOptions, trainOnBatch } from '../training/step.js';
import type { ModelCore } from './core.js';
import {
  type ExplainOptions,
  type Explanation,
  explain,
  type MeasureOptions,
  measure,
} from './explain.js';
import { inForm, type ModelOutput } from './outputs.js';
import { save } from './save.js';
import { Session, type StreamOptions } from './session.js';
import { SessionPool, type SessionPoolOptions } from './sessionPool.js';
import { summary } from './summary.js';
import {
  getStates,
  getWeights,
  listWeights,
  resetStates,
  setStates,
  setTrainable,
  setWeights,
  type WeightInfo,
} from './weights.js';

export type { WeightInfo } from './weights.js';

type Floats = Tensor<'float32'>;

/**
 * A network with its weights; made by `sequential`, `model` and `load`.
 *
 * Calls that return a promise report everything by rejection. Data of up to 1 MiB a call is copied at
 * the call; larger tensors are read until the promise settles: do not write to them before. While
 * `fit` is under way `predict`, `evaluate`, `save`, `getWeights` and sessions see the weights of the
 * last finished step, all batches of a call those of the same one; a second training call, `setWeights`,
 * `compile` and `freeze` are refused with BUSY. A model with `stateful` layers does one call of `fit`,
 * `evaluate` and `predict` at a time, as each goes on from the states that the last one left. After
 * `dispose` everything is refused with DISPOSED.
 *
 * `O` is the form of results: a tensor, an array or a record, as `outputs` of the model.
 */
export class Model<O extends ModelOutput = Floats> {
  readonly #core: ModelCore;

  /** @internal */
  constructor(core: ModelCore) {
    this.#core = core;
  }

  /** For people. */
  get name(): string {
    return this.#core.name;
  }

  /** Drives initializers, shuffles and dropout. */
  get seed(): number {
    return this.#core.seed;
  }

  /** Names of the inputs in their order: the keys of records of data. */
  get inputNames(): string[] {
    return this.#core.inputs.map(({ name }) => name);
  }

  /** Names of the outputs in their order: the keys of records of targets, losses and metrics. */
  get outputNames(): string[] {
    return [...this.#core.outputNames.names];
  }

  /** The optimizer's learning rate; may be set while `fit` is under way. CONFIG before `compile`. */
  get learningRate(): number {
    return this.#core.learningRate;
  }

  set learningRate(value: number) {
    this.#core.learningRate = value;
  }

  /** Set to true, in a callback or anywhere else, to end `fit` after the current batch. */
  get stopTraining(): boolean {
    return this.#core.stopTraining;
  }

  set stopTraining(value: boolean) {
    this.#core.stopTraining = value;
  }

  /**
   * Chooses loss, optimizer and metrics and starts the optimizer afresh. The cross-entropies take
   * LOGITS: the last layer has no sigmoid or softmax.
   * @throws SluiceError INVALID_ARGUMENT, CONFIG, UNSUPPORTED or BUSY
   * @example
   * m.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] });
   */
  compile(options: CompileOptions): void {
    this.#core.requireIdle('compile');
    this.#core.compile(parseCompile(this.#core.outputs, this.#core.settings, options));
  }

  /**
   * Trains for a number of epochs.
   * @param x inputs [rows, ...]: a tensor, an array by position or a record by name
   * @param y targets [rows, ...] in the same way; class numbers [rows] or [rows, steps] for
   * sparseCategoricalCrossentropy; [rows] will do for an output [rows, 1]
   * @returns the history of loss, metrics and validation by epoch
   * @throws SluiceError SHAPE_MISMATCH, INVALID_ARGUMENT, CONFIG, BUSY, NON_FINITE naming epoch and batch,
   * OUT_OF_MEMORY; AbortError with the history so far. The weights stay at the last finished step.
   * @example
   * const { history } = await m.fit(x, y, { epochs: 10, batchSize: 32, validationSplit: 0.1 });
   * history.val_loss;
   */
  async fit(x: ModelData, y: ModelData, options?: FitOptions): Promise<History> {
    return this.#core.exclusively('fit', () => fitModel(this.#core, x, y, options));
  }

  /**
   * Does one update with all rows as one batch.
   * @returns loss and metrics before the update
   * @throws SluiceError as {@link Model.fit}
   */
  async trainOnBatch(x: ModelData, y: ModelData, options?: TrainOnBatchOptions): Promise<Logs> {
    return this.#core.exclusively('trainOnBatch', () => trainOnBatch(this.#core, x, y, options));
  }

  /**
   * Loss and metrics over all rows.
   * @throws SluiceError as {@link Model.fit}
   * @example
   * const { loss, mae } = await m.evaluate(xTest, yTest);
   */
  async evaluate(x: ModelData, y: ModelData, options?: EvaluateOptions): Promise<Logs> {
    return this.#core.writingStates('evaluate', () => evaluate(this.#core, x, y, options));
  }

  /**
   * The outputs for all rows, in the form of the model's `outputs`. No rows give no rows.
   * @throws SluiceError SHAPE_MISMATCH, INVALID_ARGUMENT, OUT_OF_MEMORY, UNSUPPORTED; AbortError
   * @example
   * const y = await m.predict(x, { lengths });
   */
  async predict(x: ModelData, options?: PredictOptions): Promise<O> {
    const outputs = await this.#core.writingStates('predict', () =>
      predict(this.#core, x, options),
    );
    return inForm(outputs, this.#core.outputNames) as O;
  }

  /**
   * The loss over all rows, penalties of regularizers included, and its gradients by the parameters and
   * the float32 inputs. Needs no `compile` if it is given a loss. `inputGradients` has the form of `x`.
   * @throws SluiceError as {@link Model.evaluate}, but no NON_FINITE
   * @example
   * const { loss, gradients } = await m.gradients(x, y, { loss: 'mse' });
   * gradients['gru/kernel'].shape;
   */
  async gradients(x: ModelData, y: ModelData, options?: GradientsOptions): Promise<Gradients> {
    this.#core.requireAlive('gradients');
    return gradients(this.#core, x, y, options);
  }

  /**
   * The vector-Jacobian product: the outputs and the gradients of Σ outputs · outputGradients, without
   * penalties of regularizers.
   * @param outputGradients shaped as the outputs
   * @throws SluiceError as {@link Model.predict}
   */
  async vjp(
    x: ModelData,
    outputGradients: ModelData,
    options?: VjpOptions,
  ): Promise<{ outputs: O; gradients: Record<string, Floats>; inputGradients: InputGradients }> {
    this.#core.requireAlive('vjp');
    const { outputs, ...rest } = await vjp(this.#core, x, outputGradients, options);
    return { outputs: inForm(outputs, this.#core.outputNames) as O, ...rest };
  }

  /**
   * A session that takes one step at a time and keeps the state.
   * @throws SluiceError UNSUPPORTED naming the layer that needs the whole sequence; SHAPE_MISMATCH for
   * a snapshot of another model
   */
  stream(options?: StreamOptions): Session<O> {
    this.#core.requireAlive('stream');
    return new Session<O>(this.#core, options);
  }

  /**
   * A pool of sessions that are stepped together, for models with one input and one output.
   * @throws SluiceError UNSUPPORTED naming the layer that needs the whole sequence, or `inputs` or `outputs`
   * where there is not one; OUT_OF_MEMORY where the machine has no room for `capacity` states
   */
  sessions(options: SessionPoolOptions): SessionPool {
    this.#core.requireAlive('sessions');
    return new SessionPool(this.#core, options);
  }

  /**
   * Writes the model to a file (whole or not at all) or returns the bytes: layers, weights, seed and
   * what it was compiled with, but not the optimizer's state.
   * @throws SluiceError INVALID_ARGUMENT; errors of the file system as Node throws them
   */
  async save(): Promise<Uint8Array>;
  async save(path: string): Promise<void>;
  async save(path?: string): Promise<unknown> {
    this.#core.requireAlive('save');
    return save(this.#core, path);
  }

  /** A table of layers, output shapes (`null` is unknown) and numbers of parameters. */
  summary(): string {
    this.#core.requireAlive('summary');
    return summary(this.#core);
  }

  /**
   * What runs, op by op: kernel, instruction set, threads and what they share out, operations and
   * bytes, the speed that it should have, and why nothing faster runs; as a string a table.
   * @throws SluiceError UNSUPPORTED with `strict` where something takes a slower path
   * @example
   * console.log(String(m.explain({ batch: 32, steps: 100 })));
   */
  explain(options?: ExplainOptions): Explanation {
    this.#core.requireAlive('explain');
    return explain(this.#core, options);
  }

  /**
   * What `explain` says, after timed runs on made-up data: a tenth of a second, or a few runs where
   * these take longer. Waits for training that is under way; weights and states stay as they are.
   * @throws SluiceError as {@link Model.explain}; AbortError
   * @example
   * console.log(String(await m.measure({ batch: 32, steps: 100, mode: 'train' })));
   */
  async measure(options?: MeasureOptions): Promise<Explanation> {
    this.#core.requireAlive('measure');
    return measure(this.#core, options);
  }

  /** The parameters, in the order of the layers. */
  get weights(): WeightInfo[] {
    this.#core.requireAlive('weights');
    return listWeights(this.#core);
  }

  /** Copies of all weights by name. */
  getWeights(): Record<string, Floats> {
    this.#core.requireAlive('getWeights');
    return getWeights(this.#core);
  }

  /**
   * Sets some or all weights by name; all of those given or, after an error, none.
   * @throws SluiceError INVALID_ARGUMENT for an unknown name, SHAPE_MISMATCH, BUSY
   * @example
   * m.setWeights({ 'gru/kernel': tensor(kernel, [10, 192]) });
   */
  setWeights(weights: Readonly<Record<string, Tensor>>): void {
    this.#core.requireIdle('setWeights');
    setWeights(this.#core, weights);
  }

  /**
   * Training leaves the weights of this layer as they are.
   * @throws SluiceError INVALID_ARGUMENT for an unknown layer, BUSY
   */
  freeze(layer: string): void {
    this.#core.requireIdle('freeze');
    setTrainable(this.#core, layer, false, 'freeze');
  }

  /** Undoes {@link Model.freeze}. */
  unfreeze(layer: string): void {
    this.#core.requireIdle('unfreeze');
    setTrainable(this.#core, layer, true, 'unfreeze');
  }

  /** The states that `stateful` layers keep, [rows, units] by name; empty before the first run. */
  getStates(): Record<string, Floats> {
    this.#core.requireAlive('getStates');
    return getStates(this.#core);
  }

  /**
   * Sets the states of `stateful` layers, as `getStates` returned them.
   * @throws SluiceError INVALID_ARGUMENT or SHAPE_MISMATCH for names or sizes that are not those of the
   * model; BUSY while a call is under way that writes the states
   */
  setStates(states: Readonly<Record<string, Floats>>): void {
    this.#core.requireStatesIdle('setStates');
    setStates(this.#core, states);
  }

  /**
   * Back to zero for all `stateful` layers; in callbacks of `fit` as well.
   * @param rows these rows of the batch alone, where new sequences begin; default all
   * @throws SluiceError INVALID_ARGUMENT for rows that the states do not have; BUSY while a call is under way
   * that writes them
   */
  resetStates(rows?: readonly number[] | Int32Array): void {
    this.#core.requireStatesIdle('resetStates');
    resetStates(this.#core, rows);
  }

  /**
   * Frees the memory: at once, or at the end of the runs that are under way. Without it the garbage
   * collector does so, later.
   */
  dispose(): void {
    this.#core.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
