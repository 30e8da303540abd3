// Where models run: names of devices, and what 'auto' stands for.
import { invalid } from '../errors.js';
import { custom, type Field } from '../layers/options.js';
import { cudaSearch, native } from '../native.js';

/**
 * 'cpu'; 'cuda', which is 'cuda:0', or another GPU; 'auto': the first GPU where there is one that can be
 * used, else the cpu; 'reference': plain loops in double, the oracle of the tests. Names often come from
 * a configuration, so any text will do for the compiler; the call refuses what cannot be a device.
 */
export type Device =
  | ('cpu' | 'cuda' | `cuda:${number}` | 'auto' | 'reference')
  | (string & Record<never, never>);

const FORM = /^(cpu|reference|auto|cuda(:(0|[1-9]\d{0,2}))?)$/;

/** A name that can be, of a device that is there: DEVICE_UNAVAILABLE at once and not at the first run. */
export const DEVICE: Field<Device> = custom(
  "'cpu', 'cuda', 'cuda:N' with N from 0 on, 'auto' or 'reference'",
  (value, name, where) => {
    if (typeof value !== 'string' || !FORM.test(value)) {
      throw invalid(name, DEVICE.expected, value, where);
    }
    if (value === 'auto') choose();
    if (value.startsWith('cuda')) {
      cudaSearch();
      native((addon) => addon.requireDevice(value));
    }
    return value;
  },
);

/** By its own name: what 'auto' and 'cuda' stand for. */
export function resolveDevice(device: Device): string {
  if (device === 'cuda') return 'cuda:0';
  return device === 'auto' ? choose().device : device;
}

/** Why the device is what it is, where it was not named. */
export function reasonOfDevice(device: Device): string | null {
  return device === 'auto' ? choose().reason : null;
}

let chosen: { device: string; reason: string } | undefined;

function choose(): { device: string; reason: string } {
  if (chosen) return chosen;
  cudaSearch();
  const { isFirst, ...choice } = native((addon) => addon.chooseDevice('cuda'));
  chosen = choice;
  // Not a warning: both answers are right, and a log should tell which of them it was.
  if (isFirst && !process.env.SLUICE_QUIET) {
    process.stderr.write(
      `sluice: device 'auto' is ${choice.device}: ${choice.reason.replace(/\s+/g, ' ')}\n`,
    );
  }
  return chosen;
}
