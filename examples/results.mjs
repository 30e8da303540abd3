// What the examples gave: JSON in examples/results, from which render.mjs makes docs/examples.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { machine } from '../bench/machine.mjs';

const FOLDER = new URL('results/', import.meta.url);
const fileOf = (name) => new URL(`${name}.json`, FOLDER);

/** Null where there is none. */
export function readResult(name) {
  const file = fileOf(name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

export function writeResult(name, result) {
  mkdirSync(FOLDER, { recursive: true });
  const all = { machine: machine(), ...result };
  // Curves have many numbers: seven digits say all, and a line each would be hundreds of lines.
  const short = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(7)) : value);
  const text = JSON.stringify(all, short, 2).replace(/\[[\s\d.,e-]*\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  );
  writeFileSync(fileOf(name), `${text}\n`);
}
