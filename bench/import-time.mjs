// What `import 'sluice'` adds to the start of a process, from ESM and from CommonJS, and what it adds
// with the addon loaded, which the first call does. Rounds alternate between fresh processes, and each
// figure is the median of its distances from the empty program of the same round. Time on the clock,
// and CPU time, which a busy machine does not stretch as much.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from './statistics.mjs';

const kRounds = 31;
const kLimitMs = 50;
const root = fileURLToPath(new URL('..', import.meta.url));
const tellCpu = `
  const { user, system } = process.cpuUsage();
  console.log((user + system) / 1000);`;

/** Run from the root, where the package finds itself by its name. */
const programs = {
  esm: { type: 'module', source: `import 'sluice';` },
  cjs: { type: 'commonjs', source: `require('sluice');` },
  esmWithAddon: { type: 'module', source: `import { devices } from 'sluice'; devices();` },
};

function run(type, source) {
  const started = performance.now();
  const args = [`--input-type=${type}`, '-e', source + tellCpu];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
  });
  const clock = performance.now() - started;
  if (status !== 0) throw new Error(`${source}\n${stderr}`);
  return { clock, cpu: Number(stdout) };
}

export async function measureImport(report) {
  const ms = {};
  for (const [name, { type, source }] of Object.entries(programs)) {
    run(type, source); // files come from the page cache from here on
    const rounds = Array.from({ length: kRounds }, () => [run(type, ''), run(type, source)]);
    const middle = (f) => Number(median(rounds.map(f)).toFixed(1));
    ms[name] = {
      added: middle(([bare, full]) => full.clock - bare.clock),
      addedCpu: middle(([bare, full]) => full.cpu - bare.cpu),
      bareNode: middle(([bare]) => bare.clock),
      bareNodeCpu: middle(([bare]) => bare.cpu),
    };
    report(`${name}: ${JSON.stringify(ms[name])}`);
  }
  return { rounds: kRounds, limitMs: kLimitMs, ms };
}
