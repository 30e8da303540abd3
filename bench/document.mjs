// The results as JSON in bench/results, and docs/benchmarks.md with its plots, which are rendered from
// all of them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { plots } from './plots.mjs';
import { render } from './render.mjs';

const FOLDER = new URL('results/', import.meta.url);
const DOCUMENT = new URL('../docs/benchmarks.md', import.meta.url);
/** Of the plots; benchmarks.md names them by this folder. */
const PLOTS = new URL('../docs/benchmarks/', import.meta.url);

const fileOf = (name) => new URL(`${name}.json`, FOLDER);

/** Null where there is none. */
export function readResult(name) {
  try {
    return JSON.parse(readFileSync(fileOf(name), 'utf8'));
  } catch {
    return null;
  }
}

export function writeResult(name, result) {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(name), `${JSON.stringify(result, null, 2)}\n`);
}

export function writeDocument() {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));
  const results = Object.fromEntries(names.map((name) => [name, readResult(name)]));
  writeFileSync(DOCUMENT, render(results));
  for (const [name, svg] of Object.entries(plots(results))) {
    mkdirSync(PLOTS, { recursive: true });
    writeFileSync(new URL(name, PLOTS), svg);
  }
  console.error(`wrote ${fileURLToPath(FOLDER)} and ${fileURLToPath(DOCUMENT)}`);
}
