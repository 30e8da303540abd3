// Runs the native tests of the CUDA backend under NVIDIA's compute-sanitizer, with each of its tools.
// Needs a GPU, and the CUDA toolkit that the library is compiled with. Arguments go to GoogleTest.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { ROOT, runMain, StepFailed, SystemIncomplete, say } from './bootstrap/report.mjs';
import { findNvcc } from './bootstrap/system.mjs';
import { ask } from './package/ask.mjs';

const TESTS = join(ROOT, 'build', 'tests', 'sluice_tests');
const LIBRARY = join(ROOT, 'build', 'cuda', 'libsluice_cuda.so');
const FILTER = '--gtest_filter=*Cuda*:*cuda*';
/** Wrong addresses; races in shared memory; memory that nobody has written; barriers not met by all. */
const TOOLS = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];

function findSanitizer() {
  const name = 'compute-sanitizer';
  const candidates = [name, join(dirname(findNvcc() ?? ''), name), `/usr/local/cuda/bin/${name}`];
  const found = candidates.find((program) => ask(program, '--version') !== '');
  if (found) return found;
  throw new SystemIncomplete(`${name} is missing; it comes with the CUDA toolkit`);
}

function requireGpu() {
  if (ask('nvidia-smi', '-L') !== '') return;
  throw new SystemIncomplete('there is no GPU here, or no NVIDIA driver: nvidia-smi finds none');
}

function run(command, env = {}) {
  const [program, ...args] = command;
  const { status, signal } = spawnSync(program, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return status === 0 ? undefined : `ended with ${signal ?? `exit code ${status}`}`;
}

await runMain(async () => {
  requireGpu();
  const sanitizer = findSanitizer();
  for (const purpose of ['tests', 'cuda']) {
    const problem = run([process.execPath, 'scripts/bootstrap.mjs', '--quiet', '--for', purpose]);
    if (problem) throw new StepFailed(`bootstrap --for ${purpose} ${problem}`);
  }
  const failed = TOOLS.filter((tool) => {
    say(`compute-sanitizer --tool ${tool}`);
    const tests = [TESTS, '--gtest_brief=1', FILTER, ...process.argv.slice(2)];
    const command = [sanitizer, '--tool', tool, '--error-exitcode', '1', ...tests];
    return run(command, { SLUICE_CUDA_PATH: LIBRARY }) !== undefined;
  });
  if (failed.length > 0) throw new StepFailed(`these tools found something: ${failed.join(', ')}`);
});
