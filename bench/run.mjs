// npm run bench [-- NAME ...]: measures, writes JSON under bench/results and
// renders docs/benchmarks.md.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeDocument, writeResult } from './document.mjs';
import { measureEventLoop } from './event-loop.mjs';
import { measureImport } from './import-time.mjs';
import { measureLatency } from './latency.mjs';
import { machine } from './machine.mjs';
import { measurePush } from './push.mjs';
import { measureTrainStep } from './train-step.mjs';
import { measureWaiting } from './waiting.mjs';

const measurements = {
  'train-step': measureTrainStep,
  'event-loop': measureEventLoop,
  latency: measureLatency,
  push: measurePush,
  waiting: measureWaiting,
  import: measureImport,
  // A process of its own: the samples are of its memory. V8 interprets (machine code is added for tens
  // of thousands of calls), its young generation is small and of one size, its collector has one
  // thread; malloc has one arena and gives what is free back at once. What is left is what the library
  // keeps.
  memory: async (report) => {
    const script = fileURLToPath(new URL('memory.mjs', import.meta.url));
    const semiSpace = ['--min-semi-space-size=1', '--max-semi-space-size=1'];
    const interpreted = ['--no-opt', '--no-sparkplug', '--no-flush-bytecode'];
    const flags = ['--expose-gc', '--single-threaded-gc', ...semiSpace, ...interpreted];
    const malloc = {
      MALLOC_ARENA_MAX: '1',
      MALLOC_MMAP_THRESHOLD_: '65536',
      MALLOC_TOP_PAD_: '4096',
      MALLOC_TRIM_THRESHOLD_: '4096',
    };
    const env = { ...process.env, ...malloc };
    const output = execFileSync(process.execPath, [...flags, script], { encoding: 'utf8', env });
    const result = JSON.parse(output);
    report(`memory: ${JSON.stringify(result)}`);
    return result;
  },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
});
const unknown = positionals.find((name) => !(name in measurements));
if (values.help || unknown !== undefined) {
  if (unknown !== undefined) console.error(`unknown measurement: ${unknown}`);
  console.log(`usage: npm run bench [-- ${Object.keys(measurements).join('|')} ...]`);
  process.exit(unknown === undefined ? 0 : 2);
}

for (const name of positionals.length ? positionals : Object.keys(measurements)) {
  console.error(`== ${name}`);
  const result = await measurements[name]((line) => console.error(line));
  writeResult(name, { machine: machine(), ...result });
}
writeDocument();
