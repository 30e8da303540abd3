// Forecasts Seattle's maximum temperature for the next seven days with a GRU.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callbacks, layers, load, sequential, tensor } from 'sluice';
import { print, run } from '../command.mjs';
import { mean } from '../figures.mjs';
import { climatology, meanAbsoluteError, persistence, truth } from './baselines.mjs';
import { FEATURES, readWeather, TARGET } from './data.mjs';
import { demoOptions } from './options.mjs';
import { trainRecorded, writeRecord } from './record.mjs';
import { renderReport } from './report.mjs';
import { HORIZON, prepare, STEPS, toCelsius } from './windows.mjs';

const BATCH_SIZE = 32;
const PATIENCE = 10;

const options = demoOptions();

const days = readWeather();
const { scaler, parts, windows } = prepare(days);
const toTensors = ({ x, y }) => ({ x: tensor(x.data, x.shape), y: tensor(y.data, y.shape) });
const train = toTensors(windows.train);
const validation = toTensors(windows.validation);
const test = toTensors(windows.test);

const temperatures = days.map((day) => day.tempMax);
const { origins } = windows.test;
const actual = truth(temperatures, origins, HORIZON);
const normals = climatology(days, days.slice(...parts.train), origins, HORIZON);
const baselines = {
  persistence: meanAbsoluteError(persistence(temperatures, origins, HORIZON), actual),
  climatology: meanAbsoluteError(normals, actual),
};

function buildModel(seed) {
  const model = sequential([layers.gru({ units: 64 }), layers.dense({ units: HORIZON })], {
    inputShape: [STEPS, FEATURES.length],
    seed,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  return model;
}

function trainModel(model, seed, signal) {
  return model.fit(train.x, train.y, {
    epochs: options.epochs,
    batchSize: BATCH_SIZE,
    seed,
    validationData: [validation.x, validation.y],
    callbacks: [callbacks.earlyStopping({ patience: PATIENCE, restoreBest: true })],
    verbose: options.verbose,
    signal,
  });
}

/** Trains with one seed and forecasts the test part. */
async function runSeed(seed, signal) {
  const model = buildModel(seed);
  const settings = { seed, epochs: options.epochs, batchSize: BATCH_SIZE, patience: PATIENCE };
  const { history, record } = options.record
    ? await trainRecorded(model, { train, validation }, { ...settings, signal })
    : await trainModel(model, seed, signal);
  const { loss } = await model.evaluate(test.x, test.y, { signal });
  const predicted = await model.predict(test.x, { signal });
  const forecast = toCelsius(predicted.data, scaler);
  const error = meanAbsoluteError(forecast, actual);
  if (record) {
    const result = { testLoss: loss, testMae: error.mean, celsiusPerUnit: scaler.std[TARGET] };
    await writeRecord(options.record, { record, settings, history, result, windows });
  }
  return { seed, model, history, loss, predicted, forecast, error };
}

/** The epoch with the lowest validation loss, from 1: the one whose weights are kept. */
function keptEpoch({ val_loss }) {
  return val_loss.indexOf(Math.min(...val_loss)) + 1;
}

/** Saves the model, loads it, and compares what the two predict. */
async function saveAndCheck({ model, predicted }, file, signal) {
  await model.save(file);
  const again = await load(file);
  const { data } = await again.predict(test.x, { signal });
  if (!data.every((value, i) => value === predicted.data[i])) {
    throw new Error(`${file}: the loaded model predicts something else than the saved one`);
  }
}

function printErrors(runs) {
  const gru = mean(runs.map(({ error }) => error.mean));
  const of = runs.length > 1 ? `, mean of ${runs.length} seeds` : '';
  print(`Mean absolute error on the test part${of}:`);
  print(`  gru          ${gru.toFixed(3)} °C`);
  for (const [name, baseline] of Object.entries(baselines)) {
    const change = ((gru / baseline.mean - 1) * 100).toFixed(1);
    print(`  ${name}  ${baseline.mean.toFixed(3)} °C  (gru: ${change} %)`);
  }
}

await run(async (signal) => {
  await mkdir(options.out, { recursive: true });
  print(String(buildModel(0).summary()));
  const counts = Object.entries(windows).map(([part, { origins }]) => `${origins.length} ${part}`);
  print(`\nSeattle, ${days[0].date} to ${days.at(-1)?.date}; windows: ${counts.join(', ')}\n`);

  const runs = [];
  for (const seed of options.seeds) {
    const result = await runSeed(seed, signal);
    runs.push(result);
    const { history, loss, error } = result;
    print(`Seed ${seed}: ${history.loss.length} epochs, epoch ${keptEpoch(history)} kept`);
    print(`Test loss: ${loss.toFixed(4)}`);
    print(`Test MAE: ${error.mean.toFixed(3)} °C\n`);
  }
  printErrors(runs);

  const [first] = runs;
  const modelFile = join(options.out, 'weather.safetensors');
  await saveAndCheck(first, modelFile, signal);
  print(`\nSaved ${modelFile}; loaded again, it predicts the same, bit for bit.`);

  const pageFile = join(options.out, 'weather.html');
  const html = renderReport({
    seed: first.seed,
    training: {
      loss: first.history.loss,
      valLoss: first.history.val_loss,
      keptEpoch: keptEpoch(first.history),
    },
    dates: origins.map((o) => days.slice(o + 1, o + 1 + HORIZON).map((day) => day.date)),
    actual,
    forecast: first.forecast,
    errors: { gru: first.error, ...baselines },
  });
  await writeFile(pageFile, html);
  print(`Wrote ${pageFile}: open it in a browser.`);
});
