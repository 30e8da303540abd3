import { SluiceError } from '../errors.js';
import { custom, optional, signal } from '../layers/options.js';
import {
  type Batch,
  type CancelToken,
  type NativeModel,
  native,
  nativeAsync,
  type RunOptions,
  type RunResult,
  type Snapshot,
} from '../native.js';
import type { Compiled } from './compile.js';
import type { MaskOptions } from './inputs.js';
import {
  mergeSettings,
  type RunSettings,
  runSettings,
  SETTINGS,
  type Settings,
} from './settings.js';
import type { Trainable } from './trainable.js';

/** Options of every call that runs a model on data. */
export interface CallOptions extends RunSettings, MaskOptions {
  /** Ends the call with an AbortError. */
  signal?: AbortSignal | undefined;
}

const anything = custom<unknown>('data', (value) => value);

/** How {@link CallOptions} are checked; what lengths and masks hold is checked against the inputs. */
export const CALL_FIELDS = {
  ...SETTINGS,
  signal: optional(signal()),
  lengths: optional(anything),
  mask: optional(anything),
};

/** Weights of rows, checked against the outputs. */
export const WEIGHT_FIELDS = {
  sampleWeight: optional(anything),
  classWeight: optional(anything),
};

/** The settings of a call: its own over those of `compile`, and these over those of the model. */
export function settingsOf(
  model: Pick<Trainable, 'compiled' | 'settings'>,
  call: Parameters<typeof mergeSettings>[1],
): Settings {
  return mergeSettings(model.compiled?.settings ?? model.settings, call);
}

/** What `compile` chose; CONFIG where it was not called. */
export function requireCompiled(model: Trainable, what: string): Compiled {
  if (model.compiled) return model.compiled;
  throw new SluiceError(
    'CONFIG',
    `${what}: the model is not compiled; call compile({ optimizer, loss }) first`,
  );
}

/** One native call on a batch. */
export function runBatch(
  { engine, seed }: Pick<Trainable, 'engine' | 'seed'>,
  kind: 'train' | 'evaluate' | 'predict' | 'gradients' | 'vjp',
  batch: Batch,
  settings: Settings,
  options: Partial<RunOptions> & { cancel: CancelToken | null },
): Promise<RunResult> {
  return nativeAsync(() =>
    engine.run(kind, batch, {
      training: kind === 'train',
      seed,
      step: 0,
      microBatch: 0,
      weights: null,
      learningRate: null,
      requireFinite: false,
      ...runSettings(settings),
      ...options,
    }),
  );
}

/**
 * Holds the weights as they are now: all runs of `work` that are given them read the same step,
 * whatever training or `setWeights` publishes meanwhile.
 */
export async function holdingWeights<T>(
  engine: NativeModel,
  work: (weights: Snapshot) => Promise<T>,
): Promise<T> {
  const weights = native((addon) => new addon.Snapshot(engine));
  try {
    return await work(weights);
  } finally {
    native(() => weights.dispose());
  }
}

/** One update, with the learning rate that the model has now. */
export function updateOn(
  model: Trainable,
  batch: Batch,
  settings: Settings,
  options: Partial<RunOptions> & { cancel: CancelToken | null },
): Promise<RunResult> {
  const { learningRate, engine } = model;
  return runBatch(model, 'train', batch, settings, {
    step: native(() => engine.iterations),
    learningRate,
    ...options,
  });
}
