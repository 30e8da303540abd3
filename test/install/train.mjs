// Trains the reference model of the benchmarks on an installed package; prints how that went.
import assert from 'node:assert/strict';
import { devices, layers, sequential, tensor } from 'sluice';

const [batch, steps, features, calls] = [32, 100, 10, 100];
const x = tensor(
  Float32Array.from({ length: batch * steps * features }, (_, i) => Math.sin(i / 9)),
  [batch, steps, features],
);
const y = tensor(
  Float32Array.from({ length: batch }, (_, i) => Math.sin(((i + 1) * steps * features) / 9)),
  [batch, 1],
);
const model = sequential([layers.gru({ units: 64 }), layers.dense({ units: 1 })], {
  inputShape: [steps, features],
  seed: 1,
});
model.compile({ optimizer: 'adam', loss: 'mse' });
const losses = [];
const started = performance.now();
for (let call = 0; call < calls; call++) losses.push((await model.trainOnBatch(x, y)).loss);
const milliseconds = (performance.now() - started) / calls;
assert.ok(losses.at(-1) < losses[0] / 2, `the loss went from ${losses[0]} to ${losses.at(-1)}`);
console.log(
  `gru(64) on [${batch},${steps},${features}]: loss ${losses[0].toFixed(3)} to ${losses.at(-1).toFixed(3)} in ${calls} steps of ${milliseconds.toFixed(1)} ms, ${devices().find(({ name }) => name === 'cpu').description}`,
);
