// Runs the native tests that npm run sanitize:threads compiles with ThreadSanitizer, but for those of
// one thread: the reference's loops, the names of instruction sets. Arguments go to GoogleTest.
//
// libgomp waits in ways that ThreadSanitizer knows nothing of, which makes a race of every parallel
// region; LLVM's libomp comes with Archer, which tells it. OpenBLAS and GoogleTest are not
// instrumented: what they do among themselves is not looked at.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runMain, StepFailed } from './bootstrap/report.mjs';
import { threadSanitizer } from './bootstrap/system.mjs';

const TREE = join(ROOT, 'build', 'threads');
/** What is run, and with which CUDA library. The emulated device's threads are fibers, which the
 * sanitizer does not follow; one without kernels takes runs through the engine's path for devices. */
const RUNS = [
  ['-Reference*:CpuMath*:CpuTarget*', ''],
  ['CudaRuns.SeveralRunsAtOnce:CudaRuns.UploadedBatches', join(TREE, 'fake', 'None.so')],
];
const OPTIONS = [
  'ignore_noninstrumented_modules=1',
  'halt_on_error=1',
  'report_thread_leaks=0', // the scheduler's threads, and OpenMP's, live until the process ends
  `external_symbolizer_path=${threadSanitizer()?.symbolizer}`,
  process.env.TSAN_OPTIONS,
];

await runMain(async () => {
  for (const [filter, library] of RUNS) {
    if (library && !existsSync(library)) throw new StepFailed(`${library} is missing`);
    const { status, signal } = spawnSync(
      join(TREE, 'sluice_tests'),
      ['--gtest_brief=1', `--gtest_filter=${filter}`, ...process.argv.slice(2)],
      {
        stdio: 'inherit',
        env: {
          ...process.env,
          ...(library && { SLUICE_CUDA_PATH: library }),
          TSAN_OPTIONS: OPTIONS.filter(Boolean).join(':'),
        },
      },
    );
    if (status !== 0) throw new StepFailed(`the tests ended with ${signal ?? status}`);
  }
});
