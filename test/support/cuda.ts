// The CUDA backend in tests: on a GPU where SLUICE_CUDA_PATH names a library, else compiled for the
// processor, as `npm test` does.
import { devices } from 'sluice';
// @ts-expect-error: plain JavaScript
import { useEmulated } from './emulated.mjs';

useEmulated();

const cuda = devices().find(({ name }) => name.startsWith('cuda'));

/** Why there is no CUDA device; null where there is one. */
export const NO_CUDA = cuda?.available ? null : `${cuda?.description}`;

if (NO_CUDA !== null) console.warn(`what needs a CUDA device is left out: ${NO_CUDA}`);

/** The fast devices that there are. */
export const FAST_DEVICES: readonly ('cpu' | 'cuda')[] =
  NO_CUDA === null ? ['cpu', 'cuda'] : ['cpu'];
