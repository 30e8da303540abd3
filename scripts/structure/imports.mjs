// The import rule of lib/: cli, serving -> model -> training, formats, data -> layers -> tensor ->
// native. Never upwards, never in a circle; type-only imports count.
import { posix } from 'node:path';
import ts from 'typescript';

/** What may import what: a file imports from its own rank or a lower one. */
const RANKS = [
  ['errors.ts'],
  ['addon'],
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

/** What this file imports by a relative path, as a path from the root; `isKnown`: a file of lib/. */
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

/** The declaration of the addon: only the file that loads it may speak to it. */
const BINDING = 'binding.ts';

/** What is wrong with one import, or undefined. */
function problemOfImport(path, { target, isKnown }) {
  if (isKnown) {
    const isUpwards = rankOf(path) >= 0 && rankOf(target) > rankOf(path);
    return isUpwards ? `must not import ${target}, which stands above it` : undefined;
  }
  if (target === BINDING) {
    return path === 'lib/native.ts' ? undefined : 'only lib/native.ts imports binding.d.ts';
  }
  // A file of lib/ that does not exist is the compiler's business.
  return target.startsWith('lib/') ? undefined : `must not import ${target}, outside of lib/`;
}

const IMPORTS_ITSELF = /\b(?:from|import|require)\s*\(?\s*['"]sluice(?:\/[^'"]*)?['"]/;

/** Source without comments, line by line; examples in documentation import the package by name. */
function code(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => !/^\s*\/\//.test(line))
    .join('\n');
}

/** What concerns the addon has one place each. */
const ADDON_RULES = [
  {
    home: 'lib/native.ts',
    pattern: /\brequire\(\s*['"][^'"]*\.node['"]|process\.dlopen/,
    what: 'loads the addon',
  },
  {
    home: 'lib/addon/places.ts',
    pattern: /['"]node-gyp-build['"]/,
    what: 'chooses among prebuilt addons',
  },
];

/** @param {import('../check-structure.mjs').SourceFile[]} files */
export function checkImports(files) {
  const sources = files.filter(({ path }) => path.startsWith('lib/'));
  const known = new Set(sources.map(({ path }) => path));
  const errors = [];
  const graph = new Map();
  for (const file of sources) {
    const { path, text } = file;
    if (rankOf(path) < 0)
      errors.push(`${path}: lib/${roomOf(path)} has no rank in scripts/structure`);
    for (const { home, pattern, what } of ADDON_RULES) {
      if (path !== home && pattern.test(text)) errors.push(`${path}: only ${home} ${what}`);
    }
    const imports = importsOf(file, known);
    graph.set(
      path,
      imports.filter(({ isKnown }) => isKnown).map(({ target }) => target),
    );
    for (const found of imports) {
      const problem = problemOfImport(path, found);
      if (problem) errors.push(`${path}:${found.line}: ${problem}`);
    }
    if (IMPORTS_ITSELF.test(code(text))) {
      errors.push(`${path}: must not import the package by its name; name the file`);
    }
  }
  for (const circle of findCircles(graph)) errors.push(`import circle: ${circle.join(' -> ')}`);
  return errors;
}
