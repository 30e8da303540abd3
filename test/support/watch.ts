// Looks into a training from outside.
import { callbacks, type FitOptions, type Model, tensor } from 'sluice';
import { echo } from './echo.js';
import { range } from './numbers.js';

/** A model whose loss on row i of {@link numberedRows} is i, at a learning rate of zero. */
export function numbering(seed = 1): Model {
  const m = echo(1, undefined, seed);
  m.compile({ loss: 'mae', optimizer: 'sgd' });
  m.learningRate = 0;
  return m;
}

export function numberedRows(count: number) {
  return { x: tensor(new Float32Array(count), [count, 1]), y: tensor(range(count)) };
}

/** The rows in the order in which the epochs of a `fit` saw them. */
export async function ordersOf(m: Model, count: number, options: FitOptions): Promise<number[][]> {
  const orders: number[][] = [];
  let order: number[] = [];
  let before = 0;
  const watch = callbacks.lambda({
    onEpochBegin() {
      order = [];
      before = 0;
      orders.push(order);
    },
    onBatchEnd(batch, logs) {
      // The logs are means over the epoch so far; whole numbers come back exactly.
      const total = Math.round((logs.loss as number) * (batch + 1));
      order.push(total - before);
      before = total;
    },
  });
  const { x, y } = numberedRows(count);
  await m.fit(x, y, { ...options, batchSize: 1, callbacks: [watch] });
  return orders;
}
