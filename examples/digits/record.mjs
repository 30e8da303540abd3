// All readers with several seeds, and their document.
import { mean, percent, print } from '../command.mjs';
import { curves, mean3, table } from '../document.mjs';
import { build, READERS, train } from './train.mjs';

/** Trains every reader with every seed. @returns what the document is made of */
export async function compare(images, { epochs, seeds, signal }) {
  const { test } = images;
  const readers = [];
  for (const [name, { title }] of Object.entries(READERS)) {
    const runs = [];
    let parameters = 0;
    for (const seed of seeds) {
      const model = build(name, seed);
      ({ parameters } = model.summary());
      const { history, seconds } = await train(model, images, { seed, epochs, signal });
      const { accuracy } = await model.evaluate(test.x, test.y, { signal });
      print(`${title}, seed ${seed}: ${percent(accuracy)} after ${seconds.toFixed(1)} s`);
      runs.push({ seed, accuracy, seconds, validation: history.val_accuracy });
    }
    readers.push({ title, parameters, runs });
  }
  return { epochs, images: countsOf(images), readers };
}
