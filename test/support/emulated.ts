import { join } from 'node:path';

/** The CUDA backend compiled for the processor: the kernels of a GPU, on an emulated device. */
export const EMULATED = join(
  __dirname,
  '..',
  '..',
  'build',
  'emulated',
  'libsluice_cuda_emulated.so',
);
