// The package as npm makes it: a tarball in a folder of its own, and what is in it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, StepFailed } from '../bootstrap/report.mjs';

/** npm itself, even where only `npm run` knows where it is. */
export function npmCommand() {
  const path = process.env.npm_execpath ?? '';
  return /npm-cli\.c?js$/.test(path) ? [process.execPath, path] : ['npm'];
}

/**
 * @typedef {object} Tarball
 * @property {string} file
 * @property {string[]} names of the files in it
 * @property {number} bytes
 * @property {number} unpackedBytes
 */

/**
 * Packs the checkout as it stands: whoever calls has built `dist` (npm's prepack would).
 * @param {string} folder is emptied first
 * @param {string} [source] the folder of another package
 * @returns {Tarball}
 */
export function pack(folder, source = ROOT) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [program, ...args] = npmCommand();
  const options = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const answer = execFileSync(program, [...args, ...options], {
    cwd: source,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // An array until npm 11, an object by package names since.
  const [report] = Object.values(JSON.parse(answer));
  return {
    file: join(folder, report.filename),
    names: report.files.map(({ path }) => path),
    bytes: report.size,
    unpackedBytes: report.unpackedSize,
  };
}

/** Unpacks into `folder`, and returns the package's own folder there. */
export function unpack({ file }, folder) {
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', file, '-C', folder]);
  return join(folder, 'package');
}

export function readManifest(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch (error) {
    throw new StepFailed(`${folder}/package.json: ${error.message}`);
  }
}
