// From the times of all rounds to the figures of a case.
import { flopOf } from './cases.mjs';
import { drivers, resetAfterOf } from './drivers.mjs';
import { best, distance, median, ratio, round3 } from './statistics.mjs';

/** Distance from Sluice's results, over the size of the values, that is still the same computation. */
const kSame = 1e-4;

/**
 * A row of the result. Ratios are times over Sluice's, each with its better number of threads.
 * @param {object} benchCase
 * @param {object[]} runs of measureInRounds: this case's, and those of the machine's limits
 * @param {Record<0 | 1, object>} expected results by `resetAfter`
 * @param {string} ownName the driver that the others are compared with
 */
export function summarize(benchCase, runs, expected, ownName) {
  const ofCase = runs.filter((run) => run.case.kind === benchCase.kind);
  const own = ofCase.filter((run) => run.driver === ownName && !run.failed);
  if (own.length === 0) {
    const { failed } = ofCase.find((run) => run.driver === ownName);
    throw new Error(`Sluice itself cannot run ${JSON.stringify(benchCase)}: ${failed}`);
  }
  const row = { ...benchCase, results: {}, failed: {}, limits: {} };
  for (const name of new Set(ofCase.map((run) => run.driver))) {
    const all = ofCase.filter((run) => run.driver === name);
    const good = all.filter((run) => !run.failed);
    const off = drivers[name].unlike ? null : farthest(good, expected[resetAfterOf(name)]);
    if (good.length === 0) row.failed[name] = all[0].failed;
    else if (off > kSame) row.failed[name] = `computes something else (distance ${off})`;
    else row.results[name] = { ...figuresOf(good, best(own)), distance: off && round3(off) };
  }
  for (const run of runs) {
    const { kind, threads } = run.case;
    const withAsMany = own.find((other) => other.case.threads === threads);
    if (kind === benchCase.kind || run.failed || !withAsMany) continue;
    row.limits[kind] = { ...row.limits[kind], [threads]: shareOf(run, withAsMany, benchCase) };
  }
  return row;
}

const farthest = (runs, expected) =>
  Math.max(...runs.map(({ samples }) => distance(samples, expected)));

function figuresOf(runs, own) {
  const fastest = best(runs);
  return {
    ms: Object.fromEntries(runs.map((run) => [run.case.threads, round3(median(run.ms))])),
    threads: fastest.case.threads,
    ratio: round3(ratio(fastest.ms, own.ms)),
    peakMiB: Math.max(...runs.map((run) => run.peakMiB)),
  };
}

/** A limit in GFLOP/s a thread, and what share of it Sluice's kernels reach with as many threads. */
function shareOf(limit, own, benchCase) {
  const { threads } = own.case;
  const rates = limit.ms.map((ms) => limit.samples.flop / ms / 1e6);
  const shares = own.ms.map((ms, i) => flopOf(benchCase) / ms / 1e6 / threads / rates[i]);
  return { gflops: round3(median(rates)), share: round3(median(shares)) };
}

/** A row for people who wait. */
export function describe(name, row) {
  const results = Object.entries(row.results).map(
    ([driver, { ms, threads, ratio: times }]) => `${driver} ${ms[threads]} (${times} ×)`,
  );
  const failures = Object.entries(row.failed).map(([driver, reason]) => `${driver}: ${reason}`);
  return `${name}, ms: ${[...results, ...failures].join(', ')}`;
}
