// The CUDA backend in tests: on a GPU where SLUICE_CUDA_PATH names a library, else compiled for the
// processor, as `npm test` does.
import { existsSync } from 'node:fs';
import { devices } from 'sluice';
import { EMULATED } from './emulated.js';

if (process.env.SLUICE_CUDA_PATH === undefined && existsSync(EMULATED)) {
  process.env.SLUICE_CUDA_PATH = EMULATED;
}

/** The fast devices that there are. */
export const FAST_DEVICES: readonly ('cpu' | 'cuda')[] = devices().some(
  ({ name, available }) => name === 'cuda:0' && available,
)
  ? ['cpu', 'cuda']
  : ['cpu'];
