// Training as `fit` does it, step by step, with everything written down that another framework needs
// to repeat it: initial weights, windows, the order of the rows in every epoch, the loss of every step.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tensor } from 'sluice';
import { mulberry32 } from '../random.mjs';

/**
 * Early stopping and best weights as in callbacks.earlyStopping({ patience, restoreBest: true }).
 * @returns the history, as from fit, and the record for {@link writeRecord}
 */
export async function trainRecorded(model, { train, validation }, options) {
  const { seed, epochs, batchSize, patience, signal } = options;
  const random = mulberry32(seed);
  const initialWeights = await model.save();
  /** @type {Record<'loss' | 'val_loss', number[]>} */
  const history = { loss: [], val_loss: [] };
  /** @type {Int32Array[]} */
  const orders = [];
  /** @type {number[]} */
  const stepLosses = [];
  let best = { loss: Number.POSITIVE_INFINITY, epoch: -1, weights: model.getWeights() };

  for (let epoch = 0; epoch < epochs && epoch - best.epoch <= patience; epoch++) {
    const order = shuffled(train.x.shape[0], random);
    orders.push(order);
    let sum = 0;
    for (let at = 0; at < order.length; at += batchSize) {
      signal.throwIfAborted();
      const rows = order.subarray(at, at + batchSize);
      const { loss } = await model.trainOnBatch(take(train.x, rows), take(train.y, rows));
      stepLosses.push(loss);
      sum += loss * rows.length;
    }
    const { loss } = await model.evaluate(validation.x, validation.y, { signal });
    history.loss.push(sum / order.length);
    history.val_loss.push(loss);
    if (loss < best.loss) best = { loss, epoch, weights: model.getWeights() };
  }
  model.setWeights(best.weights);
  return { history, record: { initialWeights, orders, stepLosses } };
}

/** Writes a folder for pytorch.py. Arrays are plain little-endian float32 and int32. */
export async function writeRecord(dir, { record, windows, settings, history, result }) {
  await mkdir(dir, { recursive: true });
  const shapes = {};
  for (const [part, { x, y }] of Object.entries(windows)) {
    for (const [name, { data, shape }] of Object.entries({ x, y })) {
      shapes[`${part}_${name}`] = shape;
      await writeFile(join(dir, `${part}_${name}.f32`), data);
    }
  }
  await writeFile(join(dir, 'initial.safetensors'), record.initialWeights);
  await writeFile(
    join(dir, 'order.i32'),
    Buffer.concat(record.orders.map((o) => new Uint8Array(o.buffer))),
  );
  const { stepLosses } = record;
  const description = { settings, shapes, stepLosses, history, result };
  await writeFile(join(dir, 'record.json'), JSON.stringify(description, null, 1));
}

/** The rows of a tensor with these numbers. */
function take(source, rows) {
  const size = source.data.length / source.shape[0];
  const data = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    data.set(source.data.subarray(row * size, (row + 1) * size), i * size);
  });
  return tensor(data, [rows.length, ...source.shape.slice(1)]);
}

/** 0 to count - 1 in random order (Fisher and Yates). */
function shuffled(count, random) {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
