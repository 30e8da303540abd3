import { invalid, unknownName } from '../../errors.js';
import type { Logs } from '../logs.js';

/** Copies of all weights by name. */
export type Weights = Record<string, Float32Array>;

/** What a callback sees of the model that is trained. */
export interface TrainingModel {
  /** Set to true to end training after the current batch. */
  stopTraining: boolean;
  learningRate: number;
  /** The names that the logs of an epoch can have, those of validation included. */
  readonly logNames: readonly string[];
  /** Copies of the weights of the last step. */
  getWeights(): Weights;
  /** Allowed here, between two steps, where `model.setWeights` is refused. */
  setWeights(weights: Weights): void;
}

/**
 * Functions that `fit` calls as it goes; each may be async, `fit` waits for it. `logs` of a batch are
 * the running values of the epoch so far, those of an epoch include validation. An error ends `fit`.
 */
export interface Callback {
  onTrainBegin?(logs: Logs, model: TrainingModel): void | Promise<void>;
  /** Not called when `fit` fails or is aborted. */
  onTrainEnd?(logs: Logs, model: TrainingModel): void | Promise<void>;
  onEpochBegin?(epoch: number, logs: Logs, model: TrainingModel): void | Promise<void>;
  /** May add to `logs`: what stands there goes into the history. */
  onEpochEnd?(epoch: number, logs: Logs, model: TrainingModel): void | Promise<void>;
  onBatchBegin?(batch: number, logs: Logs, model: TrainingModel): void | Promise<void>;
  onBatchEnd?(batch: number, logs: Logs, model: TrainingModel): void | Promise<void>;
}

const EVENTS = [
  'onTrainBegin',
  'onTrainEnd',
  'onEpochBegin',
  'onEpochEnd',
  'onBatchBegin',
  'onBatchEnd',
] as const;

/**
 * A callback of plain functions.
 *
 * @example
 * callbacks.lambda({ onEpochEnd: (epoch, logs) => console.log(epoch, logs.loss) });
 */
export function lambda(functions: Callback): Callback {
  return checkCallback(functions, 'callbacks.lambda');
}

/** INVALID_ARGUMENT for anything that is no callback. */
export function checkCallback(value: unknown, where: string): Callback {
  if (value === null || typeof value !== 'object') {
    throw invalid('a callback', 'an object of functions', value, where);
  }
  const callback = value as Record<string, unknown>;
  const events: readonly string[] = EVENTS;
  for (const name of Object.keys(callback)) {
    if (/^on[A-Z]/.test(name) && !events.includes(name)) {
      throw unknownName('event', name, events, where);
    }
  }
  const wrong = EVENTS.find(
    (name) => callback[name] !== undefined && typeof callback[name] !== 'function',
  );
  if (wrong !== undefined) throw invalid(wrong, 'a function', callback[wrong], where);
  return callback as Callback;
}

/** Calls the callbacks of one `fit` in order, one after the other. */
export class CallbackList {
  readonly #callbacks: readonly Callback[];
  readonly #model: TrainingModel;

  constructor(callbacks: readonly Callback[], model: TrainingModel) {
    this.#callbacks = callbacks;
    this.#model = model;
  }

  async train(event: 'onTrainBegin' | 'onTrainEnd', logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback[event]?.(logs, this.#model);
  }

  async epoch(event: 'onEpochBegin' | 'onEpochEnd', epoch: number, logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback[event]?.(epoch, logs, this.#model);
  }

  /** Asks for the logs only where somebody listens: they are made for every batch. */
  async batch(
    event: 'onBatchBegin' | 'onBatchEnd',
    batch: number,
    logs: () => Logs,
  ): Promise<void> {
    for (const callback of this.#callbacks) {
      await callback[event]?.(batch, logs(), this.#model);
    }
  }
}
