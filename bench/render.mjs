// docs/benchmarks.md from the JSON results.
import { shapeOf } from './cases.mjs';
import { comparison, reasons } from './comparison.mjs';
import { cudaTables } from './cuda-tables.mjs';
import { kernelTables } from './kernel-tables.mjs';
import { lifecycleTables } from './lifecycle-tables.mjs';
import { on } from './machine.mjs';
import { table } from './markdown.mjs';
import { optionTables } from './option-tables.mjs';

/** Results by the names of their files, in the order of the document. */
const SECTIONS = {
  kernels: kernelTables,
  'train-step': trainStepTable,
  options: optionTables,
  'event-loop': eventLoopTable,
  latency: latencyTable,
  push: pushTable,
  waiting: waitingTable,
  import: importTable,
  memory: memoryTable,
  lifecycle: lifecycleTables,
};

/** @param {Record<string, any>} results */
export function render(results) {
  const parts = [
    '# Measurements',
    'Made by `npm run bench` and `npm run check:lifecycle` from the files in `bench/results`. The machine is shared and noisy: peers run in the same minutes, and a ratio is the median of the ratios of alternating rounds.',
  ];
  for (const [name, section] of Object.entries(SECTIONS)) {
    if (results[name]) parts.push(...section(results[name]));
  }
  parts.push(...cudaTables(results));
  return `${parts.join('\n\n')}\n`;
}

function eventLoopTable(result) {
  const { case: c, delayMs, echo, seconds, stepsTrained, shareOfTimeInGapsOver10ms } = result;
  return [
    '## The event loop while training',
    on(result),
    `fit of gru(${c.units}) on batches [${c.batch},${c.steps},${c.features}] for ${seconds} s (${stepsTrained} steps). Event loop delay (1 ms resolution): max ${delayMs.max} ms, p99 ${delayMs.p99} ms; ${(100 * shareOfTimeInGapsOver10ms).toFixed(2)} % of the time in gaps over 10 ms. An HTTP echo server in the same process: ${echo.requests} requests, p50 ${echo.p50} ms, p99 ${echo.p99} ms, max ${echo.max} ms.`,
  ];
}

function memoryTable(result) {
  const rows = ['trainOnBatch', 'predict', 'push'].map((name) => {
    const { calls, bytesPerCall } = result[name];
    return [name, calls.toLocaleString('en'), bytesPerCall];
  });
  return [
    '## Memory over many calls',
    on(result),
    table(
      [
        'call',
        'calls',
        'slope of live memory (of the JavaScript heap, and anonymous memory outside of it), bytes a call, last 80 %',
      ],
      rows,
    ),
  ];
}

function latencyTable(result) {
  const { case: c, training, ms, idleCpuAfterFit } = result;
  const row = (name, when) => {
    const { p50, p99, max } = ms[when][name];
    return [name, when === 'alone' ? 'nothing' : 'training', p50, p99, max];
  };
  const names = ['predict', 'push'];
  return [
    '## Serving a small model while a large one trains',
    on(result),
    `gru(${c.units}) → dense(1), one row of ${c.steps} steps (predict) and one step (push), ${c.calls} calls a few milliseconds apart; beside them, in the same process, a fit of gru(${training.units}) on batches [${training.batch},${training.steps},${training.features}] with ${result.threads} threads. After the fit the idle process used ${(100 * idleCpuAfterFit).toFixed(2)} % of a processor.`,
    table(
      ['call', 'beside', 'p50 ms', 'p99 ms', 'max ms'],
      names.flatMap((name) => [row(name, 'alone'), row(name, 'beside')]),
    ),
  ];
}

function pushTable(result) {
  const { push, pool } = result;
  const types = Object.keys(pool.us);
  const row = (name, us) => [name, ...types.map((type) => us[type].median)];
  return [
    '## Streaming',
    on(result),
    `Microseconds of one step from JavaScript, on the calling thread, by the type of the weights: \`session.push(x, out)\` of a gru with as many features as units, and \`pool.step\` of ${pool.sessions.toLocaleString('en')} sessions, for each of them. Median of 200 rounds.`,
    table(
      ['call', ...types],
      [
        ...push.map(({ units, us }) => row(`push, ${units} units`, us)),
        row(`pool.step, ${pool.units} units, a session`, pool.us),
      ],
    ),
  ];
}

function waitingTable(result) {
  const { rounds, rows } = result;
  const columns = {
    spins: 'turns before sleep',
    stepMs64: 'training step, 64 units, ms',
    stepMs256: 'training step, 256 units, ms',
    predictMs64: 'predict, 64 units, ms',
    processorsServing: 'processors in use',
  };
  const keys = Object.keys(columns);
  return [
    '## What waiting threads cost',
    on(result),
    `How often a thread of the OpenMP team looks for its next parallel region before it sleeps (libgomp's own choice is 300,000, ours is in lib/addon/waiting.ts), two threads, median of ${rounds} rounds. The last column: the processors that a process uses which answers a predict of 32 rows every 10 ms.`,
    table(
      Object.values(columns),
      rows.map((row) => keys.map((key) => row[key].toLocaleString('en'))),
    ),
  ];
}

function trainStepTable(result) {
  const nameOf = (row) => `${row.name} (${shapeOf(row)})`;
  return [
    '## A training step',
    on(result),
    'gru(units) → dense(1), mse, Adam: forward, backward and update, called from JavaScript (`trainOnBatch`) and from Python. TF.js has another GRU, which resets before the product; brain.js takes one sequence after the other and predicts every step. TF.js CPU and brain.js were timed once.',
    comparison(result, result.rows, nameOf),
    ...reasons(result),
  ];
}

function importTable(result) {
  const names = {
    esm: "`import 'sluice'`",
    cjs: "`require('sluice')`",
    esmWithAddon: '`import`, and the first call, which loads the addon',
  };
  const rows = Object.entries(names).map(([name, title]) => {
    const { added, addedCpu, bareNode, bareNodeCpu } = result.ms[name];
    return [title, added, addedCpu, bareNode, bareNodeCpu];
  });
  return [
    '## Starting',
    on(result),
    `What a process takes longer to start than an empty program, median of ${result.rounds} rounds. The limit for an import is ${result.limitMs} ms.`,
    table(
      ['program', 'added, ms', 'added, CPU ms', 'empty program, ms', 'empty program, CPU ms'],
      rows,
    ),
  ];
}
