// The forecast with and without outside information, several seeds each, beside the baselines.
import { integer, print, range, readOptions, run } from '../command.mjs';
import { countParameters, mean } from '../figures.mjs';
import { writeDocuments } from '../render.mjs';
import { writeResult } from '../results.mjs';
import { climatology, meanAbsoluteError, persistence, truth } from './baselines.mjs';
import { readWeather } from './data.mjs';
import { train, WAYS } from './outside.mjs';
import { HORIZON, prepare } from './windows.mjs';

const HELP = `Usage: npm run example:weather -- [options]   (or: node examples/weather/compare.mjs [options])

Forecasts as the demo does, with and without the kind of weather and the date.

  --seeds A-B    train once for each seed (default 0-4)
  --epochs N     at most so many epochs (default 100; early stopping ends sooner)
  --record       also write docs/examples
  --help         this text
`;

const options = readOptions(
  HELP,
  {
    seeds: { type: 'string', default: '0-4' },
    epochs: { type: 'string', default: '100' },
    record: { type: 'boolean', default: false },
  },
  ({ seeds, epochs, record }) => ({
    seeds: range('seeds', seeds),
    epochs: integer('epochs', epochs, 1),
    record,
  }),
);

function baselines(days) {
  const { parts, windows } = prepare(days);
  const { origins } = windows.test;
  const temperatures = days.map((day) => day.tempMax);
  const actual = truth(temperatures, origins, HORIZON);
  const normals = climatology(days, days.slice(...parts.train), origins, HORIZON);
  return {
    persistence: meanAbsoluteError(persistence(temperatures, origins, HORIZON), actual),
    climatology: meanAbsoluteError(normals, actual),
  };
}

await run(async (signal) => {
  const { epochs, seeds, record } = options;
  const days = readWeather();
  const ways = [];
  print('Mean absolute error on the test part, °C:');
  for (const [name, { title }] of Object.entries(WAYS)) {
    const runs = [];
    let parameters = 0;
    for (const seed of seeds) {
      const { model, history, seconds, error } = await train(name, days, { seed, epochs, signal });
      parameters = countParameters(model);
      runs.push({ seed, seconds, error, validation: history.val_loss });
    }
    ways.push({ title, parameters, runs });
    const errors = runs.map(({ error }) => error.mean);
    print(`${mean(errors).toFixed(3)}  ${title}  (${errors.map((e) => e.toFixed(3)).join(', ')})`);
  }
  const others = baselines(days);
  for (const [name, error] of Object.entries(others)) print(`${error.mean.toFixed(3)}  ${name}`);
  if (!record) return;
  writeResult('weather', { ways, baselines: others });
  writeDocuments();
});
