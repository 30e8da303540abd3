// Reads strips of digits from left to right: a convolution looks at the columns with their neighbours,
// a GRU walks along them in both directions, and each column gets a label.
import { callbacks, layers, optimizers, sequential } from 'sluice';
import { BLANK, ROWS } from './data.mjs';

const LEARNING_RATE = 0.004;

export function build(seed) {
  const model = sequential(
    [
      // Columns come first: they are the steps, and lengths count them. Pooling halves the rows alone,
      // so that each column stays a step, with its label.
      layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
      layers.maxPooling2d({ poolSize: [1, 2] }),
      layers.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
      layers.maxPooling2d({ poolSize: [1, 2] }),
      layers.timeDistributed({ layer: layers.flatten() }), // rows and filters of a column: its features
      layers.dropout({ rate: 0.3 }),
      layers.bidirectional({ layer: layers.gru({ units: 64, returnSequences: true }) }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: BLANK + 1 }),
    ],
    { inputShape: [null, ROWS, 1], seed },
  );
  model.compile({
    optimizer: optimizers.adam({ learningRate: LEARNING_RATE }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

/**
 * @param {import('sluice').Model} model
 * @param {Record<string, ReturnType<typeof import('./data.mjs').toTensors>>} strips of `train` and
 *   `validation`
 */
export function train(
  model,
  { train, validation },
  { seed, epochs, onEpochEnd = () => {}, signal },
) {
  return model.fit(train.x, train.y, {
    lengths: train.lengths,
    epochs,
    batchSize: 16,
    seed,
    validationData: validation,
    callbacks: [
      callbacks.learningRateSchedule(
        (epoch) => (LEARNING_RATE * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2,
      ),
      callbacks.lambda({ onEpochEnd }),
    ],
    signal,
  });
}
