// Reads images row by row: each is a sequence of 28 rows with 28 pixels.
import { callbacks, layers, optimizers, sequential } from 'sluice';
import { SIZE } from './data.mjs';

const LEARNING_RATE = 0.003;

/** What can read the rows. */
export const READERS = {
  gru: { title: 'GRU, 96 units', layer: () => layers.gru({ units: 96 }) },
  lstm: { title: 'LSTM, 96 units', layer: () => layers.lstm({ units: 96 }) },
  simpleRnn: { title: 'simple RNN, 96 units', layer: () => layers.simpleRnn({ units: 96 }) },
  bidirectional: {
    title: 'bidirectional GRU, 2 × 64 units',
    layer: () => layers.bidirectional({ layer: layers.gru({ units: 64 }) }),
  },
};

/** @param {string} reader one of the {@link READERS} */
export function build(reader, seed) {
  // No softmax at the end: the loss takes scores of any size (logits).
  const model = sequential([READERS[reader].layer(), layers.dense({ units: 10 })], {
    inputShape: [SIZE, SIZE],
    seed,
  });
  model.compile({
    optimizer: optimizers.adam({ learningRate: LEARNING_RATE }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

/**
 * @param {import('sluice').Model} model
 * @param {Record<string, { x: import('sluice').Tensor, y: import('sluice').Tensor }>} images
 *   of `train` and `validation`: x [images, 28, 28] and y [images]
 */
export function train(
  model,
  { train, validation },
  { seed, epochs, onEpochEnd = () => {}, signal },
) {
  return model.fit(train.x, train.y, {
    epochs,
    batchSize: 32,
    seed,
    validationData: [validation.x, validation.y],
    callbacks: [
      // Down to zero along a cosine: the last epochs settle what the first ones found.
      callbacks.learningRateSchedule(
        (epoch) => (LEARNING_RATE * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2,
      ),
      callbacks.lambda({ onEpochEnd }),
    ],
    signal,
  });
}
