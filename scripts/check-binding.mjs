// Holds binding.d.ts and the compiled addon to each other: every function, class, method and
// accessor that one names must exist in the other. The number of arguments cannot be compared: what
// Node-API makes has no `length`; test/addon/ calls everything.
//   node scripts/check-binding.mjs [DECLARATION ADDON]   other files than these (for its own tests)
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [DECLARATION, ADDON] = [
  process.argv[2] ?? join(ROOT, 'binding.d.ts'),
  process.argv[3] ?? join(ROOT, 'build/Release/sluice.node'),
];

/**
 * Names are compared as text: `version`, `devices()`, `Model()`, `Model.static create`, `Model#predict()`,
 * `Model#get weights`.
 * @returns {Set<string>}
 */
function declaredNames(file) {
  const source = ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const names = new Set();
  const isExported = (node) =>
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  for (const statement of source.statements) {
    if (!isExported(statement)) continue;
    if (ts.isFunctionDeclaration(statement) && statement.name) {
      names.add(`${statement.name.text}()`);
    }
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.add(name.getText());
    }
    if (ts.isClassDeclaration(statement)) addClass(names, statement);
  }
  return names;
}

function addClass(names, declaration) {
  const className = declaration.name?.text ?? 'default';
  names.add(`${className}()`);
  for (const member of declaration.members) {
    const flags = ts.getCombinedModifierFlags(member);
    if (!member.name || flags & ts.ModifierFlags.Private) continue;
    const name = member.name.getText();
    if (flags & ts.ModifierFlags.Static) names.add(`${className}.static ${name}`);
    else if (ts.isMethodDeclaration(member)) names.add(`${className}#${name}()`);
    // An accessor may be declared as a property; what matters is that it can be read.
    else names.add(`${className}#get ${name}`);
  }
}

/** As the key is written in a declaration; Node's own Symbol.dispose is described differently. */
function keyText(key) {
  if (typeof key !== 'symbol') return key;
  const known = Object.getOwnPropertyNames(Symbol).find((name) => Symbol[name] === key);
  return `[${known ? `Symbol.${known}` : key.description}]`;
}

/** @returns {Set<string>} */
function loadedNames(addon) {
  /** @type {Set<string>} */
  const names = new Set();
  for (const [className, value] of Object.entries(addon)) {
    names.add(typeof value === 'function' ? `${className}()` : className);
    if (typeof value !== 'function') continue;
    // A plain function has no members worth comparing; a class has a prototype of its own.
    for (const [key, property] of members(value.prototype ?? {})) {
      const text = keyText(key);
      names.add(property.get ? `${className}#get ${text}` : `${className}#${text}()`);
    }
    for (const [key] of members(value)) names.add(`${className}.static ${keyText(key)}`);
  }
  return names;
}

const BUILT_IN = new Set(['constructor', 'prototype', 'length', 'name', 'arguments', 'caller']);

function members(object) {
  return Reflect.ownKeys(object)
    .filter((key) => !BUILT_IN.has(String(key)))
    .map(
      (key) => /** @type {const} */ ([key, Reflect.getOwnPropertyDescriptor(object, key) ?? {}]),
    );
}

const declared = declaredNames(DECLARATION);
const loaded = loadedNames(createRequire(import.meta.url)(resolve(ADDON)));
const errors = [
  ...[...declared].filter((n) => !loaded.has(n)).map((n) => `binding.d.ts has ${n}, the addon not`),
  ...[...loaded].filter((n) => !declared.has(n)).map((n) => `the addon has ${n}, binding.d.ts not`),
];
for (const line of errors) console.error(`error: ${line}`);
if (errors.length === 0) console.log(`binding: ${declared.size} names agree`);
process.exitCode = errors.length === 0 ? 0 : 1;
