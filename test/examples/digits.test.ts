import { describe, expect, it } from 'vitest';
// @ts-expect-error: the examples are plain JavaScript
import { compare } from '../../examples/digits/compare.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { readDigits, toTensors } from '../../examples/digits/data.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { render } from '../../examples/digits/document.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { READERS } from '../../examples/digits/train.mjs';

interface Images {
  x: Float32Array;
  y: Int32Array;
}

const parts: Record<'train' | 'validation' | 'test', Images> = readDigits(20);

describe('digits', () => {
  it('keep every fifth image of each digit for testing', () => {
    const counts = Object.values(parts).map(({ y }) => [y.length, y.filter((n) => n === 7).length]);
    expect(counts).toEqual([
      [140, 14],
      [20, 2],
      [40, 4],
    ]);
  });

  it('are pixels between 0 and 1, and no image is in two parts', () => {
    const images = Object.values(parts).flatMap(({ x, y }) =>
      Array.from(y, (_, i) => x.subarray(i * 784, (i + 1) * 784).join()),
    );
    expect(new Set(images).size).toBe(200);
    expect(Math.max(...parts.test.x)).toBe(1);
    expect(Math.min(...parts.test.x)).toBe(0);
  });

  it('are compared by every reader, into a table', async () => {
    const images = Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, toTensors(part)]),
    );
    const result = await compare(images, { seeds: [0, 1], epochs: 2 });
    const machine = {
      cpu: 'some CPU',
      cores: 2,
      memoryGiB: 4,
      node: 'v20.0.0',
      date: '2026-01-01',
    };
    const { markdown, plots } = render({ machine, ...result });
    const table: string = markdown.find((text: string) => text.startsWith('| reader'));
    const titles = Object.values(READERS).map((reader) => (reader as { title: string }).title);
    expect(table.split('\n').slice(2)).toEqual(
      titles.map((title) =>
        expect.stringMatching(
          new RegExp(
            `^\\| ${title} \\| [\\d,]+ \\| [\\d.]+ % \\| [\\d.]+ %, [\\d.]+ % \\| [\\d.]+ \\|$`,
          ),
        ),
      ),
    );
    expect(plots['digits.svg']).not.toContain('var(');
  });
});
