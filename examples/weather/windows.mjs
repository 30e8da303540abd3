// From days to what a network learns from: parts in time, scaling, windows.
import { featuresOf, TARGET } from './data.mjs';

/** Days that the network reads, and days that it forecasts. */
export const STEPS = 30;
export const HORIZON = 7;

/**
 * Scaled windows of the three parts, and the scaler. Only training days decide the scaling.
 * @param {(day: import('./data.mjs').Day) => number[]} describe what the network sees of a day
 */
export function prepare(days, describe = featuresOf) {
  const features = days.map(describe);
  const parts = splitDays(days.length);
  const scaler = fitScaler(features.slice(...parts.train));
  const rows = scale(features, scaler);
  return {
    scaler,
    parts,
    windows: {
      train: makeWindows(rows, parts.train),
      validation: makeWindows(rows, parts.validation),
      test: makeWindows(rows, parts.test),
    },
  };
}

/**
 * Cuts the days into training, validation and test parts, in the order of time.
 * @returns {{ train: [number, number], validation: [number, number], test: [number, number] }}
 *   first day and the day after the last
 */
export function splitDays(count, trainShare = 0.7, validationShare = 0.15) {
  const first = Math.floor(count * trainShare);
  const second = Math.floor(count * (trainShare + validationShare));
  return { train: [0, first], validation: [first, second], test: [second, count] };
}

/** Mean and standard deviation of each column. Give it the training days only. */
export function fitScaler(rows) {
  const mean = rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length);
  const std = mean.map((m, k) =>
    Math.sqrt(rows.reduce((sum, row) => sum + (row[k] - m) ** 2, 0) / rows.length),
  );
  return { mean, std };
}

export function scale(rows, { mean, std }) {
  return rows.map((row) => row.map((value, k) => (value - mean[k]) / std[k]));
}

/**
 * All windows whose target days lie within [from, to): STEPS days up to and including the origin
 * ("today") as input, the maximum temperature of the HORIZON days after it as target. No target
 * belongs to two parts, and a window whose targets straddle a border belongs to none. Inputs may
 * reach back into the part before: on the day of the forecast they are known.
 */
export function makeWindows(rows, [from, to]) {
  const origins = [];
  const first = Math.max(from - 1, STEPS - 1);
  for (let origin = first; origin + HORIZON < to; origin++) origins.push(origin);
  const inputs = origins.map((origin) => rows.slice(origin - STEPS + 1, origin + 1));
  const targets = origins.map((origin) =>
    rows.slice(origin + 1, origin + 1 + HORIZON).map((row) => row[TARGET]),
  );
  return {
    origins,
    x: { data: Float32Array.from(inputs.flat(2)), shape: [origins.length, STEPS, rows[0].length] },
    y: { data: Float32Array.from(targets.flat()), shape: [origins.length, HORIZON] },
  };
}

/** Scaled forecasts, row after row, as °C. */
export function toCelsius(scaled, { mean, std }) {
  const celsius = Array.from(scaled, (value) => value * std[TARGET] + mean[TARGET]);
  return Array.from({ length: celsius.length / HORIZON }, (_, i) =>
    celsius.slice(i * HORIZON, (i + 1) * HORIZON),
  );
}
