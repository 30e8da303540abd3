// The forecast of main.mjs with and without what is known from outside of the measurements: the kind of
// weather that today is called (sun, rain, ...) and the date.
import { callbacks, input, layers, model, tensor } from 'sluice';
import { meanAbsoluteError, truth } from './baselines.mjs';
import { measured, season } from './data.mjs';
import { HORIZON, prepare, STEPS, toCelsius } from './windows.mjs';

const KINDS = ['drizzle', 'fog', 'rain', 'snow', 'sun'];
const kindOf = (day) => KINDS.map((kind) => Number(day.weather === kind));
const UNITS = 64;

const gru = () => layers.gru({ units: UNITS });
const forecast = () => layers.dense({ units: HORIZON });

/** @returns the symbolic inputs: the days, and one vector for the whole sequence */
function inputs() {
  return {
    series: input({ shape: [STEPS, 4], name: 'series' }),
    outside: input({ shape: [KINDS.length + 2], name: 'outside' }),
  };
}

/** Ways to tell a network what is known from outside. `describe`: the features of a day. */
export const WAYS = {
  without: {
    title: 'without',
    describe: measured,
    inputs: ['series'],
    build: sequence,
  },
  initialState: {
    title: 'initial state',
    describe: measured,
    inputs: ['series', 'outside'],
    build(seed) {
      const { series, outside } = inputs();
      const initialState = layers.dense({ units: UNITS, activation: 'tanh' }).apply(outside);
      const state = gru().apply(series, { initialState });
      return model({ inputs: [series, outside], outputs: forecast().apply(state), seed });
    },
  },
  lastState: {
    title: 'beside the last state',
    describe: measured,
    inputs: ['series', 'outside'],
    build(seed) {
      const { series, outside } = inputs();
      const both = layers.concatenate().apply([gru().apply(series), outside]);
      return model({ inputs: [series, outside], outputs: forecast().apply(both), seed });
    },
  },
  features: {
    title: 'features of each day',
    describe: (day) => [...measured(day), ...kindOf(day), ...season(day)],
    inputs: ['series'],
    build: sequence,
  },
  date: {
    title: 'date alone, each day (demo)',
    describe: (day) => [...measured(day), ...season(day)],
    inputs: ['series'],
    build: sequence,
  },
};

/** A network that reads the days and nothing else. */
function sequence(seed, features = 4) {
  const series = input({ shape: [STEPS, features], name: 'series' });
  return model({ inputs: [series], outputs: forecast().apply(gru().apply(series)), seed });
}

/** Trains one of the {@link WAYS} and forecasts the test part. */
export async function train(way, days, { seed, epochs = 100, signal }) {
  const { describe, inputs: names, build } = WAYS[way];
  const { scaler, windows } = prepare(days, describe);
  const network = build(seed, describe(days[0]).length);
  const toTensors = ({ x, y, origins }) => {
    // Today's kind and tomorrow's date: no day that is to be forecast has told its weather.
    const rows = origins.map((today) => [...kindOf(days[today]), ...season(days[today + 1])]);
    const all = { series: tensor(x.data, x.shape), outside: tensor(rows) };
    return {
      x: Object.fromEntries(names.map((name) => [name, all[name]])),
      y: tensor(y.data, y.shape),
    };
  };
  const [training, validation, test] = [windows.train, windows.validation, windows.test].map(
    toTensors,
  );

  network.compile({ optimizer: 'adam', loss: 'mse' });
  const started = performance.now();
  const { history } = await network.fit(training.x, training.y, {
    epochs,
    batchSize: 32,
    seed,
    validationData: [validation.x, validation.y],
    callbacks: [callbacks.earlyStopping({ patience: 10, restoreBest: true })],
    signal,
  });
  const seconds = (performance.now() - started) / 1000;
  const { data } = await network.predict(test.x, { signal });
  const temperatures = days.map((day) => day.tempMax);
  const actual = truth(temperatures, windows.test.origins, HORIZON);
  return {
    model: network,
    history,
    seconds,
    error: meanAbsoluteError(toCelsius(data, scaler), actual),
  };
}
