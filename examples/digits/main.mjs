// Recognises handwritten digits row by row, and says what was taken for what.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { integer, print, readOptions, run } from '../command.mjs';
import { percent } from '../figures.mjs';
import { writeDocuments } from '../render.mjs';
import { writeResult } from '../results.mjs';
import { compare } from './compare.mjs';
import { readDigits, toTensors } from './data.mjs';
import { renderReport } from './report.mjs';
import { build, READERS, train } from './train.mjs';

const HELP = `Usage: npm run example:digits -- [options]   (or: node examples/digits/main.mjs [options])

  --reader NAME  ${Object.keys(READERS).join(', ')} (default gru)
  --seed N       initial weights and order of the batches (default 0)
  --epochs N     how often the images are seen (default 12)
  --out DIR      folder for digits.safetensors and digits.html (default ./out)
  --record       train every reader with seeds 0 to 2 and write docs/examples
  --help         this text
`;

const options = readOptions(
  HELP,
  {
    reader: { type: 'string', default: 'gru' },
    seed: { type: 'string', default: '0' },
    epochs: { type: 'string', default: '12' },
    out: { type: 'string', default: 'out' },
    record: { type: 'boolean', default: false },
  },
  ({ reader, seed, epochs, out, record }) => {
    if (!Object.hasOwn(READERS, reader)) {
      throw new TypeError(`--reader: expected one of ${Object.keys(READERS).join(', ')}`);
    }
    return {
      reader,
      seed: integer('seed', seed),
      epochs: integer('epochs', epochs, 1),
      out,
      record,
    };
  },
);

/** Rows: the digit that was written; columns: the one that was recognised. */
function confusionMatrix(actual, recognised) {
  const matrix = Array.from({ length: 10 }, () => new Array(10).fill(0));
  actual.forEach((digit, i) => {
    matrix[digit][recognised[i]] += 1;
  });
  return matrix;
}

function printConfusion(matrix) {
  const row = (head, cells) =>
    print(head.padStart(9) + cells.map((c) => `${c}`.padStart(5)).join(''));
  print('\nWritten (rows) and recognised as (columns):');
  row('', [...matrix.keys()]);
  for (const [digit, counts] of matrix.entries())
    row(
      `${digit}`,
      counts.map((n) => n || '.'),
    );
}

/** For each image the digit with the highest score. */
function argmax({ data }) {
  return Array.from({ length: data.length / 10 }, (_, i) => {
    const scores = data.subarray(i * 10, (i + 1) * 10);
    return scores.indexOf(Math.max(...scores));
  });
}

async function trainOne(parts, images, { reader, seed, epochs, out }, signal) {
  const model = build(reader, seed);
  print(String(model.summary()));
  const counts = Object.entries(parts).map(([part, { y }]) => `${y.length} ${part}`);
  print(`\nImages: ${counts.join(', ')}`);

  const started = performance.now();
  const { history } = await train(model, images, {
    seed,
    epochs,
    onEpochEnd(epoch, logs) {
      const [own, validation] = [logs.accuracy, logs.val_accuracy].map((share) => percent(share));
      print(`epoch ${`${epoch + 1}`.padStart(2)}: accuracy ${own}, validation ${validation}`);
    },
    signal,
  });
  print(`Trained in ${((performance.now() - started) / 1000).toFixed(1)} s`);

  const { test } = images;
  const { loss, accuracy } = await model.evaluate(test.x, test.y, { signal });
  print(`\nTest loss: ${loss.toFixed(4)}`);
  print(`Test accuracy: ${percent(accuracy)}`);
  const recognised = argmax(await model.predict(test.x, { signal }));
  const confusion = confusionMatrix(parts.test.y, recognised);
  printConfusion(confusion);

  await mkdir(out, { recursive: true });
  const [modelFile, pageFile] = [join(out, 'digits.safetensors'), join(out, 'digits.html')];
  await model.save(modelFile);
  const { title } = READERS[reader];
  const result = { title, seed, history, accuracy, test: parts.test, recognised, confusion };
  await writeFile(pageFile, renderReport(result));
  print(`\nWrote ${modelFile} and ${pageFile}`);
}

await run(async (signal) => {
  const parts = readDigits();
  const images = {
    train: toTensors(parts.train),
    validation: toTensors(parts.validation),
    test: toTensors(parts.test),
  };
  if (!options.record) return trainOne(parts, images, options, signal);
  const { epochs } = options;
  const result = await compare(images, { seeds: [0, 1, 2], epochs, report: print, signal });
  writeResult('digits', result);
  writeDocuments();
});
