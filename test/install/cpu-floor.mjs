// Run by scripts/check-cpu-floor.mjs on an emulated CPU: trains, predicts and streams on the cpu
// device and holds it to the reference device. Prints the cpu device's description.
import { devices, layers, sequential, setThreads, tensor } from 'sluice';

/** float32 against double; the tests of the engine are about the exact bounds. */
const TOLERANCE = 1e-4;
const [rows, steps, features] = [24, 9, 5];

const values = (count, salt) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * salt));
const x = tensor(values(rows * steps * features, 0.7), [rows, steps, features]);
const y = tensor(values(rows, 0.3), [rows, 1]);

async function train(device) {
  // 40 units: no multiple of any vector length in use, so that remainders are computed as well.
  const model = sequential(
    [
      layers.gru({ units: 40 }),
      layers.dense({ units: 24, activation: 'relu' }),
      layers.dense({ units: 1 }),
    ],
    { inputShape: [null, features], seed: 3 },
  );
  model.compile({ optimizer: 'adam', loss: 'mse', device });
  const { history } = await model.fit(x, y, { epochs: 3, batchSize: 8, shuffle: false });
  const forecast = await model.predict(x);
  return { model, loss: history.loss, forecast: [...forecast.data] };
}

function assertClose(what, got, want) {
  got.forEach((value, i) => {
    if (!(Math.abs(value - want[i]) <= TOLERANCE)) {
      throw new Error(`${what}[${i}]: ${value} on cpu, ${want[i]} on reference`);
    }
  });
}

setThreads(2);
const cpu = await train('cpu');
const reference = await train('reference');
assertClose('loss', cpu.loss, reference.loss);
assertClose('predict', cpu.forecast, reference.forecast);

const session = cpu.model.stream();
const out = new Float32Array(1);
for (let step = 0; step < steps; step++) {
  session.push(x.data.subarray(step * features, (step + 1) * features), out);
}
assertClose('push', [out[0]], cpu.forecast);
console.log(devices().find(({ name }) => name === 'cpu').description);
