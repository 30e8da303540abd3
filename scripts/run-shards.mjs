// Runs a program of native tests as several processes, each a part of the tests: they take minutes, most
// of them on one thread.
//   node scripts/run-shards.mjs PROGRAM [ARGUMENTS]
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { runMain, StepFailed, WrongArguments } from './bootstrap/report.mjs';

const [program, ...rest] = process.argv.slice(2);

/** Resolves to what is wrong with the part's end, if anything. */
function run(index, count) {
  const child = spawn(program, ['--gtest_brief=1', ...rest], {
    stdio: 'inherit',
    env: { ...process.env, GTEST_TOTAL_SHARDS: `${count}`, GTEST_SHARD_INDEX: `${index}` },
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? code)));
  });
}

await runMain(async () => {
  if (!program) throw new WrongArguments('which program?');
  const count = Math.min(4, availableParallelism());
  const ends = await Promise.all(Array.from({ length: count }, (_, index) => run(index, count)));
  const failed = ends.findIndex((end) => end !== undefined);
  if (failed >= 0) {
    throw new StepFailed(`part ${failed + 1} of ${count} of the tests: ${ends[failed]}`);
  }
});
