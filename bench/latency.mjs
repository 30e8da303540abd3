// What serving a small model costs while a large one trains in the same process, and what the process
// costs when it has nothing to do.
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { layers, sequential, tensor, threads } from 'sluice';
import { largeFit, startLargeFit } from './large-fit.mjs';

const kCalls = 3000;
const kIdleMs = 5000;
const [kUnits, kSteps, kFeatures] = [64, 100, 10];

/** Milliseconds of calls that come every few milliseconds, as requests do. */
async function time(calls, call) {
  const times = [];
  for (let i = 0; i < calls; i++) {
    await setTimeout(1 + (i % 3));
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return quantiles(times);
}

function quantiles(times) {
  times.sort((a, b) => a - b);
  const at = (q) =>
    Number(times[Math.min(times.length - 1, Math.floor(q * times.length))].toFixed(3));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Share of one processor that the process uses when nothing is under way. */
async function idleShare() {
  const [before, start] = [process.cpuUsage(), performance.now()];
  await setTimeout(kIdleMs);
  const { user, system } = process.cpuUsage(before);
  return Number(((user + system) / 1e3 / (performance.now() - start)).toFixed(4));
}

export async function measureLatency(report) {
  const model = sequential([layers.gru({ units: kUnits }), layers.dense({ units: 1 })], {
    inputShape: [kSteps, kFeatures],
    seed: 1,
  });
  const x = tensor(
    new Float32Array(kSteps * kFeatures).map((_, i) => Math.sin(i)),
    [1, kSteps, kFeatures],
  );
  const session = model.stream();
  const [step, out] = [new Float32Array(kFeatures), new Float32Array(1)];
  const predict = () => model.predict(x);
  const push = () => {
    session.push(step, out);
  };
  const alone = { predict: await time(kCalls, predict), push: await time(kCalls, push) };
  const fit = await startLargeFit();
  const beside = { predict: await time(kCalls, predict), push: await time(kCalls, push) };
  await fit.stop();
  const result = {
    case: { units: kUnits, steps: kSteps, features: kFeatures, calls: kCalls },
    training: largeFit,
    threads: threads().count,
    ms: { alone, beside },
    idleCpuAfterFit: await idleShare(),
  };
  report(`latency: ${JSON.stringify(result)}`);
  return result;
}
