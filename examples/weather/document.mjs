// docs/examples/weather.md from examples/results/weather.json.
import { on } from '../../bench/machine.mjs';
import { table } from '../../bench/markdown.mjs';
import { change, count, mean } from '../figures.mjs';
import { axis, chart, color, curves, LINES, line, standalone } from '../page.mjs';
import { daysAhead } from './report.mjs';

const degrees = (value) => value.toFixed(2);

export function render(result) {
  const { ways, baselines } = result;
  const seeds = ways[0].runs.map(({ seed }) => seed);
  const [without] = ways.map(({ runs }) => mean(runs.map(({ error }) => error.mean)));
  const rows = ways.map(({ title, parameters, runs }) => {
    const error = mean(runs.map((run) => run.error.mean));
    const epochs = mean(runs.map(({ validation }) => validation.length));
    const seconds = mean(runs.map((run) => run.seconds));
    return [
      title,
      count(parameters),
      error.toFixed(3),
      error === without ? '' : change(error, without),
      runs.map((run) => degrees(run.error.mean)).join(', '),
      Math.round(epochs),
      (seconds / epochs).toFixed(3),
    ];
  });
  const plain = Object.entries(baselines).map(([name, error]) => [
    name,
    '',
    error.mean.toFixed(3),
    change(error.mean, without),
    '',
    '',
    '',
  ]);
  const losses = ways.map(({ title, runs }) => [title, runs[0].validation]);
  return {
    markdown: [
      '# Weather, with outside information',
      'A GRU of 64 units reads 30 days of Seattle’s weather and forecasts the maximum temperature of the next seven days, as in [the demo](../../examples/weather/README.md). Here it sees what was measured (precipitation, highest and lowest temperature, wind) and, in different ways, what is known from outside: what kind of weather today is called (drizzle, fog, rain, snow, sun) and the date, as a point on the circle of the year. All else is the same: parts in time, scaling, Adam, batches of 32, early stopping with a patience of 10.',
      '```\nnpm run example:weather               # the table\nnpm run example:weather -- --record   # all of this page\n```',
      'The code: [outside.mjs](../../examples/weather/outside.mjs) (the models and their training), [compare.mjs](../../examples/weather/compare.mjs).',
      '## Result',
      `${on(result)} Mean absolute error on the test part, °C; epochs until training stopped; time includes validation.`,
      table(
        [
          'outside information',
          'parameters',
          `error, mean of seeds ${seeds[0]} to ${seeds.at(-1)}`,
          'against the one without',
          'each seed',
          'epochs',
          'seconds an epoch',
        ],
        [...rows, ...plain],
      ),
      '![Error by day ahead](weather.svg)',
      'Mean absolute error in °C by days ahead, mean of the seeds.',
      '![Validation loss by epoch](weather-loss.svg)',
      `Loss on the validation part (mean squared error of scaled temperatures) after each epoch, seed ${seeds[0]}. The weights of the lowest point are kept.`,
    ],
    plots: {
      'weather.svg': standalone(errorsByDay(ways, baselines)),
      'weather-loss.svg': standalone(curves(Object.fromEntries(losses), '')),
    },
  };
}

function errorsByDay(ways, { climatology }) {
  const days = climatology.byHorizon.map((_, day) => day + 1);
  const round = (value) => Math.round(value * 1000) / 1000;
  const marked = { symbol: 'circle', symbolSize: 6 };
  return chart({
    xAxis: daysAhead(days),
    yAxis: axis({ type: 'value', name: '°C', scale: true }),
    series: [
      ...ways.map(({ title, runs }, i) => {
        const errors = days.map((day) => mean(runs.map(({ error }) => error.byHorizon[day - 1])));
        return line(title, errors.map(round), LINES[i], marked);
      }),
      line('climatology', climatology.byHorizon.map(round), color.quiet, marked),
    ],
  });
}
