// Whether a result is up to date with what it was made from. Content decides, not file times: a
// fresh clone, a restored cache and a switched branch all have misleading times.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { ROOT } from './report.mjs';

/** All files under `path` (a file or a folder below the root) whose name matches, sorted. */
function filesUnder(path, pattern) {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length))
    .map((name) => name.split(sep).join('/'))
    .sort();
}

/** One hash over names and contents of everything that a result is made from. */
function digest({ paths, pattern = /./ }) {
  // The ABI of this Node, although Node-API would carry an addon across: what was never run with a
  // Node should at least be linked against it.
  const machine = [process.platform, process.arch, process.versions.modules].join(' ');
  const hash = createHash('sha256').update(`${machine}\n`);
  for (const name of paths.flatMap((path) => filesUnder(path, pattern))) {
    const content = readFileSync(join(ROOT, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * A stamp ties outputs to their sources.
 * @param {string} name
 * @param {{ paths: string[], pattern?: RegExp }} sources
 * @param {string[]} outputs
 */
export function stamp(name, sources, outputs) {
  const file = join(ROOT, 'build', 'stamps', name);
  const expected = () => {
    // The outputs' times catch one that was rebuilt by hand from other sources in between.
    const times = outputs.map((output) => statSync(join(ROOT, output)).mtimeMs);
    return [digest(sources), ...times].join('\n');
  };
  return {
    isCurrent() {
      if (![file, ...outputs.map((output) => join(ROOT, output))].every(existsSync)) return false;
      return readFileSync(file, 'utf8') === expected();
    },
    clear() {
      rmSync(file, { force: true });
    },
    write() {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, expected());
    },
  };
}

function readLock(path) {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')).packages;
}

/**
 * Whether node_modules holds what package-lock.json names, by the record that npm leaves there.
 * Optional packages may be absent: they are those of other platforms.
 */
export function nodeModulesAreCurrent() {
  if (!existsSync(join(ROOT, 'node_modules', '.package-lock.json'))) return false;
  const installed = readLock('node_modules/.package-lock.json');
  return Object.entries(readLock('package-lock.json')).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    if (!found) return wanted.optional === true;
    if (!existsSync(join(ROOT, path, 'package.json'))) return false;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}
