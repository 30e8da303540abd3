// Several processes with the same case, measured in turns, so that a slow minute of the machine hits
// all of them.
import { threads } from './cases.mjs';
import { resetAfterOf, start } from './drivers.mjs';

const kMostIterations = 1e5;

/**
 * @param {{ driver: string, case: object }[]} entries
 * @param {{ rounds: number, roundMs: number }} options roundMs: about how long a process runs in a round
 * @returns the entries with `{ ms: [one a round], peakMiB, samples }`, or `{ failed }`, the reason
 */
export async function measureInRounds(entries, { rounds, roundMs }) {
  const runs = await Promise.all(
    entries.map(async (entry) => {
      const run = { ...entry, ms: [] };
      await attempt(run, async () => {
        run.process = await start(entry.driver, entry.case);
      });
      return run;
    }),
  );
  for (const run of runs) {
    await attempt(run, async () => {
      run.samples = await run.process.check();
      run.iterations = await iterationsFor(roundMs, run.process);
    });
  }
  for (let round = 0; round < rounds; round++) {
    // Another one begins each time: who comes after whom must not matter.
    for (let i = 0; i < runs.length; i++) {
      const run = runs[(i + round) % runs.length];
      await attempt(run, async () => {
        run.ms[round] = await run.process.run(run.iterations);
      });
    }
  }
  return runs.map(finish);
}

async function iterationsFor(roundMs, process) {
  let ms = await process.run(1);
  if (ms < roundMs / 20) ms = await process.run(10); // one alone tells little
  return Math.min(kMostIterations, Math.max(1, Math.round(roundMs / ms)));
}

/** What fails once is out for good, and the others go on. */
async function attempt(run, action) {
  if (run.failed) return;
  try {
    await action();
  } catch (error) {
    run.failed = error.message;
  }
}

function finish({ process, iterations, ...run }) {
  const peakMiB = process?.peakMiB();
  process?.stop();
  return { ...run, peakMiB };
}

/** Each number of threads in a process of its own. */
export const inProcesses = (names, benchCase, counts = threads) =>
  names.flatMap((driver) =>
    counts.map((count) => ({ driver, case: { ...benchCase, threads: count } })),
  );

/** Sluice's results for a case, by the `resetAfter` of the drivers that are compared with them. */
export async function expectedOf(own, names, benchCase) {
  const expected = {};
  for (const resetAfter of new Set([1, ...names.map(resetAfterOf)])) {
    const process = await start(own, { ...benchCase, threads: 1, resetAfter });
    expected[resetAfter] = await process.check();
    process.stop();
  }
  return expected;
}
