import { invalid } from '../errors.js';
import { custom, type Field } from '../layers/options.js';
import { cudaSearch, type DeviceInfo, native } from '../native.js';

export type { DeviceInfo } from '../native.js';

/** What decided the number of compute threads. */
export interface ThreadInfo {
  /** Threads that compute. */
  count: number;
  /** Processors that this process may run on. */
  affinity: number;
  /** Processors' worth of time that the container may use, null without a limit. */
  cgroupQuota: number | null;
  /** What `setThreads` asked for, null if nothing. */
  requested: number | null;
}

/**
 * The devices that models can run on, with the reason where one is not available. Looks for GPUs, at
 * the first call.
 *
 * @example
 * devices(); // [{ name: 'cpu', available: true, description: '...' }, ...]
 */
export function devices(): DeviceInfo[] {
  cudaSearch();
  return native((addon) => addon.devices());
}

/** How many threads compute, and why as many. */
export function threads(): ThreadInfo {
  return native((addon) => addon.threads());
}

const COUNT: Field<number> = custom(
  "an integer from 1 to 1024, or 'auto'",
  (value, name, where) => {
    if (value === 'auto') return 0;
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1024)
      return value as number;
    throw invalid(name, COUNT.expected, value, where);
  },
);

/**
 * Sets the number of compute threads of this process, from the next run on. Results do not depend on
 * it.
 * @param count an integer from 1 to 1024, or 'auto' to leave the choice to the machine
 * @throws SluiceError INVALID_ARGUMENT for anything else
 */
export function setThreads(count: number | 'auto'): void {
  const checked = COUNT.parse(count, 'count', 'setThreads');
  native((addon) => addon.setThreads(checked));
}
