import { AbortError, type History, SluiceError } from '../errors.js';
import { type CancelToken, type NativeModel, native } from '../native.js';
import { withSignal } from './abort.js';
import { BatchSource, quiet, type Range } from './batches.js';
import { CallbackList, type TrainingModel } from './callbacks/callback.js';
import type { Compiled } from './compile.js';
import type { ModelData } from './data.js';
import type { Device } from './device.js';
import { DEFAULT_INFERENCE_BATCH, evaluateRange } from './evaluate.js';
import { bindFit, type FitData } from './fitData.js';
import { type FitOptions, type ParsedFitOptions, parseFitOptions } from './fitOptions.js';
import { type Logs, Sums, validationLogs } from './logs.js';
import { openProgress, type Progress } from './progress.js';
import { requireCompiled, settingsOf, updateOn } from './run.js';
import type { Settings } from './settings.js';
import { permutation } from './shuffle.js';
import type { Trainable } from './trainable.js';

export type { History } from '../errors.js';

/** Trains for `epochs` epochs; see `Model.fit`. */
export async function fitModel(
  model: Trainable,
  x: ModelData,
  y: ModelData,
  options: FitOptions = {},
): Promise<History> {
  const parsed = parseFitOptions(options);
  const compiled = requireCompiled(model, 'fit');
  const history: History = { epoch: [], history: {} };
  try {
    return await withSignal(parsed.signal, async (cancel, check) => {
      const data = bindFit(model, compiled, x, y, parsed);
      const progress = await openProgress(parsed.verbose, parsed.epochs);
      try {
        const settings = settingsOf(model, parsed);
        const run = {
          model,
          compiled,
          options: parsed,
          settings,
          cancel,
          check,
          progress,
          history,
        };
        await withSources(model.engine, data, settings.device, (sources) =>
          new Training({ ...run, ...sources }).run(),
        );
        return history;
      } finally {
        progress.close();
      }
    });
  } catch (error) {
    if (error instanceof AbortError) error.history = history;
    throw error;
  }
}

/** Rows of one kind, as batches. */
interface Source {
  source: BatchSource;
  range: Range;
}

interface Sources {
  train: Source;
  validation: Source | undefined;
}

function withSources(
  engine: NativeModel,
  { train, validation }: FitData,
  device: Device,
  work: (sources: Sources) => Promise<void>,
): Promise<void> {
  return BatchSource.use(engine, train.rows, device, (source) => {
    const first = { source, range: train.range };
    if (!validation) return work({ train: first, validation: undefined });
    return BatchSource.use(engine, validation.rows, device, (second) =>
      work({ train: first, validation: { source: second, range: validation.range } }),
    );
  });
}

interface TrainingParts extends Sources {
  model: Trainable;
  compiled: Compiled;
  options: ParsedFitOptions;
  settings: Settings;
  cancel: CancelToken | null;
  check: () => void;
  progress: Progress;
  history: History;
}

/** One call of `fit`: its loops over epochs and batches. */
class Training {
  readonly #parts: TrainingParts;
  readonly #callbacks: CallbackList;
  readonly #seed: number;
  /** Rows of one update. */
  readonly #updateRows: number;

  constructor(parts: TrainingParts) {
    this.#parts = parts;
    const { options, model } = parts;
    this.#callbacks = new CallbackList(options.callbacks, trainingModel(parts));
    this.#seed = options.seed ?? model.seed;
    this.#updateRows = options.batchSize * options.accumulateSteps;
  }

  async run(): Promise<void> {
    const { model, options, history } = this.#parts;
    model.stopTraining = false;
    await this.#callbacks.train('onTrainBegin', {});
    let logs: Logs = {};
    for (let epoch = options.initialEpoch; epoch < options.epochs; epoch++) {
      this.#parts.check();
      logs = await this.#epoch(epoch);
      history.epoch.push(epoch);
      for (const [name, value] of Object.entries(logs)) {
        history.history[name] = [...(history.history[name] ?? []), value];
      }
      if (model.stopTraining) break;
    }
    await this.#callbacks.train('onTrainEnd', logs);
  }

