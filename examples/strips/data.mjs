// Strips of three to six handwritten digits, put side by side from the images of examples/digits.
import { tensor } from 'sluice';
import { SIZE } from '../digits/data.mjs';
import { mulberry32 } from '../random.mjs';

/** Pixels in a column. */
export const ROWS = SIZE;
/** The class of a column that says nothing; 0 to 9 are the digits. */
export const BLANK = 10;

const FEWEST = 3;
const MOST = 6;
/** Empty columns before, between and after the digits, at most. With none, digits touch. */
const MOST_GAP = 8;
/** Rows by which a digit stands higher or lower, at most. */
const MOST_SHIFT = 3;

/** @typedef {{ columns: ArrayLike<number>[], labels: number[], digits: number[] }} Strip */

/**
 * Strips as sequences of columns from left to right. The middle half of a digit's columns is labelled with
 * the digit, all else is blank: so there is a blank between any two digits, even equal ones that touch.
 * @param {import('../digits/data.mjs').Images} images
 * @returns {Strip[]}
 */
export function makeStrips(images, count, seed) {
  const random = mulberry32(seed);
  const integer = (from, to) => from + Math.floor(random() * (to - from + 1));
  const glyphs = cutOut(images);
  return Array.from({ length: count }, () => {
    /** @type {Strip} */
    const strip = { columns: [], labels: [], digits: [] };
    const addGap = () => {
      for (let left = integer(0, MOST_GAP); left > 0; left--) {
        strip.columns.push(new Float32Array(ROWS));
        strip.labels.push(BLANK);
      }
    };
    addGap();
    for (let left = integer(FEWEST, MOST); left > 0; left--) {
      const { columns, digit } = glyphs[integer(0, glyphs.length - 1)];
      const shift = integer(-MOST_SHIFT, MOST_SHIFT);
      columns.forEach((column, i) => {
        const fromMiddle = Math.abs(i + 0.5 - columns.length / 2);
        strip.columns.push(column.map((_, row) => column[row - shift] ?? 0));
        strip.labels.push(fromMiddle <= Math.max(0.5, columns.length / 4) ? digit : BLANK);
      });
      strip.digits.push(digit);
      addGap();
    }
    return strip;
  });
}

/** The images as columns, from the first to the last one with ink. */
function cutOut({ x, y }) {
  return Array.from(y, (digit, image) => {
    const columns = Array.from({ length: SIZE }, (_, column) =>
      Float32Array.from({ length: ROWS }, (_, row) => x[(image * ROWS + row) * SIZE + column]),
    );
    const hasInk = columns.map((column) => column.some((value) => value > 0.05));
    const [first, last] = [hasInk.indexOf(true), hasInk.lastIndexOf(true)];
    return { digit, columns: columns.slice(first, last + 1) };
  });
}

/**
 * Strips of any lengths as one batch: padded behind to the longest, with their lengths.
 * @param {Strip[]} strips
 * @returns x [strips, columns, rows, 1], y [strips, columns] and lengths [strips]
 */
export function toTensors(strips) {
  const lengths = strips.map(({ labels }) => labels.length);
  const longest = Math.max(...lengths);
  const x = new Float32Array(strips.length * longest * ROWS);
  // Where a strip has ended, no label counts: -1 is none.
  const y = new Int32Array(strips.length * longest).fill(-1);
  strips.forEach(({ columns, labels }, strip) => {
    y.set(labels, strip * longest);
    for (const [i, column] of columns.entries()) x.set(column, (strip * longest + i) * ROWS);
  });
  return {
    x: tensor(x, [strips.length, longest, ROWS, 1]),
    y: tensor(y, [strips.length, longest]),
    lengths,
  };
}
