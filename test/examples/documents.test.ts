import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
// @ts-expect-error: the examples are plain JavaScript
import { change, count, percent } from '../../examples/figures.mjs';
// @ts-expect-error: the examples are plain JavaScript
import { render } from '../../examples/render.mjs';
import { ROOT } from '../scripts/support.js';

const FOLDER = join(ROOT, 'docs', 'examples');
const files: Record<string, string> = render();

it('docs/examples are what examples/results say', () => {
  const documents = Object.keys(files).filter((name) => name.endsWith('.md'));
  expect(documents).toEqual(['digits.md', 'strips.md', 'weather.md']);
  for (const name of documents) {
    expect(readFileSync(join(FOLDER, name), 'utf8'), name).toBe(files[name]);
  }
});

it('docs/examples have the plots and the files that they show', () => {
  for (const [name, text] of Object.entries(files)) {
    const links = [...text.matchAll(/\]\(([^)#]+)/g)].map((match) => match[1] as string);
    const missing = [name, ...links].filter((link) => !existsSync(join(FOLDER, link)));
    expect(missing, name).toEqual([]);
  }
});

it('figures are written as people read them', () => {
  expect([percent(0.97654), percent(0.97654, 2)]).toEqual(['97.7 %', '97.65 %']);
  expect([change(11, 10), change(9, 10)]).toEqual(['+10.0 %', '−10.0 %']);
  expect(count(12345)).toBe('12,345');
});