  async #epoch(epoch: number): Promise<Logs> {
    const { progress, validation, options } = this.#parts;
    await this.#callbacks.epoch('onEpochBegin', epoch, {});
    const logs = (await this.#batches(epoch)).logs();
    if (validation && (epoch + 1) % options.validationFreq === 0) {
      Object.assign(logs, validationLogs(await this.#validate(epoch, validation)));
    }
    await this.#callbacks.epoch('onEpochEnd', epoch, logs);
    progress.endEpoch(logs);
    return logs;
  }

  /** All updates of an epoch. The next batch is filled while one is run. */
  async #batches(epoch: number): Promise<Sums> {
    const { model, compiled, train, check, progress } = this.#parts;
    const rows = train.range.to;
    const count = Math.ceil(rows / this.#updateRows);
    const order = await this.#order(rows);
    const sums = new Sums(compiled, model.outputs);
    progress.beginEpoch(epoch, count);
    let batch = await this.#fill(order, 0);
    for (let turn = 0; turn < count; turn++) {
      await this.#callbacks.batch('onBatchBegin', turn, () => ({}));
      check();
      const running = quiet(this.#step(batch, epoch, turn));
      const [next, result] = await Promise.allSettled([
        turn + 1 < count ? this.#fill(order, turn + 1) : batch,
        running,
      ]);
      if (result.status === 'rejected') throw result.reason;
      if (next.status === 'rejected') throw next.reason;
      batch = next.value;
      sums.add(result.value.sums);
      progress.endBatch(turn, () => sums.logs());
      await this.#callbacks.batch('onBatchEnd', turn, () => sums.logs());
      if (model.stopTraining) break;
      check();
    }
    return sums;
  }

  /**
   * The order of the rows in the coming epoch. It follows from the seed and the number of updates done,
   * so that several calls of `fit` go through the data in the same orders as one long call.
   */
  async #order(rows: number): Promise<Int32Array | null> {
    const { options, model } = this.#parts;
    if (!options.shuffle) return null;
    return permutation(
      rows,
      this.#seed,
      native(() => model.engine.iterations),
    );
  }

  #fill(order: Int32Array | null, turn: number) {
    const { source, range } = this.#parts.train;
    const first = turn * this.#updateRows;
    return source.fill(turn, order, first, Math.min(this.#updateRows, range.to - first));
  }

  async #step(batch: Awaited<ReturnType<BatchSource['fill']>>, epoch: number, turn: number) {
    const { model, settings, options, cancel } = this.#parts;
    try {
      return await updateOn(model, batch, settings, {
        cancel,
        seed: this.#seed,
        microBatch: options.accumulateSteps > 1 ? Math.min(options.batchSize, batch.rows) : 0,
        requireFinite: options.terminateOnNaN,
      });
    } catch (error) {
      throw located(error, `epoch ${epoch + 1}, batch ${turn + 1}`);
    }
  }

  async #validate(epoch: number, { source, range }: Source) {
    const { model, compiled, settings, options, cancel, check } = this.#parts;
    try {
      return await evaluateRange(model, compiled, source, {
        range,
        // Carried states are those of as many rows as a batch of training has.
        batchSize: model.isStateful
          ? options.batchSize
          : Math.max(options.batchSize, DEFAULT_INFERENCE_BATCH),
        settings,
        requireFinite: options.terminateOnNaN,
        cancel,
        check,
      });
    } catch (error) {
      throw located(error, `epoch ${epoch + 1}, validation`);
    }
  }
}

/** Says where in the training a loss stopped being finite. */
function located(error: unknown, place: string): unknown {
  if (!(error instanceof SluiceError) || error.code !== 'NON_FINITE') return error;
  return new SluiceError('NON_FINITE', `fit: ${place}: ${error.message}`, error.details, {
    cause: error,
  });
}

/** What callbacks see: the model, with weights that may be set between two steps. */
function trainingModel({ model, compiled, validation }: TrainingParts): TrainingModel {
  const names = Object.keys(new Sums(compiled, model.outputs).logs());
  return {
    logNames: validation ? [...names, ...names.map((name) => `val_${name}`)] : names,
    get stopTraining() {
      return model.stopTraining;
    },
    set stopTraining(value) {
      model.stopTraining = value;
    },
    get learningRate() {
      return model.learningRate;
    },
    set learningRate(value) {
      model.learningRate = value;
    },
    getWeights: () => native(() => model.engine.getWeights()),
    setWeights: (weights) => native(() => model.engine.setWeights(weights)),
  };
}
