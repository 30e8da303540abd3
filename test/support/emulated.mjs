// The CUDA backend compiled for the processor: the kernels of a GPU, on an emulated device. Plain
// JavaScript: the tests and scripts/document-layers.mjs both use it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const EMULATED = fileURLToPath(
  new URL('../../build/emulated/libsluice_cuda_emulated.so', import.meta.url),
);

/** Makes it the CUDA backend of this process, unless the environment names one or it was not built. */
export function useEmulated() {
  if (process.env.SLUICE_CUDA_PATH === undefined && existsSync(EMULATED)) {
    process.env.SLUICE_CUDA_PATH = EMULATED;
  }
}
