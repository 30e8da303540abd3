// A training step against each peer, in one run: rounds alternate between the drivers, and the ratio is
// the median of the rounds' ratios, so that a slow minute of the machine hits all of them.
import { threads, trainStep } from './cases.mjs';
import { median } from './drivers/protocol.mjs';
import { findDrivers, start } from './drivers.mjs';

const kRounds = 7;
const kRoundMs = 400;

export async function measureTrainStep(report) {
  const { found, missing } = findDrivers();
  for (const reason of missing) report(`not measured: ${reason}`);
  const rows = [];
  for (const benchCase of trainStep) {
    for (const count of threads) {
      const running = [];
      for (const driver of found)
        running.push(await start(driver, { ...benchCase, threads: count }));
      const iterations = [];
      for (const driver of running)
        iterations.push(Math.max(3, Math.round(kRoundMs / (await driver.run(3)))));
      const times = running.map(() => []);
      for (let round = 0; round < kRounds; round++)
        for (const [i, driver] of running.entries()) times[i].push(await driver.run(iterations[i]));
      for (const driver of running) driver.stop();
      const row = {
        ...benchCase,
        threads: count,
        ms: Object.fromEntries(found.map(({ name }, i) => [name, round3(median(times[i]))])),
        // Peer's time over ours.
        ratio: Object.fromEntries(
          found
            .slice(1)
            .map(({ name }, i) => [
              name,
              round3(median(times[i + 1].map((t, r) => t / times[0][r]))),
            ]),
        ),
      };
      rows.push(row);
      report(`${row.name}, ${count} thread(s): ${JSON.stringify(row.ms)}`);
    }
  }
  return { rounds: kRounds, rows, missing };
}

const round3 = (x) => Number(x.toPrecision(3));
