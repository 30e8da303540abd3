// Whole training steps, called from JavaScript and from Python, in turns with each peer's. Peers that
// take seconds are timed once, with the first case.
import { trainStep } from './cases.mjs';
import { drivers, findDrivers } from './drivers.mjs';
import { expectedOf, inProcesses, measureInRounds } from './rounds.mjs';
import { describe, summarize } from './summary.mjs';

const kRounds = 7;
const kRoundMs = 400;

export async function measureTrainStep(report, { rounds = kRounds, only = '' } = {}) {
  const { here, missing } = findDrivers(['step']);
  for (const reason of missing) report(`not measured: ${reason}`);
  const isSlow = (name) => drivers[name].once === true;
  const able = Object.keys(here).filter((name) => !isSlow(name));
  const slow = Object.keys(here).filter(isSlow);
  const rows = [];
  for (const benchCase of trainStep.filter(({ name }) => name.includes(only))) {
    const { name, ...sizes } = benchCase;
    const runs = await measureInRounds(inProcesses(able, sizes), { rounds, roundMs: kRoundMs });
    if (benchCase === trainStep[0]) {
      const once = slow.map((driver) => ({ driver, case: { ...sizes, threads: 1 } }));
      runs.push(...(await measureInRounds(once, { rounds: 1, roundMs: 1 })));
    }
    const expected = await expectedOf('sluice', Object.keys(here), sizes);
    const row = summarize(benchCase, runs, expected);
    rows.push(row);
    report(describe(name, row));
  }
  return { rounds, drivers: here, missing, rows };
}
