// Sluice's side of a training step. Protocol: drivers/protocol.mjs.
import { layers, sequential, setThreads, tensor } from 'sluice';
import { serve } from './protocol.mjs';

function random(n, seed) {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (s * 1664525 + 1013904223) >>> 0;
    return s / 2 ** 31 - 1;
  });
}

serve(async ({ batch, steps, features, units, threads }) => {
  setThreads(threads);
  const model = sequential([layers.gru({ units }), layers.dense({ units: 1 })], {
    inputShape: [steps, features],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const x = tensor(random(batch * steps * features, 1), [batch, steps, features]);
  const y = tensor(random(batch, 2), [batch, 1]);
  return () => model.trainOnBatch(x, y);
});
