import { tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: the examples are plain JavaScript
import { readDigits } from '../../examples/digits/data.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { BLANK, makeStrips, ROWS, toTensors } from '../../examples/strips/data.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { editDistance, readStrips, score } from '../../examples/strips/reading.mjs';

interface Strip {
  columns: Float32Array[];
  labels: number[];
  digits: number[];
}

const strips: Strip[] = makeStrips(readDigits(50).train, 100, 1);
const { x, y, lengths } = toTensors(strips);
const longest = Math.max(...lengths);
const CLASSES = BLANK + 1;

/** Scores of a network that gives every label, -1 as well, 5 where it is right and 0 elsewhere. */
function scoresOf(labels: ArrayLike<number>) {
  const scores = new Float32Array(labels.length * CLASSES);
  for (let i = 0; i < labels.length; i++) scores[i * CLASSES + Math.max(0, labels[i] ?? 0)] = 5;
  return scores;
}

describe('strips', () => {
  it('have three to six digits, and labels that spell them', () => {
    expect([...new Set(strips.map(({ digits }) => digits.length))].sort()).toEqual([3, 4, 5, 6]);
    for (const { labels, digits } of strips) {
      const starts = labels.filter((label, i) => label !== BLANK && labels[i - 1] !== label);
      expect(starts).toEqual(digits);
    }
  });

  it('have a column for each label, and ink where there is a digit', () => {
    for (const { labels, columns } of strips) {
      expect(columns).toHaveLength(labels.length);
      const inked = new Set(labels.filter((_, i) => columns[i]?.some((value) => value > 0.05)));
      expect([...labels].every((label) => label === BLANK || inked.has(label))).toBe(true);
    }
  });

  it('are the same for one seed and others for another one', () => {
    const digits = (seed: number) =>
      makeStrips(readDigits(50).train, 5, seed).map((strip: Strip) => strip.digits);
    expect(digits(1)).toEqual(strips.slice(0, 5).map((strip) => strip.digits));
    expect(digits(2)).not.toEqual(digits(1));
  });

  it('are padded behind, where no label counts', () => {
    expect([x.shape, y.shape]).toEqual([
      [100, longest, ROWS, 1],
      [100, longest],
    ]);
    for (const [i, { labels, columns }] of strips.entries()) {
      const own = y.data.slice(i * longest, (i + 1) * longest);
      expect([...own.slice(0, lengths[i])]).toEqual(labels);
      expect(own.slice(lengths[i]).every((label: number) => label === -1)).toBe(true);
      const at = (i * longest + 20) * ROWS;
      expect(x.data.slice(at, at + ROWS)).toEqual(columns[20]);
    }
  });
});

describe('reading', () => {
  it('turns right labels into the digits, whatever stands in the padding', () => {
    const scores = tensor(scoresOf(y.data), [100, longest, CLASSES]);
    const read = readStrips(scores, lengths);
    expect(read).toEqual(strips.map(({ digits }) => digits));
  });

  it('takes columns side by side for one digit: the one with the highest sum of scores', () => {
    const scores = scoresOf([BLANK, 4, 9, 4, BLANK, 4, BLANK]);
    scores[2 * CLASSES + 9] = 6;
    expect(readStrips(tensor(scores, [1, 7, CLASSES]), [7])).toEqual([[4, 4]]);
    expect(readStrips(tensor(scores, [1, 7, CLASSES]), [3])).toEqual([[9]]);
  });

  it('counts the least edits', () => {
    expect(editDistance([1, 2, 3], [1, 2, 3])).toBe(0);
    expect(editDistance([1, 2, 3], [1, 3])).toBe(1);
    expect(editDistance([1, 2, 3], [2, 3, 4])).toBe(2);
    expect(editDistance([], [5, 6])).toBe(2);
    expect(editDistance([5, 6], [])).toBe(2);
  });

  it('gives the share of digits and of strips that are right', () => {
    const written = [
      [1, 2, 3],
      [4, 5, 6, 7, 8],
    ];
    const read = [
      [1, 2, 3],
      [4, 5, 7, 8, 8],
    ];
    expect(score(written, read)).toEqual({ digitsRight: 1 - 2 / 8, stripsRight: 0.5 });
  });
});
