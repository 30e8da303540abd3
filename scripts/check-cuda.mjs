// Holds the CUDA library to what its package promises (package/binaries.mjs), and loads it as the
// library does: a machine without a GPU has to say so, and go on.
//   node scripts/check-cuda.mjs [FILE]   another one than build/cuda/libsluice_cuda.so
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ROOT, runMain, StepFailed } from './bootstrap/report.mjs';
import { checkCudaLibrary, mb } from './package/binaries.mjs';

/** What devices() says of it, in a process of its own. */
function devicesOf(file) {
  const source = `
    const { cudaSearch } = require('./dist/native.js');
    const devices = require('./dist').devices().filter(({ name }) => name.startsWith('cuda'));
    console.log(JSON.stringify({ search: cudaSearch(), devices }));`;
  const answer = execFileSync(process.execPath, ['-e', source], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, SLUICE_CUDA_PATH: file },
  });
  const { search, devices } = JSON.parse(answer);
  const [{ status, reason }] = search.attempts;
  if (status !== 'taken') throw new StepFailed(`${relative(ROOT, file)} does not load: ${reason}`);
  return devices;
}

await runMain(async () => {
  const file = resolve(process.argv[2] ?? join(ROOT, 'build', 'cuda', 'libsluice_cuda.so'));
  if (!existsSync(file)) throw new StepFailed(`${file} is not there: npm run build:cuda`);
  const name = relative(ROOT, file);
  const { errors, floor, bytes } = checkCudaLibrary(file);
  for (const problem of errors) console.error(`error: ${name} ${problem}`);
  console.log(`${name}: ${mb(bytes)}, glibc ${floor} or newer`);
  for (const { name: device, available, description } of devicesOf(file)) {
    console.log(`${device}: ${available ? '' : 'not available: '}${description}`);
  }
  process.exitCode = errors.length === 0 ? 0 : 1;
});
