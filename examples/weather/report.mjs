// The page: how training went, and the forecast against what happened.
import { axis, chart, color, epochAxis, line, page, section, table } from '../page.mjs';

/**
 * @param {object} result
 * @param {number} result.seed
 * @param {{ loss: number[], valLoss: number[], keptEpoch: number }} result.training
 * @param {string[][]} result.dates the days that each forecast is for
 * @param {number[][]} result.actual °C, as everything below
 * @param {number[][]} result.forecast
 * @param {Record<string, { mean: number, byHorizon: number[] }>} result.errors of gru and the baselines
 */
export function renderReport({ seed, training, dates, actual, forecast, errors }) {
  const { gru, persistence, climatology } = errors;
  const better = (baseline) => `${Math.round((1 - gru.mean / baseline.mean) * 100)} %`;
  const horizon = gru.byHorizon.length;
  return page({
    title: 'Seattle: the next seven days’ maximum temperature',
    lead: `A GRU with 64 units reads 30 days of weather and forecasts the following ${horizon}. It was trained on the first 70 % of four years, stopped by the next 15 %, and is tested here on the last 15 %, ${dates[0]?.[0]} to ${dates.at(-1)?.at(-1)}. Seed ${seed}.`,
    figures: [
      { value: `${gru.mean.toFixed(2)} °C`, label: 'mean absolute error, test part' },
      { value: better(persistence), label: 'less error than persistence' },
      { value: better(climatology), label: 'less error than climatology' },
      { value: `${training.keptEpoch} of ${training.loss.length}`, label: 'epoch that was kept' },
    ],
    sections: [
      section(
        'Forecast and truth',
        'Each panel shows, for every day of the test part, what had been forecast for it one day and seven days before.',
        forecastChart(dates, actual, forecast),
      ),
      section(
        'Loss',
        'Mean squared error on scaled temperatures. The weights of the epoch with the lowest validation loss are kept.',
        lossChart(training),
      ),
      section(
        'Error by day ahead',
        'Mean absolute error in °C. Persistence repeats today; climatology is the training years’ mean within a week of the date.',
        errorChart(errors) + errorTable(errors),
      ),
    ],
  });
}

function forecastChart(dates, actual, forecast) {
  const panels = [
    { day: 0, name: '1 day ahead', top: 64 },
    { day: dates[0].length - 1, name: `${dates[0].length} days ahead`, top: 324 },
  ];
  const round = (value) => Math.round(value * 100) / 100;
  const range = { min: dates[0][0], max: dates.at(-1).at(-1) };
  return chart(
    {
      grid: panels.map(({ top }) => ({ left: 48, right: 16, top, height: 200 })),
      xAxis: panels.map((_, gridIndex) => axis({ type: 'time', gridIndex, ...range })),
      yAxis: panels.map((_, gridIndex) => axis({ type: 'value', name: '°C', gridIndex })),
      series: panels.flatMap(({ day, name }, panel) => {
        const points = (rows) => rows.map((row, i) => [dates[i][day], round(row[day])]);
        const place = { xAxisIndex: panel, yAxisIndex: panel };
        const tint = panel === 0 ? color.first : color.second;
        const thin = { ...place, lineStyle: { color: color.quiet, width: 1.5 } };
        return [
          line('what happened', points(actual), color.quiet, thin),
          line(name, points(forecast), tint, place),
        ];
      }),
    },
    572,
  );
}

function lossChart({ loss, valLoss, keptEpoch }) {
  const best = {
    symbol: ['none', 'none'],
    lineStyle: { color: color.quiet, type: 'dashed' },
    label: { formatter: 'kept', color: 'var(--ink-soft)', fontSize: 13 },
    data: [{ xAxis: keptEpoch }],
  };
  const points = (values) => values.map((value, i) => [i + 1, value]);
  return chart({
    xAxis: epochAxis(loss.length),
    yAxis: axis({ type: 'value', scale: true }),
    series: [
      line('training', points(loss), color.first),
      line('validation', points(valLoss), color.second, { markLine: best }),
    ],
  });
}

/** The axis of the days that a forecast reaches ahead. */
export function daysAhead(days) {
  return axis({
    type: 'category',
    name: 'days ahead',
    nameLocation: 'middle',
    nameGap: 26,
    data: days,
  });
}

function errorChart(errors) {
  const tints = { gru: color.first, persistence: color.second, climatology: color.third };
  const days = errors.gru.byHorizon.map((_, i) => i + 1);
  return chart(
    {
      xAxis: daysAhead(days),
      yAxis: axis({ type: 'value', name: '°C' }),
      series: Object.entries(errors).map(([name, { byHorizon }]) =>
        line(name, byHorizon, tints[name], { symbol: 'circle', symbolSize: 7 }),
      ),
    },
    300,
  );
}

function errorTable(errors) {
  const days = errors.gru.byHorizon.map((_, i) => `+${i + 1}`);
  const rows = Object.entries(errors).map(([name, { mean, byHorizon }]) => [
    name,
    ...[...byHorizon, mean].map((value) => value.toFixed(2)),
  ]);
  return table(['days ahead', ...days, 'mean'], rows);
}
