// The import rule of lib/: cli, serving -> model -> training, formats, data -> layers -> tensor ->
// native. Never upwards, never in a circle; type-only imports count.
import { posix } from 'node:path';
import ts from 'typescript';

/** What may import what: a file imports from its own rank or a lower one. */
const RANKS = [
  ['errors.ts'],
  ['native.ts'],
  ['tensor'],
  ['layers'],
  ['training', 'formats', 'data'],
  ['model'],
  ['index.ts'],
  ['cli', 'serving'],
];

function roomOf(path) {
  return path.split('/')[1] ?? '';
}

function rankOf(path) {
  return RANKS.findIndex((rooms) => rooms.includes(roomOf(path)));
}

/** The files of lib/ that this one imports, by path; '' for one that does not exist. */
function importsOf({ path, text }, known) {
  const { importedFiles } = ts.preProcessFile(text, true, true);
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName, pos }) => {
      const target = posix.join(posix.dirname(path), fileName).replace(/\.js$/, '.ts');
      const line = text.slice(0, pos).split('\n').length;
      return { target, line, isKnown: known.has(target) };
    });
}

/** Every circle, once, as the list of its files. */
function findCircles(graph) {
  const circles = [];
  const state = new Map();
  const trail = [];
  const visit = (path) => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path]);
      return;
    }
    state.set(path, 'open');
    trail.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    trail.pop();
    state.set(path, 'done');
  };
  for (const path of graph.keys()) visit(path);
  return circles;
}

const LOADS_ADDON = /\brequire\(\s*['"][^'"]*\.node['"]|['"]node-gyp-build['"]|process\.dlopen/;

/** @param {import('../check-structure.mjs').SourceFile[]} files */
export function checkImports(files) {
  const sources = files.filter(({ path }) => path.startsWith('lib/'));
  const known = new Set(sources.map(({ path }) => path));
  const errors = [];
  const graph = new Map();
  for (const file of sources) {
    const { path, text } = file;
    const rank = rankOf(path);
    if (rank < 0) errors.push(`${path}: lib/${roomOf(path)} has no rank in scripts/structure`);
    if (path !== 'lib/native.ts' && LOADS_ADDON.test(text)) {
      errors.push(`${path}: only lib/native.ts loads the addon`);
    }
    const imports = importsOf(file, known);
    graph.set(
      path,
      imports.filter(({ isKnown }) => isKnown).map(({ target }) => target),
    );
    for (const { target, line, isKnown } of imports) {
      if (isKnown && rank >= 0 && rankOf(target) > rank) {
        errors.push(`${path}:${line}: must not import ${target}, which stands above it`);
      }
    }
  }
  for (const circle of findCircles(graph)) errors.push(`import circle: ${circle.join(' -> ')}`);
  return errors;
}
