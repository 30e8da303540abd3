// Reads strips of three to six handwritten digits, and shows what was read.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { integer, print, range, readOptions, run } from '../command.mjs';
import { readDigits } from '../digits/data.mjs';
import { countParameters, mean, percent } from '../figures.mjs';
import { writeDocuments } from '../render.mjs';
import { writeResult } from '../results.mjs';
import { makeStrips, toTensors } from './data.mjs';
import { readStrips, score } from './reading.mjs';
import { renderReport, stripsPicture } from './report.mjs';
import { build, train } from './train.mjs';

const HELP = `Usage: npm run example:strips -- [options]   (or: node examples/strips/main.mjs [options])

  --strips N     strips to train on (default 5000); a tenth as many to validate, a fifth to test
  --epochs N     how often they are seen (default 10)
  --seeds A-B    initial weights, order of the batches and dropout (default 0); the page shows the first
  --out DIR      folder for strips.safetensors and strips.html (default ./out)
  --record       seeds 0 to 2, and docs/examples
  --help         this text
`;

const options = readOptions(
  HELP,
  {
    strips: { type: 'string', default: '5000' },
    epochs: { type: 'string', default: '10' },
    seeds: { type: 'string', default: '0' },
    out: { type: 'string', default: 'out' },
    record: { type: 'boolean', default: false },
  },
  ({ strips, epochs, seeds, out, record }) => ({
    strips: integer('strips', strips, 10),
    epochs: integer('epochs', epochs, 1),
    seeds: range('seeds', record ? '0-2' : seeds),
    out,
    record,
  }),
);

/** Strips of test images alone are read in the end: no image is in two parts. */
function compose({ strips }) {
  const images = readDigits();
  return {
    train: makeStrips(images.train, strips, 1),
    validation: makeStrips(images.validation, Math.ceil(strips / 10), 2),
    test: makeStrips(images.test, Math.ceil(strips / 5), 3),
  };
}
/** Trains with one seed and reads the test strips. */
async function runSeed(seed, strips, tensors, signal) {
  const { epochs } = options;
  const model = build(seed);
  const started = performance.now();
  const { history } = await train(model, tensors, {
    seed,
    epochs,
    onEpochEnd(epoch, { loss, val_loss, val_accuracy }) {
      const losses = `loss ${loss.toFixed(4)}, validation ${val_loss.toFixed(4)}`;
      print(
        `epoch ${`${epoch + 1}`.padStart(2)}: ${losses}, columns right ${percent(val_accuracy)}`,
      );
    },
    signal,
  });
  const seconds = (performance.now() - started) / 1000;
  const { x, lengths } = tensors.test;
  const read = readStrips(await model.predict(x, { lengths, signal }), lengths);
  const written = strips.test.map(({ digits }) => digits);
  const { digitsRight, stripsRight } = score(written, read);
  print(`Seed ${seed}: trained in ${seconds.toFixed(1)} s`);
  print(`Digits right: ${percent(digitsRight, 2)}`);
  print(`Strips without a mistake: ${percent(stripsRight)}\n`);
  return { seed, seconds, digitsRight, stripsRight, history, read, model };
}

await run(async (signal) => {
  const { epochs, seeds, out, record } = options;
  const strips = compose(options);
  const tensors = {
    train: toTensors(strips.train),
    validation: toTensors(strips.validation),
    test: toTensors(strips.test),
  };
  print(String(build(0).summary()));
  const counts = Object.entries(strips).map(([part, { length }]) => `${length} ${part}`);
  print(`\nStrips: ${counts.join(', ')}\n`);

  const runs = [];
  for (const seed of seeds) runs.push(await runSeed(seed, strips, tensors, signal));
  const ofDigits = mean(runs.map(({ digitsRight }) => digitsRight));
  if (runs.length > 1) print(`Digits right, mean of the seeds: ${percent(ofDigits, 2)}`);

  await mkdir(out, { recursive: true });
  const [modelFile, pageFile] = [join(out, 'strips.safetensors'), join(out, 'strips.html')];
  const [first] = runs;
  await first.model.save(modelFile);
  await writeFile(pageFile, renderReport(first, strips.test));
  print(`Wrote ${modelFile} and ${pageFile}`);
  if (!record) return;
  const recorded = runs.map(({ seed, seconds, digitsRight, stripsRight, history }) => {
    const { accuracy, val_accuracy: validation } = history;
    return { seed, seconds, digitsRight, stripsRight, accuracy, validation };
  });
  writeResult('strips', {
    epochs,
    strips: Object.fromEntries(Object.entries(strips).map(([part, { length }]) => [part, length])),
    parameters: countParameters(first.model),
    runs: recorded,
  });
  // The strips themselves are no result: their picture is drawn here and not by render.mjs.
  const file = new URL('../../docs/examples/strips-read.svg', import.meta.url);
  await writeFile(file, stripsPicture(strips.test, first.read));
  writeDocuments();
});
