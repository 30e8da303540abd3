// Seattle's weather, day by day from 2012 to 2015, as it comes with the npm package vega-datasets.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parse } from 'csv-parse/sync';

/** @typedef {{ date: string, precipitation: number, tempMax: number, tempMin: number, wind: number, weather: string, dayOfYear: number }} Day */

/** What the model sees of a day, in this order. */
export const FEATURES = [
  'precipitation',
  'temp_max',
  'temp_min',
  'wind',
  'season sin',
  'season cos',
];
/** Which of them is forecast. */
export const TARGET = FEATURES.indexOf('temp_max');

/** @returns {Day[]} */
export function readWeather() {
  // The package exports its entry point only; the CSV files lie in the folder beside it.
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  const file = new URL('../data/seattle-weather.csv', pathToFileURL(entry));
  /** @type {any[]} */
  const rows = parse(readFileSync(file), { columns: true });
  const days = rows.map((row) => ({
    date: row.date,
    precipitation: Number(row.precipitation),
    tempMax: Number(row.temp_max),
    tempMin: Number(row.temp_min),
    wind: Number(row.wind),
    weather: row.weather,
    dayOfYear: dayOfYear(row.date),
  }));
  days.forEach((day, i) => {
    const gap = i > 0 && Date.parse(day.date) - Date.parse(days[i - 1].date) !== 86_400_000;
    const numbers = [day.precipitation, day.tempMax, day.tempMin, day.wind];
    if (gap || !numbers.every(Number.isFinite)) {
      throw new Error(`seattle-weather.csv: expected complete, consecutive days; see ${day.date}`);
    }
  });
  return days;
}

/** The feature vector of a day. */
export function featuresOf(day) {
  return [...measured(day), ...season(day)];
}

export const measured = (day) => [day.precipitation, day.tempMax, day.tempMin, day.wind];

/** The date as a point on a circle: December is near January. */
export function season({ dayOfYear }) {
  const angle = (2 * Math.PI * dayOfYear) / 365.25;
  return [Math.sin(angle), Math.cos(angle)];
}

function dayOfYear(date) {
  return Math.round((Date.parse(date) - Date.parse(`${date.slice(0, 4)}-01-01`)) / 86_400_000) + 1;
}
