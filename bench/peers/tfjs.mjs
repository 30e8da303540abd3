// TensorFlow.js, backend=wasm or backend=cpu. Its GRU has the reset gate before the product alone.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import tf from '@tensorflow/tfjs';
import wasm from '@tensorflow/tfjs-backend-wasm';
import { sample, seeds, values, weightsOf } from '../drivers/data.mjs';
import { serve } from '../drivers/protocol.mjs';

// The recurrent weights are set later; the initializer of their own takes minutes for many units.
const gru = (units, returnSequences) =>
  tf.layers.gru({
    units,
    returnSequences,
    recurrentActivation: 'sigmoid',
    recurrentInitializer: 'zeros',
  });

function setWeights(layer, c) {
  const { features, units } = c;
  const { kernel, recurrentKernel, bias } = weightsOf({ ...c, resetAfter: 0 });
  layer.setWeights([
    tf.tensor(kernel, [features, 3 * units]),
    tf.tensor(recurrentKernel, [units, 3 * units]),
    tf.tensor(bias, [3 * units]),
  ]);
}

const data = (seed, shape) =>
  tf.tensor(
    values(
      shape.reduce((a, b) => a * b),
      seed,
    ),
    shape,
  );

function inference(c) {
  const { batch, steps, features, units, state } = c;
  const x = tf.input({ shape: [steps, features] });
  const h0 = tf.input({ shape: [units] });
  const layer = gru(units, true);
  const inputs = state ? [x, h0] : [x];
  const outputs = layer.apply(x, state ? { initialState: [h0] } : undefined);
  const model = tf.model({ inputs, outputs });
  setWeights(layer, c);
  const feeds = [data(seeds.x, [batch, steps, features])];
  if (state) feeds.push(data(seeds.initialState, [batch, units]));
  const iterate = () =>
    tf.tidy(() =>
      model.predict(feeds.length > 1 ? feeds : feeds[0], { batchSize: batch }).dataSync(),
    );
  return { iterate, check: () => ({ y: sample(iterate()) }) };
}

function step(c) {
  const { batch, steps, features, units } = c;
  const layers = [gru(units, false), tf.layers.dense({ units: 1 })];
  const model = tf.sequential();
  const [first, second] = layers;
  first.batchInputShape = [null, steps, features];
  for (const layer of layers) model.add(layer);
  setWeights(first, c);
  second.setWeights([tf.tensor(weightsOf(c).denseKernel, [units, 1]), tf.zeros([1])]);
  model.compile({ optimizer: tf.train.adam(0.001), loss: 'meanSquaredError' });
  const [x, y] = [data(seeds.x, [batch, steps, features]), data(seeds.target, [batch, 1])];
  let firstLoss;
  const iterate = async () => {
    const loss = await model.trainOnBatch(x, y);
    firstLoss ??= loss;
  };
  return { iterate, check: () => ({ firstLoss: [firstLoss] }) };
}

serve(async (c) => {
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  wasm.setWasmPaths(`${folder}/`);
  wasm.setThreadsCount(c.threads);
  if (!(await tf.setBackend(c.backend))) throw new Error(`no backend ${c.backend}`);
  return { inference, step }[c.kind](c);
});
