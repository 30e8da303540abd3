import type { InputInfo, OutputInfo } from '../native.js';

/** An input of a model, by which data is checked. */
export interface InputPort extends InputInfo {
  /** Name of the first layer that reads it, for messages. */
  readonly consumer: string;
}

/** An output of a model. */
export interface OutputPort extends OutputInfo {
  /** By this name losses, targets and logs are told apart. */
  readonly name: string;
  /** The activation that the node ends in, if it says so. */
  readonly activation: string | null;
}
