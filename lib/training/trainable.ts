import type { NativeModel } from '../native.js';
import type { Compiled } from './compile.js';
import type { InputPort, OutputPort } from './ports.js';
import type { Settings } from './settings.js';

/** What training needs of a model: the small interface between this folder and model/. */
export interface Trainable {
  readonly engine: NativeModel;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly OutputPort[];
  /** Whether layers keep their states, row by row, from batch to batch and call to call. */
  readonly isStateful: boolean;
  /** Seed of shuffles and dropout where a call gives none. */
  readonly seed: number;
  /** Where it runs before `compile`, and after it what was not given there. */
  readonly settings: Settings;
  /** Null before `compile`. */
  readonly compiled: Compiled | null;
  /** Set by a user or a callback to end `fit`. */
  stopTraining: boolean;
  learningRate: number;
  /** A second engine with the same weights, for gradients of a loss that is not the compiled one. */
  scratch(): NativeModel;
}
