// Checks the shape of the code base: who may include or import whom (docs/architecture.md), and how
// long a file may grow. Prints every violation; exits with 1 when there is one.
//   node scripts/check-structure.mjs [FOLDER]   another tree than this one (for its own tests)
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkImports } from './structure/imports.mjs';
import { checkIncludes } from './structure/includes.mjs';
import { checkSizes } from './structure/sizes.mjs';

const ROOT = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const FOLDERS = ['native', 'lib', 'test', 'bench', 'examples', 'scripts'];
const SOURCE = /\.(cc|cpp|cxx|h|hpp|inc|cu|cuh|ts|mts|mjs|js|py|sh)$/;

/** @typedef {{ path: string, text: string }} SourceFile */

/** @returns {SourceFile[]} */
function readSources(folder) {
  let entries;
  try {
    entries = readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true });
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((full) => !full.split(sep).includes('node_modules')) // bench/peers installs some
    .map((full) => ({
      path: relative(ROOT, full).split(sep).join('/'),
      text: readFileSync(full, 'utf8'),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const files = FOLDERS.flatMap(readSources);
const { warnings, errors: sizeErrors } = checkSizes(files);
const errors = [...checkIncludes(files), ...checkImports(files), ...sizeErrors];

for (const line of warnings) console.warn(`warning: ${line}`);
for (const line of errors) console.error(`error: ${line}`);
if (errors.length === 0) console.log(`structure: ${files.length} files in order`);
process.exitCode = errors.length === 0 ? 0 : 1;
