// A large model that trains in this process until it is told to stop: what other measurements run beside.
import { layers, sequential, tensor } from 'sluice';

/** The case: batches [64, 50, 128], 512 units. */
export const largeFit = { batch: 64, steps: 50, features: 128, units: 512 };

/** Begins to fit; resolves when the first step is done. `stop()` gives the number of steps. */
export async function startLargeFit() {
  const { batch, steps, features, units } = largeFit;
  const model = sequential([layers.gru({ units }), layers.dense({ units: 1 })], {
    inputShape: [steps, features],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const rows = 16 * batch;
  const x = tensor(
    new Float32Array(rows * steps * features).map((_, i) => Math.sin(i)),
    [rows, steps, features],
  );
  const y = tensor(
    new Float32Array(rows).map((_, i) => Math.cos(i)),
    [rows, 1],
  );
  const controller = new AbortController();
  let count = 0;
  let fit;
  await new Promise((resolve) => {
    const onBatchEnd = () => {
      count++;
      resolve();
    };
    const { signal } = controller;
    const options = { epochs: 1e6, batchSize: batch, signal, verbose: 0 };
    fit = model.fit(x, y, { ...options, callbacks: [{ onBatchEnd }] });
    fit.catch(resolve);
  });
  return {
    async stop() {
      controller.abort();
      try {
        await fit;
      } catch (error) {
        if (error.code !== 'ABORTED') throw error;
      }
      return count;
    },
  };
}
