// docs/examples from examples/results: `node examples/render.mjs`, and after each recording.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as digits from './digits/document.mjs';
import { readResult } from './results.mjs';
import * as strips from './strips/document.mjs';
import * as weather from './weather/document.mjs';

const FOLDER = new URL('../docs/examples/', import.meta.url);
const DOCUMENTS = { digits, strips, weather };

/** @returns {Record<string, string>} texts by the names of their files in docs/examples */
export function render() {
  /** @type {Record<string, string>} */
  const files = {};
  for (const [name, document] of Object.entries(DOCUMENTS)) {
    const result = readResult(name);
    if (result === null) continue;
    const { markdown, plots } = document.render(result);
    files[`${name}.md`] = `${markdown.join('\n\n')}\n`;
    Object.assign(files, plots);
  }
  return files;
}

export function writeDocuments() {
  for (const [name, text] of Object.entries(render())) writeFileSync(new URL(name, FOLDER), text);
  process.stdout.write(`Wrote ${fileURLToPath(FOLDER)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeDocuments();
