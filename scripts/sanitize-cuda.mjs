// Compiles the CUDA backend and the native tests, and runs these under NVIDIA's compute-sanitizer
// (test-cuda.sh). Needs a GPU, and the CUDA toolkit. Arguments go to GoogleTest.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, runMain, StepFailed, SystemIncomplete } from './bootstrap/report.mjs';

const SCRIPT = ['/bin/sh', 'scripts/test-cuda.sh'];
const TESTS = join(ROOT, 'build', 'tests', 'sluice_tests');
const LIBRARY = join(ROOT, 'build', 'cuda', 'libsluice_cuda.so');
/** Wrong addresses; races in shared memory; memory that nobody has written; barriers not met by all. */
const TOOLS = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];

function run(command, options = {}) {
  const [program, ...args] = command;
  return spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', encoding: 'utf8', ...options });
}

await runMain(async () => {
  // Before anything is compiled.
  const check = run([...SCRIPT, '--check'], { stdio: 'pipe' });
  if (check.status !== 0) throw new SystemIncomplete(check.stderr.trim());
  for (const purpose of ['tests', 'cuda']) {
    const { status } = run([
      process.execPath,
      'scripts/bootstrap.mjs',
      '--quiet',
      '--for',
      purpose,
    ]);
    if (status !== 0) throw new StepFailed(`bootstrap --for ${purpose} ended with ${status}`);
  }
  const files = ['--tests', TESTS, '--library', LIBRARY];
  const { status } = run([...SCRIPT, ...files, ...TOOLS, '--', ...process.argv.slice(2)]);
  if (status !== 0) throw new StepFailed(`test-cuda.sh ended with ${status}`);
});
