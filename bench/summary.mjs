// From the times of all rounds to the figures of a case.
import { flopOf } from './cases.mjs';
import { drivers, resetAfterOf } from './drivers.mjs';
import { best, distance, median, ratio, round3 } from './statistics.mjs';

/** Distance from Sluice's results, over the size of the values, that is still the same computation. */
const kSame = 1e-4;

/**
 * A row of the result. Ratios are times over those of each of Sluice's own drivers, all with their
 * better number of threads.
 * @param {object} benchCase
 * @param {object[]} runs of measureInRounds: this case's, and those of the machine's limits
 * @param {Record<0 | 1, object>} expected results by `resetAfter`
 */
export function summarize(benchCase, runs, expected) {
  const ofCase = runs.filter((run) => run.case.kind === benchCase.kind);
  const names = [...new Set(ofCase.map((run) => run.driver))];
  const goodOf = (name) => ofCase.filter((run) => run.driver === name && !run.failed);
  const failureOf = (name) => ofCase.find((run) => run.driver === name && run.failed)?.failed;
  const own = {};
  for (const name of names.filter((other) => drivers[other].own)) {
    const good = goodOf(name);
    if (good.length === 0) throw new Error(`${drivers[name].label} failed: ${failureOf(name)}`);
    own[name] = best(good);
  }
  const row = { ...benchCase, results: {}, failed: {}, limits: {} };
  for (const name of names) {
    const good = goodOf(name);
    const off = drivers[name].unlike ? null : farthest(good, expected[resetAfterOf(name)]);
    if (good.length === 0) row.failed[name] = failureOf(name);
    else if (off > kSame) row.failed[name] = `computes something else (distance ${off})`;
    else row.results[name] = { ...figuresOf(good, own), distance: off && round3(off) };
  }
  for (const run of runs) {
    const { kind, threads } = run.case;
    const native = goodOf('native').find((other) => other.case.threads === threads);
    if (kind === benchCase.kind || run.failed || !native) continue;
    row.limits[kind] = { ...row.limits[kind], [threads]: shareOf(run, native, benchCase) };
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
    ratio: Object.fromEntries(
      Object.entries(own).map(([name, run]) => [name, round3(ratio(fastest.ms, run.ms))]),
    ),
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
    ([driver, { ms, threads, ratio: times }]) =>
      `${driver} ${ms[threads]} (${Object.values(times)[0]} ×)`,
  );
  const failures = Object.entries(row.failed).map(([driver, reason]) => `${driver}: ${reason}`);
  return `${name}, ms: ${[...results, ...failures].join(', ')}`;
}
