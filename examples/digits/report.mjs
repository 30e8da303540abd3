// The page: how training went, and the digits that were taken for others.
import { drawing } from '../drawing.mjs';
import { curves, page, section, table } from '../page.mjs';
import { SIZE } from './data.mjs';

/** How many misread digits are drawn. */
const SHOWN = 32;

export function renderReport({ title, seed, history, accuracy, test, recognised, confusion }) {
  const wrong = [...test.y.keys()].filter((i) => recognised[i] !== test.y[i]);
  const drawings = wrong.slice(0, SHOWN).map((i) => {
    const caption = `${test.y[i]}, read as ${recognised[i]}`;
    const picture = drawing(SIZE, SIZE, (column, row) => test.x[(i * SIZE + row) * SIZE + column]);
    return `<figure>${picture}<figcaption>${caption}</figcaption></figure>`;
  });
  const inPercent = (values) => values.map((value) => Math.round(value * 1e4) / 100);
  return page({
    title: 'Handwritten digits, row by row',
    lead: `A network (${title}) reads an image of 28 × 28 pixels as a sequence of 28 rows and says which digit it is. Every fifth of ten thousand images was kept for testing. Seed ${seed}.`,
    figures: [
      { value: `${(accuracy * 100).toFixed(1)} %`, label: 'of the test images recognised' },
      { value: `${wrong.length}`, label: `misread of ${test.y.length}` },
      { value: `${history.loss.length}`, label: 'epochs' },
    ],
    sections: [
      section(
        'Accuracy',
        'Share of images recognised: of training during an epoch, of validation after it.',
        curves(
          {
            training: inPercent(history.accuracy),
            validation: inPercent(history.val_accuracy),
          },
          '%',
        ),
      ),
      section(
        'Misread',
        `${drawings.length} of ${wrong.length}: the digit that was written, and what it was read as.`,
        `<div class="gallery">${drawings.join('\n')}</div>`,
      ),
      section(
        'Which for which',
        'Rows: the digit that was written. Columns: what it was read as.',
        table(
          ['', ...confusion.keys()],
          confusion.map((row, digit) => [digit, ...row.map((n) => n || '·')]),
        ),
      ),
    ],
  });
}
