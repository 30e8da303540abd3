// Recognises handwritten digits row by row: each image is a sequence of 28 rows with 28 pixels.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { callbacks, layers, optimizers, sequential, tensor } from 'sluice';
import { readDigits, SIZE } from './data.mjs';
import { renderReport } from './report.mjs';

const HELP = `Usage: npm run example:digits -- [options]   (or: node examples/digits/main.mjs [options])

  --seed N     initial weights and order of the batches (default 0)
  --epochs N   how often the images are seen (default 12)
  --out DIR    folder for digits.safetensors and digits.html (default ./out)
  --help       this text
`;

// The first ctrl-C stops the training, the second one the process.
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const { signal } = stop;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string', default: '0' },
        epochs: { type: 'string', default: '12' },
        out: { type: 'string', default: 'out' },
        help: { type: 'boolean', default: false },
      },
    });
    const [seed, epochs] = [Number(values.seed), Number(values.epochs)];
    if (!Number.isInteger(seed) || seed < 0) throw new TypeError('--seed: expected 0, 1, 2, ...');
    if (!Number.isInteger(epochs) || epochs < 1)
      throw new TypeError('--epochs: expected 1, 2, ...');
    return { seed, epochs, out: values.out, help: values.help };
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

function print(text) {
  process.stdout.write(`${text}\n`);
}

const percent = (share) => `${(share * 100).toFixed(1)} %`;

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

async function main({ seed, epochs, out }) {
  const parts = readDigits();
  const toTensors = ({ x, y }) => ({
    x: tensor(x, [y.length, SIZE, SIZE]),
    y: tensor(y, [y.length]),
  });
  const train = toTensors(parts.train);
  const validation = toTensors(parts.validation);
  const test = toTensors(parts.test);

  const model = sequential([layers.gru({ units: 96 }), layers.dense({ units: 10 })], {
    inputShape: [SIZE, SIZE],
    seed,
  });
  model.compile({
    optimizer: optimizers.adam({ learningRate: 0.003 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  });
  print(String(model.summary()));
  print(
    `\nImages: ${parts.train.y.length} train, ${parts.validation.y.length} validation, ${parts.test.y.length} test`,
  );

  const started = performance.now();
  const { history } = await model.fit(train.x, train.y, {
    epochs,
    batchSize: 32,
    seed,
    validationData: [validation.x, validation.y],
    callbacks: [
      callbacks.earlyStopping({ patience: epochs, restoreBest: true }),
      callbacks.lambda({
        onEpochEnd(epoch, logs) {
          print(
            `epoch ${`${epoch + 1}`.padStart(2)}: accuracy ${percent(logs.accuracy)}, validation ${percent(logs.val_accuracy)}`,
          );
        },
      }),
    ],
    signal,
  });
  print(`Trained in ${((performance.now() - started) / 1000).toFixed(1)} s`);

  const { loss, accuracy } = await model.evaluate(test.x, test.y, { signal });
  print(`\nTest loss: ${loss.toFixed(4)}`);
  print(`Test accuracy: ${percent(accuracy)}`);
  const recognised = argmax(await model.predict(test.x, { signal }));
  const confusion = confusionMatrix(parts.test.y, recognised);
  printConfusion(confusion);

  await mkdir(out, { recursive: true });
  const [modelFile, pageFile] = [join(out, 'digits.safetensors'), join(out, 'digits.html')];
  await model.save(modelFile);
  await writeFile(
    pageFile,
    renderReport({ seed, history, accuracy, test: parts.test, recognised, confusion }),
  );
  print(`\nWrote ${modelFile} and ${pageFile}`);
}

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
} else {
  try {
    await main(options);
  } catch (error) {
    if (!signal.aborted) throw error;
    print('Stopped; nothing was saved.');
    process.exitCode = 130;
  }
}
