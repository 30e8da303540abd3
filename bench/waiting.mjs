// What the threads of the OpenMP team should do between two parallel regions: spin (the next region
// starts at once) or sleep (the processor is free). libgomp reads the choice when it is loaded, so each
// one is measured in a process of its own; rounds alternate between them.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from './statistics.mjs';

const kRounds = 3;

/** GOMP_SPINCOUNT: turns of a waiting thread before it sleeps. libgomp's own is 300,000. */
const kSpins = ['0', '1000', '10000', '30000', '300000'];

export async function measureWaiting(report) {
  const script = fileURLToPath(new URL('waiting-process.mjs', import.meta.url));
  const runs = Object.fromEntries(kSpins.map((spins) => [spins, []]));
  for (let round = 0; round < kRounds; round++) {
    for (const spins of kSpins) {
      const env = { ...process.env, GOMP_SPINCOUNT: spins };
      const output = execFileSync(process.execPath, [script], { encoding: 'utf8', env });
      runs[spins].push(JSON.parse(output));
    }
  }
  const rows = kSpins.map((spins) => ({
    spins: Number(spins),
    ...Object.fromEntries(
      Object.keys(runs[spins][0]).map((key) => [
        key,
        Number(median(runs[spins].map((run) => run[key])).toPrecision(3)),
      ]),
    ),
  }));
  for (const row of rows) report(`waiting: ${JSON.stringify(row)}`);
  return { rounds: kRounds, rows };
}
