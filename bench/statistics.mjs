// The arithmetic of the comparison.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

export const round3 = (x) => Number(x.toPrecision(3));

/**
 * The best of a driver's thread counts, by the median over its rounds.
 * @param {{ threads: number, ms: number[] }[]} runs
 */
export function best(runs) {
  return runs.reduce((a, b) => (median(b.ms) < median(a.ms) ? b : a));
}

/** How many times as long `peer` takes: the median of the rounds' ratios. Both have the same rounds. */
export const ratio = (peer, own) => median(peer.map((ms, round) => ms / own[round]));

/**
 * The largest distance between two sets of samples by name, over the largest value of the tensor where
 * that is above 1. Infinity where a tensor is missing, has another number of samples or is no number.
 */
export function distance(samples, reference) {
  const names = Object.keys(reference);
  if (Object.keys(samples).sort().join() !== [...names].sort().join()) return Infinity;
  const errors = names.map((name) => {
    const [a, b] = [samples[name], reference[name]];
    if (a.length !== b.length || !a.every(Number.isFinite)) return Infinity;
    const size = Math.max(1, ...b.map(Math.abs));
    return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / size;
  });
  return Math.max(...errors);
}
