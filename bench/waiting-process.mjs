// One process of bench/waiting.mjs: prints milliseconds and processor use as JSON.
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { layers, sequential, setThreads, tensor } from 'sluice';
import { median } from './statistics.mjs';

setThreads(2);

function compiled(units, steps, features) {
  const model = sequential([layers.gru({ units }), layers.dense({ units: 1 })], {
    inputShape: [steps, features],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  return model;
}
const noise = (...shape) =>
  tensor(
    new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => Math.sin(i)),
    shape,
  );

/** Median milliseconds of one call. */
async function time(calls, call) {
  for (let i = 0; i < 5; i++) await call();
  const times = [];
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return median(times);
}

/** Processors' worth of time that a call every 10 ms takes. */
async function use(calls, call) {
  await call();
  const [before, start] = [process.cpuUsage(), performance.now()];
  for (let i = 0; i < calls; i++) {
    await call();
    await setTimeout(10);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3 / (performance.now() - start);
}

const small = compiled(64, 100, 10);
const [x, y] = [noise(32, 100, 10), noise(32, 1)];
const large = compiled(256, 50, 128);
const [largeX, largeY] = [noise(64, 50, 128), noise(64, 1)];
const result = {
  stepMs64: await time(300, () => small.trainOnBatch(x, y)),
  stepMs256: await time(30, () => large.trainOnBatch(largeX, largeY)),
  predictMs64: await time(300, () => small.predict(x)),
  processorsServing: await use(150, () => small.predict(x)),
};
console.log(JSON.stringify(result));
process.exit();
