// docs/benchmarks.md from the JSON results.

const on = ({ machine }) =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node.slice(1)}, ${machine.date}.`;

export function render({ 'train-step': trainStep, 'event-loop': eventLoop, latency, memory }) {
  const parts = [
    '# Measurements',
    'Made by `npm run bench` from the files in `bench/results`. The machine is shared and noisy: peers run in the same minutes, and a ratio is the median of the ratios of alternating rounds.',
  ];
  if (trainStep) parts.push(...trainStepTable(trainStep));
  if (eventLoop) {
    const { case: c, delayMs, echo } = eventLoop;
    parts.push(
      '## The event loop while training',
      on(eventLoop),
      `fit of gru(${c.units}) on batches [${c.batch},${c.steps},${c.features}] for ${eventLoop.seconds} s (${eventLoop.stepsTrained} steps). Event loop delay (1 ms resolution): max ${delayMs.max} ms, p99 ${delayMs.p99} ms; ${(100 * eventLoop.shareOfTimeInGapsOver10ms).toFixed(2)} % of the time in gaps over 10 ms. An HTTP echo server in the same process: ${echo.requests} requests, p50 ${echo.p50} ms, p99 ${echo.p99} ms, max ${echo.max} ms.`,
    );
  }
  if (latency) parts.push(...latencyTable(latency));
  if (memory) {
    const rows = ['trainOnBatch', 'predict', 'push'].map(
      (name) =>
        `| ${name} | ${memory[name].calls.toLocaleString('en')} | ${memory[name].bytesPerCall} |`,
    );
    parts.push(
      '## Memory over many calls',
      on(memory),
      [
        '| call | calls | slope of anonymous memory (free pages of the JavaScript heap taken off), bytes a call (last 80 %) |',
        '| --- | --- | --- |',
        ...rows,
      ].join('\n'),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

function latencyTable(result) {
  const { case: c, training, ms, idleCpuAfterFit } = result;
  const row = (name, when) => {
    const { p50, p99, max } = ms[when][name];
    return `| ${name} | ${when === 'alone' ? 'nothing' : 'training'} | ${p50} | ${p99} | ${max} |`;
  };
  const names = ['predict', 'push'];
  return [
    '## Serving a small model while a large one trains',
    on(result),
    `gru(${c.units}) → dense(1), one row of ${c.steps} steps (predict) and one step (push), ${c.calls} calls a few milliseconds apart; beside them, in the same process, a fit of gru(${training.units}) on batches [${training.batch},${training.steps},${training.features}] with ${result.threads} threads. After the fit the idle process used ${(100 * idleCpuAfterFit).toFixed(2)} % of a processor.`,
    [
      '| call | beside | p50 ms | p99 ms | max ms |',
      '| --- | --- | --- | --- | --- |',
      ...names.flatMap((name) => [row(name, 'alone'), row(name, 'beside')]),
    ].join('\n'),
  ];
}

function trainStepTable(result) {
  const peers = Object.keys(result.rows[0].ratio);
  const head = [
    'case (batch, steps, features, units)',
    'threads',
    'Sluice ms',
    ...peers.flatMap((p) => [`${p} ms`, 'ratio']),
  ];
  const rows = result.rows.map((row) => [
    `${row.name} (${row.batch}, ${row.steps}, ${row.features}, ${row.units})`,
    row.threads,
    row.ms.sluice,
    ...peers.flatMap((p) => [row.ms[p], `${row.ratio[p]} ×`]),
  ]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    '## A training step',
    on(result),
    'gru(units) → dense(1), mse, Adam: forward, backward and update, called from JavaScript (`trainOnBatch`) and from Python.',
    [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'),
    ...result.missing.map((reason) => `Not measured: ${reason}.`),
  ];
}
