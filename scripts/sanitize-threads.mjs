// Runs the native tests that npm run sanitize:threads compiles with ThreadSanitizer, but for those of
// one thread: the reference's loops, the names of instruction sets. Arguments go to GoogleTest.
//
// libgomp waits in ways that ThreadSanitizer knows nothing of, which makes a race of every parallel
// region; LLVM's libomp comes with Archer, which tells it. OpenBLAS and GoogleTest are not
// instrumented: what they do among themselves is not looked at.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, runMain, StepFailed } from './bootstrap/report.mjs';
import { threadSanitizer } from './bootstrap/system.mjs';

const TESTS = join(ROOT, 'build', 'threads', 'sluice_tests');
const FILTER = '--gtest_filter=-Reference*:CpuMath*:CpuTarget*';
const OPTIONS = [
  'ignore_noninstrumented_modules=1',
  'halt_on_error=1',
  'report_thread_leaks=0', // the scheduler's threads, and OpenMP's, live until the process ends
  `external_symbolizer_path=${threadSanitizer()?.symbolizer}`,
  process.env.TSAN_OPTIONS,
];

await runMain(async () => {
  const { status, signal } = spawnSync(
    TESTS,
    ['--gtest_brief=1', FILTER, ...process.argv.slice(2)],
    { stdio: 'inherit', env: { ...process.env, TSAN_OPTIONS: OPTIONS.filter(Boolean).join(':') } },
  );
  if (status !== 0) throw new StepFailed(`the tests ended with ${signal ?? status}`);
});
