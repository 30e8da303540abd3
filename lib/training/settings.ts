// Where and how calls run a model: the options that all of them take.
import { boolean, oneOf, optional } from '../layers/options.js';
import type { RunOptions } from '../native.js';
import { DEVICE, type Device, resolveDevice } from './device.js';

/** In which numbers a device multiplies matrices. */
export type Precision = RunOptions['precision'];

/** Where and how a call runs; given to `compile` for all calls, or to one call. */
export interface RunSettings {
  /**
   * Default 'cpu'. 'cuda' or 'cuda:1' is a GPU: DEVICE_UNAVAILABLE, with the reason, where it cannot be
   * used. 'auto' takes the first GPU where there is one and says what it took, once a process, in a line
   * on stderr (not where SLUICE_QUIET is set). 'reference' is plain loops in double, the oracle of the
   * tests.
   */
  device?: Device;
  /**
   * In which numbers a GPU multiplies matrices. Default 'float32': as they are. 'tf32' rounds the
   * factors to 10 bits, 'bfloat16' to 7, 'float16' to 10 in a small range; sums, states and weights stay
   * float32. UNSUPPORTED on the cpu, which has no such arithmetic.
   */
  precision?: Precision;
  /** true: UNSUPPORTED instead of a slower path, as where a GPU lacks an operation; see `explain`. */
  strict?: boolean;
  /**
   * 'low': training keeps the states of recurrent layers alone and computes their gates again, a few
   * steps at a time: a third of the memory for about 1.3 times the time. The gradients are the same,
   * bit for bit. On a GPU it saves nothing so far. Default 'fast'.
   */
  memory?: 'fast' | 'low';
}

/** Settings with their defaults. */
export type Settings = { readonly [K in keyof RunSettings]-?: NonNullable<RunSettings[K]> };

/** Where nothing was said. */
export const DEFAULT_SETTINGS: Settings = {
  device: 'cpu',
  precision: 'float32',
  strict: false,
  memory: 'fast',
};

/** Where a model runs: the part that is also an option of `load`. */
export const PLACEMENT = {
  device: optional(DEVICE),
  precision: optional(oneOf('float32', 'tf32', 'bfloat16', 'float16')),
};

/** The options that every call which runs a model takes. */
export const SETTINGS = {
  ...PLACEMENT,
  strict: optional(boolean()),
  memory: optional(oneOf('fast', 'low')),
};

/** What a call runs with: its own settings over those of `compile`. */
export function mergeSettings(
  base: Settings,
  call: { [K in keyof RunSettings]?: RunSettings[K] | undefined },
): Settings {
  return {
    device: call.device ?? base.device,
    precision: call.precision ?? base.precision,
    strict: call.strict ?? base.strict,
    memory: call.memory ?? base.memory,
  };
}

/** As the addon takes them. */
export function runSettings(settings: Settings): Pick<RunOptions, keyof Settings> {
  return { ...settings, device: resolveDevice(settings.device) };
}
