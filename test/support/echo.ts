// Models whose predictions are known, so that what follows from them can be worked out by hand.
import { input, layers, type Model, model, sequential, type Tensor, tensor } from 'sluice';
import { noiseTensor, range } from './numbers.js';

function identity(size: number): Tensor<'float32'> {
  const kernel = new Float32Array(size * size);
  for (const i of range(size)) kernel[i * size + i] = 1;
  return tensor(kernel, [size, size]);
}

/** A linear layer that returns its input, [rows, features] or, with `steps`, [rows, steps, features]. */
export function echo(features: number, steps?: number | null, seed = 1): Model {
  const m = sequential([layers.dense({ units: features, name: 'echo' })], {
    inputShape: steps === undefined ? [features] : [steps, features],
    seed,
  });
  m.setWeights({ 'echo/kernel': identity(features) });
  return m;
}

/** Outputs `a` and `b`, both equal to the input. */
export function echoTwice(features: number) {
  const x = input({ shape: [features], name: 'x' });
  const outputs = {
    a: layers.dense({ units: features, name: 'first' }).apply(x),
    b: layers.dense({ units: features, name: 'second' }).apply(x),
  };
  const m = model({ inputs: x, outputs, seed: 1 });
  m.setWeights({ 'first/kernel': identity(features), 'second/kernel': identity(features) });
  return m;
}

/** A small recurrent model: [rows, steps, 2] -> [rows, 1]. */
export function smallGru(seed = 1): Model {
  return sequential([layers.gru({ units: 3 }), layers.dense({ units: 1 })], {
    inputShape: [null, 2],
    seed,
  });
}

/** x·kernel + bias, [rows, 2] -> [rows, 3], with weights that are not zero. */
export function linear(): Model {
  const m = sequential([layers.dense({ units: 3, name: 'linear' })], { inputShape: [2], seed: 1 });
  m.setWeights({ 'linear/kernel': noiseTensor([2, 3], 31), 'linear/bias': noiseTensor([3], 32) });
  return m;
}
