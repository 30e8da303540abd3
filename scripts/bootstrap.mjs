// Brings a checkout to the point where it runs: system packages, npm packages, addon, dist.
// Uses Node's own modules only, because it runs before anything is installed. Every step first
// asks whether its result is already there; when all are, nothing is printed with --quiet.
import { parseArgs } from 'node:util';
import { takeLock } from './bootstrap/lock.mjs';
import {
  runMain,
  SystemIncomplete,
  say,
  secondsSince,
  stopOnSignals,
  WrongArguments,
} from './bootstrap/report.mjs';
import * as steps from './bootstrap/steps.mjs';
import { ensureSystem } from './bootstrap/system.mjs';

/** What is made ready for each purpose, in this order. */
const GOALS = {
  run: [steps.npmPackages, steps.addon, steps.dist],
  native: [steps.npmPackages, steps.addon],
  ts: [steps.npmPackages, steps.addon, steps.dist],
  tests: [steps.npmPackages, steps.addon, steps.dist, steps.nativeTests],
  bench: [steps.npmPackages, steps.addon, steps.dist, steps.nativeBench],
  sanitize: [steps.sanitizedTests],
  'sanitize-emulator': [steps.sanitizedCudaTests],
  threads: [steps.threadTests],
  asan: [steps.npmPackages, steps.addon, steps.dist, steps.sanitizedAddon],
  cuda: [steps.cuda],
  lint: [steps.formatter, steps.npmPackages, steps.addon],
  typecheck: [steps.npmPackages],
};

const HELP = `Usage: node scripts/bootstrap.mjs [--for PURPOSE] [--quiet] [--skip-system]

Installs what is missing and builds what is out of date.

  --for PURPOSE   run (default)  addon and dist
                  native         the addon alone
                  ts             dist (needs the addon, to list the names for ESM)
                  tests          run, and the native tests
                  bench          run, and the native timings
                  sanitize       the native tests with AddressSanitizer and UBSan
                  sanitize-emulator  those of the CUDA backend on the emulated device, likewise
                  threads        the native tests with ThreadSanitizer
                  asan           run, the addon with AddressSanitizer and UBSan
                  cuda           the CUDA backend (needs nvcc, no GPU)
                  lint           what npm run lint needs
                  typecheck      the npm packages alone
  --quiet         print nothing when everything is up to date
  --skip-system   do not look for compilers and libraries; leave that to CMake
  --help          this text

System packages are installed with apt-get where that is possible (as root, or where sudo needs no
password); elsewhere the command to run is printed. Build logs are kept in build/logs.
CMAKE_BUILD_PARALLEL_LEVEL limits how many compilers run at once, CXX names the compiler.

Exit codes: 0 ready, 1 a step failed, 2 wrong arguments, 3 something is missing that you have to
install (the message says how), 128 + n stopped by signal n.
`;

/** The values of the command line's options. */
function parseOptions() {
  try {
    return parseArgs({
      options: {
        for: { type: 'string', default: 'run' },
        quiet: { type: 'boolean', default: false },
        'skip-system': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new WrongArguments(error.message);
  }
}

function readArguments() {
  const values = parseOptions();
  if (!Object.hasOwn(GOALS, values.for)) {
    throw new WrongArguments(
      `--for: expected one of ${Object.keys(GOALS).join(', ')}; received ${values.for}`,
    );
  }
  return values;
}

async function main() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SystemIncomplete(`Node 20 or newer is needed; this is ${process.version}`);
  }
  const options = readArguments();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const started = performance.now();
  const findPending = () => GOALS[options.for].filter((step) => !step.isDone());
  if (findPending().length === 0) {
    if (!options.quiet) say(`everything is up to date (${secondsSince(started)})`);
    return;
  }
  stopOnSignals();
  const release = await takeLock();
  try {
    // Again: whoever held the lock may have done some of it.
    await bringUpToDate(findPending(), options);
  } finally {
    release();
  }
  say(`ready (${secondsSince(started)})`);
}

async function bringUpToDate(pending, options) {
  if (!options['skip-system']) {
    await ensureSystem(new Set(pending.flatMap((step) => step.needs)));
  }
  for (const step of pending) await step.run();
}

await runMain(main);
