// The page and the picture: strips, and what was read.
import { drawing, inkPaths } from '../drawing.mjs';
import { curves, page, section, standalone } from '../page.mjs';
import { ROWS } from './data.mjs';

/** How many strips the page and the picture show of those that were read well and of those that were not. */
const SHOWN = { page: 18, picture: 5 };

const isRight = ({ digits }, read) => digits.join() === read.join();

/** The first strips that were read without and with a mistake. */
function examples(strips, read, count) {
  const all = strips.map((strip, i) => ({ strip, read: read[i] }));
  return {
    right: all.filter((one) => isRight(one.strip, one.read)).slice(0, count),
    wrong: all.filter((one) => !isRight(one.strip, one.read)).slice(0, count),
  };
}

const caption = ({ strip, read }) =>
  isRight(strip, read)
    ? `read: ${read.join(' ')}`
    : `read: ${read.join(' ')}, written: ${strip.digits.join(' ')}`;

const inkOf = (strip) => (column, row) => strip.columns[column][row];

export function renderReport({ seed, history, digitsRight, stripsRight, read }, strips) {
  const { right, wrong } = examples(strips, read, SHOWN.page);
  const gallery = (list) => {
    const figures = list.map((one) => {
      const picture = drawing(one.strip.columns.length, ROWS, inkOf(one.strip));
      return `<figure>${picture}<figcaption>${caption(one)}</figcaption></figure>`;
    });
    return `<div class="gallery wide-figures">${figures.join('\n')}</div>`;
  };
  const inPercent = (values) => values.map((value) => Math.round(value * 1e4) / 100);
  return page({
    title: 'Strips of digits, from left to right',
    lead: `A convolution and a GRU in both directions label each column of a strip with a digit or as blank. The strips are composed of images that training never saw. Seed ${seed}.`,
    figures: [
      { value: `${(digitsRight * 100).toFixed(1)} %`, label: 'of the digits right' },
      { value: `${(stripsRight * 100).toFixed(1)} %`, label: 'of the strips without a mistake' },
      { value: `${history.loss.length}`, label: 'epochs' },
    ],
    sections: [
      section(
        'Columns right',
        'Share of columns with the right label: of training during an epoch (with dropout), of validation after it.',
        curves(
          { training: inPercent(history.accuracy), validation: inPercent(history.val_accuracy) },
          '%',
        ),
      ),
      section('Read with a mistake', `The first ${wrong.length}.`, gallery(wrong)),
      section('Read well', `The first ${right.length}.`, gallery(right)),
    ],
  });
}

/** An SVG with strips that were read well, and below them some that were not. */
export function stripsPicture(strips, read) {
  const { right, wrong } = examples(strips, read, SHOWN.picture);
  const list = [...right, ...wrong];
  const [scale, height] = [2, ROWS * 2 + 12];
  const rows = list.map((one, i) => {
    const ink = inkPaths(one.strip.columns.length, ROWS, inkOf(one.strip));
    return `<g transform="translate(12 ${i * height + 12})"><g transform="scale(${scale})" shape-rendering="crispEdges">${ink}</g><text x="400" y="36">${caption(one)}</text></g>`;
  });
  return standalone(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 ${list.length * height + 12}" fill="var(--ink)" font-family="system-ui, sans-serif" font-size="18">${rows.join('\n')}</svg>`,
  );
}
