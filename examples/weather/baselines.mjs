// Forecasts that need no network, and the measure that all are compared by.

/** Tomorrow and the days after will be as today. */
export function persistence(temperatures, origins, horizon) {
  return origins.map((origin) => new Array(horizon).fill(temperatures[origin]));
}

/** Each day will be as the training years were on average within a week of that date. */
export function climatology(days, trainingDays, origins, horizon) {
  const normals = new Map();
  const normal = (dayOfYear) => {
    if (!normals.has(dayOfYear)) {
      const near = trainingDays.filter((day) => distance(day.dayOfYear, dayOfYear) <= 7);
      normals.set(dayOfYear, near.reduce((sum, day) => sum + day.tempMax, 0) / near.length);
    }
    return normals.get(dayOfYear);
  };
  return origins.map((origin) =>
    days.slice(origin + 1, origin + 1 + horizon).map((day) => normal(day.dayOfYear)),
  );
}

/** What did happen. */
export function truth(temperatures, origins, horizon) {
  return origins.map((origin) => temperatures.slice(origin + 1, origin + 1 + horizon));
}

/** Mean absolute error: over everything, and for each day ahead. */
export function meanAbsoluteError(forecasts, actual) {
  const byHorizon = actual[0].map((_, day) => {
    const sum = actual.reduce((s, row, i) => s + Math.abs(forecasts[i][day] - row[day]), 0);
    return sum / actual.length;
  });
  return { mean: byHorizon.reduce((s, v) => s + v, 0) / byHorizon.length, byHorizon };
}

function distance(a, b) {
  const days = Math.abs(a - b);
  return Math.min(days, 365.25 - days);
}
