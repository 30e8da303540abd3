// Whole training steps of recurrent layers: what an option costs beside the plain GRU, and a minGRU
// beside a GRU over long sequences. The models take turns, so that a slow minute of the machine hits all.
import { performance } from 'node:perf_hooks';
import { layers, sequential, setThreads, tensor } from 'sluice';
import { threads } from './cases.mjs';
import { median, ratio, round3 } from './statistics.mjs';

const SIZES = { batch: 64, steps: 50, features: 128, units: 256 };
/** The first one is what the others are compared with. */
const OPTIONS = [
  { layer: 'gru' },
  { layer: 'gru', options: { zoneout: 0.1 } },
  { layer: 'gru', padded: true },
  { layer: 'gru', options: { dropout: 0.2 } },
  { layer: 'gru', options: { recurrentDropout: 0.2 } },
  { layer: 'gru', options: { recurrentDropConnect: 0.2 } },
  { layer: 'gru', options: { layerNorm: true } },
  { layer: 'gru', options: { clip: 5 } },
  { layer: 'gru', options: { activation: 'softsign' } },
  { layer: 'gru', options: { resetAfter: false } },
  { layer: 'gru', options: { kernelRegularizer: 'l2', kernelConstraint: 'maxNorm' } },
  { layer: 'lstm' },
  { layer: 'lstm', options: { recurrentDropout: 0.2 } },
  { layer: 'lstm', options: { layerNorm: true } },
  { layer: 'simpleRnn' },
  { layer: 'minGru' },
];
const LONG = { batch: 8, features: 64, units: 256, steps: [512, 2048, 8192] };
const ROUNDS = 9;

const waves = (shape) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
    shape,
  );

/** A step of training, as a function. `padded`: rows of half to all of the steps. */
function trainingOf({ layer, options, padded }, { batch, steps, features, units }) {
  const model = sequential([layers[layer]({ units, ...options }), layers.dense({ units: 1 })], {
    inputShape: [null, features],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const [x, y] = [waves([batch, steps, features]), waves([batch, 1])];
  const lengths = Array.from(
    { length: batch },
    (_, b) => steps - Math.floor((b * steps) / batch / 2),
  );
  return () => model.trainOnBatch(x, y, padded ? { lengths } : {});
}

/** Milliseconds of each of the steps, one a round. */
async function timeInRounds(trainings, rounds, roundMs) {
  const times = trainings.map(() => []);
  const calls = [];
  for (const train of trainings) {
    await train();
    const start = performance.now();
    await train();
    calls.push(Math.max(1, Math.round(roundMs / (performance.now() - start))));
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, train] of trainings.entries()) {
      const start = performance.now();
      for (let call = 0; call < calls[i]; call++) await train();
      times[i].push((performance.now() - start) / calls[i]);
    }
  }
  return times;
}

/** Of each: the median, and that of the rounds' ratios to the first. */
const compared = (times) =>
  times.map((ms) => ({ ms: round3(median(ms)), ratio: round3(ratio(ms, times[0])) }));

export async function measureOptions(report) {
  const options = OPTIONS.map((entry) => ({ ...entry, results: {} }));
  const long = LONG.steps.map((steps) => ({ steps, results: {} }));
  for (const count of threads) {
    setThreads(count);
    const trainings = OPTIONS.map((entry) => trainingOf(entry, SIZES));
    const results = compared(await timeInRounds(trainings, ROUNDS, 150));
    for (const [i, entry] of options.entries()) {
      entry.results[count] = results[i];
      const { layer, options: own = {}, padded = false } = entry;
      report(
        `${layer} ${JSON.stringify({ ...own, padded })}, ${count} threads: ${JSON.stringify(results[i])}`,
      );
    }
    for (const row of long) {
      const sizes = { ...LONG, steps: row.steps };
      const pair = ['gru', 'minGru'].map((layer) => trainingOf({ layer }, sizes));
      const [gru, minGru] = compared(await timeInRounds(pair, 5, 1));
      row.results[count] = { gru: gru.ms, minGru: minGru.ms, ratio: minGru.ratio };
      report(`minGru, ${row.steps} steps, ${count} threads: ${JSON.stringify(row.results[count])}`);
    }
  }
  setThreads('auto');
  const { steps: _, ...longSizes } = LONG;
  return { rounds: ROUNDS, sizes: SIZES, options, longSizes, long };
}
