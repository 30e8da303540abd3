// Every reader with several seeds: what docs/examples/digits.md is made of.
import { countParameters, mean, percent } from '../figures.mjs';
import { build, READERS, train } from './train.mjs';

/**
 * @param images of `train`, `validation` and `test`, as tensors
 * @param options `report` gets a line of text for each run
 */
export async function compare(images, { seeds, epochs, report = (_) => {}, signal }) {
  const { test } = images;
  const readers = [];
  for (const [name, { title }] of Object.entries(READERS)) {
    const runs = [];
    for (const seed of seeds) {
      const model = build(name, seed);
      const started = performance.now();
      const { history } = await train(model, images, { seed, epochs, signal });
      const seconds = (performance.now() - started) / 1000;
      const { accuracy } = await model.evaluate(test.x, test.y, { signal });
      report(`${title}, seed ${seed}: ${percent(accuracy)}, ${seconds.toFixed(1)} s`);
      runs.push({ seed, accuracy, seconds, validation: history.val_accuracy });
    }
    readers.push({ title, parameters: countParameters(build(name, 0)), runs });
  }
  for (const { title, runs } of readers) {
    report(`${title}, mean: ${percent(mean(runs.map(({ accuracy }) => accuracy)))}`);
  }
  const count = ({ y }) => y.shape[0];
  const { train: training, validation } = images;
  const counts = { train: count(training), validation: count(validation), test: count(test) };
  return { epochs, images: counts, readers };
}
