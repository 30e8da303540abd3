// The kernels of recurrences against those of other libraries, against what the machine can do at most, and by
// the size of the case. Every driver and number of threads is a process of its own for every case.
import os from 'node:os';
import { devices } from 'sluice';
import * as cases from './cases.mjs';
import { canRun, findDrivers } from './drivers.mjs';
import { expectedOf, inProcesses, measureInRounds } from './rounds.mjs';
import { median, round3 } from './statistics.mjs';
import { describe, summarize } from './summary.mjs';

const kRounds = 7;
const kRoundMs = 200;
const kScalingRounds = 3;
/** Cases that are compared with the machine's limits in the same rounds. */
const isLarge = ({ batch, units }) => batch >= 32 && units >= 256;

/**
 * @param {(line: string) => void} report
 * @param {{ rounds?: number, only?: string }} options only: cases by a part of their names
 */
export async function measureKernels(report, { rounds = kRounds, only = '' } = {}) {
  const { here, missing } = findDrivers(['training', 'inference']);
  for (const reason of missing) report(`not measured: ${reason}`);
  const chosen = cases.kernels.filter((benchCase) => nameOf(benchCase).includes(only));
  const rows = [];
  for (const benchCase of chosen) {
    const row = await measureCase(benchCase, Object.keys(here), { rounds, roundMs: kRoundMs });
    rows.push(row);
    report(`[${rows.length} of ${chosen.length}] ${describe(nameOf(benchCase), row)}`);
  }
  const device = devices().find(({ name }) => name === 'cpu')?.description;
  const scaling = only ? [] : await measureScaling(report);
  return { rounds, device, drivers: here, missing, rows, scaling };
}

const nameOf = (benchCase) => `${benchCase.kind} ${cases.shapeOf(benchCase)}`;

async function measureCase(benchCase, names, settings) {
  const able = names.filter((name) => canRun(name, benchCase));
  const { group, ...sizes } = benchCase;
  const entries = inProcesses(able, sizes);
  if (isLarge(benchCase)) {
    for (const { kind } of cases.limits) entries.push(...inProcesses(['native'], { kind }));
  }
  const runs = await measureInRounds(entries, settings);
  return summarize(benchCase, runs, await expectedOf('native', able, sizes));
}

/** One thread, two, four... as many as there are processors. */
async function measureScaling(report) {
  const most = Math.floor(Math.log2(os.availableParallelism()));
  const threads = Array.from({ length: most + 1 }, (_, i) => 2 ** i);
  const points = [];
  for (const { group, axis, value, ...sizes } of cases.scaling) {
    const runs = await measureInRounds(inProcesses(['native'], sizes, threads), {
      rounds: kScalingRounds,
      roundMs: kRoundMs,
    });
    const ms = Object.fromEntries(runs.map((run) => [run.case.threads, round3(median(run.ms))]));
    points.push({ ...sizes, axis, value, ms });
    report(`scaling, ${nameOf(sizes)}: ${JSON.stringify(ms)} ms`);
  }
  return points;
}
