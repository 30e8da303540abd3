// Losses of one row (or step) in double, written down from docs/semantics.md.
import { range, sum } from './numbers.js';

type Row = readonly number[];

const at = (row: Row, i: number) => row[i] as number;
const meanOver = (p: Row, element: (i: number) => number) =>
  sum(range(p.length).map(element)) / p.length;

export const mse = (p: Row, t: Row) => meanOver(p, (i) => (at(p, i) - at(t, i)) ** 2);

export const mae = (p: Row, t: Row) => meanOver(p, (i) => Math.abs(at(p, i) - at(t, i)));

export const huber = (delta: number) => (p: Row, t: Row) =>
  meanOver(p, (i) => {
    const e = Math.abs(at(p, i) - at(t, i));
    return e <= delta ? e ** 2 / 2 : delta * e - delta ** 2 / 2;
  });

/** log(1 + e^x) without overflow. */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** -t log σ(p) - (1 - t) log(1 - σ(p)), as σ(-p) = 1 - σ(p) and -log σ(p) = softplus(-p). */
export const binaryCrossentropy = (p: Row, t: Row) =>
  meanOver(p, (i) => at(t, i) * softplus(-at(p, i)) + (1 - at(t, i)) * softplus(at(p, i)));

function logSoftmax(p: Row): number[] {
  const max = Math.max(...p);
  const log = Math.log(sum(p.map((value) => Math.exp(value - max))));
  return p.map((value) => value - max - log);
}

/** Terms with a target of zero count as zero even where the logarithm is -Infinity. */
export const categoricalCrossentropy = (p: Row, t: Row) =>
  -sum(logSoftmax(p).map((log, i) => (at(t, i) === 0 ? 0 : at(t, i) * log)));

export const sparseCategoricalCrossentropy = (p: Row, label: number) => -at(logSoftmax(p), label);

/** Σ w·value / Σ w. */
export function weightedMean(values: Row, weights?: Row): number {
  if (!weights) return sum(values) / values.length;
  return sum(values.map((value, i) => value * at(weights, i))) / sum(weights);
}
