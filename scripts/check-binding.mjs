// Holds binding.d.ts and the compiled addon to each other: every function, class, method and
// accessor that one names must exist in the other.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ADDON = 'build/Release/sluice.node';

/**
 * Names are compared as text: `run`, `Model`, `Model.static create`, `Model#predict()`,
 * `Model#get weights`.
 * @returns {Set<string>}
 */
function declaredNames(file) {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(ROOT, file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const names = new Set();
  const isExported = (node) =>
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  for (const statement of source.statements) {
    if (!isExported(statement)) continue;
    if (ts.isFunctionDeclaration(statement) && statement.name) names.add(statement.name.text);
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.add(name.getText());
    }
    if (ts.isClassDeclaration(statement)) addClass(names, statement);
  }
  return names;
}

function addClass(names, declaration) {
  const className = declaration.name?.text ?? 'default';
  names.add(className);
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

function keyText(key) {
  return typeof key === 'symbol' ? `[${key.description}]` : key;
}

/** @returns {Set<string>} */
function loadedNames(addon) {
  const names = new Set(Object.keys(addon));
  for (const [className, value] of Object.entries(addon)) {
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

const declared = declaredNames('binding.d.ts');
const loaded = loadedNames(createRequire(import.meta.url)(join(ROOT, ADDON)));
const errors = [
  ...[...declared].filter((n) => !loaded.has(n)).map((n) => `binding.d.ts has ${n}, the addon not`),
  ...[...loaded].filter((n) => !declared.has(n)).map((n) => `the addon has ${n}, binding.d.ts not`),
];
for (const line of errors) console.error(`error: ${line}`);
if (errors.length === 0) console.log(`binding: ${declared.size} names agree`);
process.exitCode = errors.length === 0 ? 0 : 1;
