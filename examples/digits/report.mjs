// The page: how training went, and the digits that were taken for others.
import { axis, chart, color, epochAxis, line, page, section, table } from '../page.mjs';
import { SIZE } from './data.mjs';

/** How many misread digits are drawn. */
const SHOWN = 32;

export function renderReport({ seed, history, accuracy, test, recognised, confusion }) {
  const wrong = [...test.y.keys()].filter((i) => recognised[i] !== test.y[i]);
  const drawings = wrong.slice(0, SHOWN).map((i) => {
    const caption = `${test.y[i]}, read as ${recognised[i]}`;
    return `<figure>${drawing(test.x.subarray(i * SIZE ** 2, (i + 1) * SIZE ** 2))}<figcaption>${caption}</figcaption></figure>`;
  });
  return page({
    title: 'Handwritten digits, row by row',
    lead: `A GRU with 96 units reads an image of 28 × 28 pixels as a sequence of 28 rows and says which digit it is. Every fifth of ten thousand images was kept for testing. Seed ${seed}.`,
    figures: [
      { value: `${(accuracy * 100).toFixed(1)} %`, label: 'of the test images recognised' },
      { value: `${wrong.length}`, label: `misread of ${test.y.length}` },
      { value: `${history.loss.length}`, label: 'epochs' },
    ],
    sections: [
      section(
        'Accuracy',
        'Share of images recognised: of training during an epoch, of validation after it.',
        curve(history),
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

function curve({ accuracy, val_accuracy }) {
  const points = (values) => values.map((value, i) => [i + 1, Math.round(value * 1e4) / 100]);
  return chart({
    xAxis: epochAxis(accuracy.length),
    yAxis: axis({ type: 'value', name: '%', scale: true }),
    series: [
      line('training', points(accuracy), color.first),
      line('validation', points(val_accuracy), color.second),
    ],
  });
}

/** An image as squares of ink. */
function drawing(pixels) {
  const ink = [...pixels.entries()].filter(([, value]) => value > 0.05);
  const squares = ink.map(
    ([i, value]) =>
      `<path d="M${i % SIZE} ${Math.floor(i / SIZE)}h1v1h-1z" opacity="${value.toFixed(2)}"/>`,
  );
  return `<svg viewBox="0 0 ${SIZE} ${SIZE}" fill="currentColor" shape-rendering="crispEdges">${squares.join('')}</svg>`;
}
