// From scores of columns to digits, and how many of them are right.
import { BLANK } from './data.mjs';

/**
 * The digits of each strip. Columns that look like a digit and stand side by side are one digit: the one
 * with the highest sum of scores in all of them.
 * @param {import('sluice').Tensor} scores [strips, columns, classes]
 * @param {number[]} lengths columns of each strip
 */
export function readStrips({ data, shape }, lengths) {
  const [, columns, classes] = shape;
  return lengths.map((length, strip) => {
    const digits = [];
    let sums = null;
    for (let column = 0; column <= length; column++) {
      const from = (strip * columns + column) * classes;
      const scores = column < length ? data.subarray(from, from + classes) : null;
      if (scores !== null && argmax(scores) !== BLANK) {
        sums = scores.map((score, i) => score + (sums?.[i] ?? 0));
      } else if (sums !== null) {
        digits.push(argmax(sums.subarray(0, BLANK)));
        sums = null;
      }
    }
    return digits;
  });
}

const argmax = (values) => values.indexOf(Math.max(...values));

/**
 * @param {number[][]} written the digits of each strip
 * @param {number[][]} read what was read
 * @returns the share of digits that are right, 1 - edits / digits (a digit too many counts as much as a
 *   wrong or a missing one), and the share of strips without a mistake
 */
export function score(written, read) {
  const edits = written.map((digits, strip) => editDistance(digits, read[strip]));
  const sum = edits.reduce((total, count) => total + count, 0);
  return {
    digitsRight: 1 - sum / written.flat().length,
    stripsRight: edits.filter((count) => count === 0).length / edits.length,
  };
}

/** The least number of insertions, deletions and replacements that make `b` of `a` (Levenshtein). */
export function editDistance(a, b) {
  let above = [...b.keys(), b.length];
  for (const [i, item] of a.entries()) {
    const row = [i + 1];
    for (const [j, other] of b.entries()) {
      row.push(Math.min(above[j + 1] + 1, row[j] + 1, above[j] + Number(item !== other)));
    }
    above = row;
  }
  return above[b.length];
}
