// The arithmetic of the comparison with peers.
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { best, distance, geometricMean, median, ratio } from '../../bench/statistics.mjs';

describe('statistics', () => {
  it('takes the value in the middle, or the mean of two, and leaves the order alone', () => {
    const values = [5, 1, 9];
    expect(median(values)).toBe(5);
    expect(values).toEqual([5, 1, 9]);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10, 9, 100])).toBe(10); // as numbers, not as text
  });

  it('multiplies before it takes the root', () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
    expect(geometricMean([3])).toBeCloseTo(3, 12);
  });

  it('takes the ratio within each round', () => {
    // The second round was slow for both; the ratio of the medians would be 3.
    expect(ratio([4, 40, 6], [2, 20, 1])).toBe(2);
  });

  it('prefers the number of threads with the lower median, whatever its best round', () => {
    const one = { threads: 1, ms: [4, 4, 4] };
    const two = { threads: 2, ms: [1, 5, 5] };
    expect(best([one, two])).toBe(one);
    expect(best([two, one])).toBe(one);
  });
});

describe('the distance between results', () => {
  it('is over the largest value, and absolute where values are small', () => {
    expect(distance({ y: [10, 20.2] }, { y: [10, 20] })).toBeCloseTo(0.01, 6);
    expect(distance({ y: [0.1, 0.3] }, { y: [0.1, 0.2] })).toBeCloseTo(0.1, 6);
    expect(distance({ y: [1], dx: [2.5] }, { y: [1], dx: [2] })).toBeCloseTo(0.25, 6);
  });

  it('is infinite where a result is missing, short or no number', () => {
    expect(distance({}, { y: [1] })).toBe(Infinity);
    expect(distance({ y: [1], dx: [1] }, { y: [1] })).toBe(Infinity);
    expect(distance({ y: [1] }, { y: [1, 2] })).toBe(Infinity);
    expect(distance({ y: [Number.NaN, 2] }, { y: [1, 2] })).toBe(Infinity);
    expect(distance({ y: [null, 2] }, { y: [1, 2] })).toBe(Infinity);
  });
});
