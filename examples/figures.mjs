// The arithmetic of what the examples report.

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** 0.9765 as "97.7 %". */
export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`;

/** 1996 as "1,996". */
export const count = (number) => number.toLocaleString('en-US');

/** By how much a value is above (+) or below (−) another one, in percent. */
export function change(value, other) {
  const percents = (100 * (value / other - 1)).toFixed(1);
  return `${percents.replace('-', '−').replace(/^(?=\d)/, '+')} %`;
}

/** How many numbers a model learns. */
export function countParameters(model) {
  const trainable = model.weights.filter((weight) => weight.trainable);
  return trainable.reduce((sum, { shape }) => sum + shape.reduce((n, extent) => n * extent, 1), 0);
}

/** The mean of curves of one length, in percent. */
export const meanCurve = (curves) =>
  curves[0].map((_, epoch) => Math.round(1e4 * mean(curves.map((curve) => curve[epoch]))) / 100);
