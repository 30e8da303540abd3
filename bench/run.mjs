// npm run bench [-- NAME ...]: measures, writes JSON under bench/results and
// renders docs/benchmarks.md. --help lists names and options.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeDocument, writeResult } from './document.mjs';
import { stopAll } from './drivers.mjs';
import { measureEventLoop } from './event-loop.mjs';
import { measureImport } from './import-time.mjs';
import { measureKernels } from './kernels.mjs';
import { measureLatency } from './latency.mjs';
import { machine } from './machine.mjs';
import { measureOptions } from './options.mjs';
import { preparePeers } from './peers.mjs';
import { measurePush } from './push.mjs';
import { measureTrainStep } from './train-step.mjs';
import { measureWaiting } from './waiting.mjs';

const measurements = {
  kernels: measureKernels,
  'train-step': measureTrainStep,
  options: measureOptions,
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

const HELP = `Usage: npm run bench [-- OPTIONS NAME ...]

Measures, writes bench/results/NAME.json and renders docs/benchmarks.md from all results.
Names: ${Object.keys(measurements).join(', ')}; default: all.

  --peers         first install and compile what kernels and train-step are measured against
                  (bench/peers); peers in Python are those of SLUICE_BENCH_PYTHON, default python3
  --rounds N      rounds of kernels and train-step, default 7; with it nothing is recorded
  --only TEXT     cases of kernels and train-step whose names contain TEXT; nothing is recorded
  --help          this text
`;

function readArguments() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      peers: { type: 'boolean' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(measurements, name));
  if (unknown !== undefined) throw new Error(`unknown measurement: ${unknown}`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    throw new Error(`--rounds: expected a number of rounds; received ${values.rounds}`);
  }
  const names = positionals.length ? positionals : Object.keys(measurements);
  return { ...values, names, options: { rounds, only: values.only } };
}

/** @type {ReturnType<typeof readArguments>} */
let args;
try {
  args = readArguments();
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`);
  process.exit(2);
}
if (args.help) {
  console.log(HELP);
  process.exit();
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopAll();
    console.error('stopped; nothing is recorded of what was under way');
    process.exit(130);
  });
}

const report = (line) => console.error(line);
if (args.peers) preparePeers(report);
const isPartial = Object.values(args.options).some((option) => option !== undefined);
for (const name of args.names) {
  report(`== ${name}`);
  const result = await measurements[name](report, args.options);
  if (!isPartial) writeResult(name, { machine: machine(), ...result });
}
if (!isPartial) writeDocument();
