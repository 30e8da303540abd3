import { describe, expect, it } from 'vitest';
// @ts-expect-error: the examples are plain JavaScript
import * as baselines from '../../examples/weather/baselines.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { featuresOf, readWeather, TARGET } from '../../examples/weather/data.mjs';
// @ts-expect-error: the examples are plain JavaScript
import * as windowing from '../../examples/weather/windows.mjs';

interface Windows {
  origins: number[];
  x: { data: Float32Array; shape: number[] };
  y: { data: Float32Array; shape: number[] };
}

const { HORIZON, STEPS } = windowing;
const days = readWeather();
const { parts, scaler, windows } = windowing.prepare(days);
const { train, validation, test }: Record<string, Windows> = windows;

/** The first and the last day that windows have as a target. */
function targetDays({ origins }: Windows): [number, number] {
  return [Math.min(...origins) + 1, Math.max(...origins) + HORIZON];
}

describe('weather data', () => {
  it('has four years of consecutive days', () => {
    expect(days).toHaveLength(1461);
    expect(days[0]).toEqual({
      date: '2012-01-01',
      precipitation: 0,
      tempMax: 12.8,
      tempMin: 5,
      wind: 4.7,
      weather: 'drizzle',
      dayOfYear: 1,
    });
    expect(days.at(-1).date).toBe('2015-12-31');
    expect(days.at(365)).toMatchObject({ date: '2012-12-31', dayOfYear: 366 });
  });

  it('puts December next to January', () => {
    const distance = (a: number[], b: number[]) =>
      Math.hypot((a[4] ?? 0) - (b[4] ?? 0), (a[5] ?? 0) - (b[5] ?? 0));
    const [january, december, july] = [366, 365, 548].map((i) => featuresOf(days[i]));
    expect(distance(january, december)).toBeLessThan(0.02);
    expect(distance(january, july)).toBeGreaterThan(1.9);
  });
});

describe('windows', () => {
  it('are split in the order of time, without a target in two parts', () => {
    const ranges = [train, validation, test].map((part) => targetDays(part as Windows));
    expect(ranges).toEqual([
      [30, parts.train[1] - 1],
      [parts.train[1], parts.validation[1] - 1],
      [parts.validation[1], days.length - 1],
    ]);
  });

  it('have the shapes that the model reads', () => {
    expect(train?.x.shape).toEqual([986, STEPS, 6]);
    expect(validation?.y.shape).toEqual([213, HORIZON]);
    expect(test?.x.data).toHaveLength(214 * STEPS * 6);
  });

  it('end on the origin and have the days after it as targets', () => {
    const { origins, x, y } = test as Windows;
    const celsius: number[][] = windowing.toCelsius(y.data, scaler);
    for (const i of [0, 100, 213]) {
      const origin = origins[i] as number;
      const today = x.data[((i + 1) * STEPS - 1) * 6 + TARGET] as number;
      expect(today * scaler.std[TARGET] + scaler.mean[TARGET]).toBeCloseTo(days[origin].tempMax, 4);
      const next = days.slice(origin + 1, origin + 1 + HORIZON);
      next.forEach((day: { tempMax: number }, k: number) => {
        expect(celsius[i]?.[k]).toBeCloseTo(day.tempMax, 4);
      });
    }
  });

  it('are scaled by the training days alone', () => {
    const rows: number[][] = days.map(featuresOf);
    const training = rows.slice(0, parts.train[1]);
    const mean = training.reduce((sum, row) => sum + (row[TARGET] ?? 0), 0) / training.length;
    expect(scaler.mean[TARGET]).toBeCloseTo(mean, 10);
    const later = days.map((day: { tempMax: number }, i: number) =>
      i < parts.train[1] ? day : { ...day, tempMax: day.tempMax + 100 },
    );
    const changed = windowing.prepare(later);
    expect(changed.scaler).toEqual(scaler);
    expect(changed.windows.train).toEqual(train);
  });
});

describe('baselines', () => {
  const temperatures = days.map((day: { tempMax: number }) => day.tempMax);
  const origins = test?.origins ?? [];
  const actual = baselines.truth(temperatures, origins, HORIZON);

  it('persistence is 3.46 °C off', () => {
    const forecast = baselines.persistence(temperatures, origins, HORIZON);
    expect(forecast[0]).toEqual(new Array(HORIZON).fill(days[origins[0] as number].tempMax));
    expect(baselines.meanAbsoluteError(forecast, actual).mean).toBeCloseTo(3.462, 3);
  });

  it('climatology is 3.28 °C off and knows the training days only', () => {
    const training = days.slice(...parts.train);
    const forecast = baselines.climatology(days, training, origins, HORIZON);
    expect(baselines.meanAbsoluteError(forecast, actual).mean).toBeCloseTo(3.282, 3);
    const blind = days.map((day: object, i: number) =>
      i < parts.train[1] ? day : { ...day, tempMax: Number.NaN },
    );
    expect(baselines.climatology(blind, training, origins, HORIZON)).toEqual(forecast);
  });

  it('the error is given for each day ahead, too', () => {
    const error = baselines.meanAbsoluteError([[1, 2]], [[2, 5]]);
    expect(error).toEqual({ mean: 2, byHorizon: [1, 3] });
  });
});
