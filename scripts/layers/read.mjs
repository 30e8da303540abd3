// What the types and the comments of lib/layers say of each layer: the text of docs/layers.md is theirs.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @typedef {object} LayerText
 * @property {string} file of lib/layers
 * @property {string[]} aliases other names of the same function
 * @property {string} text the comment, in Markdown
 * @property {{ name: string, isOptional: boolean, type: string, text: string }[]} options
 */

/** @returns {Record<string, LayerText>} by name, in the order of lib/layers/index.ts */
export function readLayers() {
  const file = `${ROOT}lib/layers/index.ts`;
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.base.json`, ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const program = ts.createProgram([file], { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  /** @type {Record<string, LayerText>} */
  const layers = {};
  const names = new Map();
  for (const entry of checker.getExportsOfModule(
    checker.getSymbolAtLocation(program.getSourceFile(file)),
  )) {
    const symbol = checker.getAliasedSymbol(entry);
    const known = names.get(symbol);
    if (known) {
      // The layer is described under its own name.
      const [main, alias] = symbol.name === entry.name ? [entry.name, known] : [known, entry.name];
      const { [known]: text } = layers;
      delete layers[known];
      layers[main] = { ...text, aliases: [...text.aliases, alias] };
      continue;
    }
    names.set(symbol, entry.name);
    layers[entry.name] = layerOf(checker, symbol);
  }
  return layers;
}

function layerOf(checker, symbol) {
  const declaration = symbol.valueDeclaration;
  const [options] = declaration.parameters;
  return {
    file: basename(declaration.getSourceFile().fileName),
    aliases: [],
    text: textOf(checker, symbol),
    options: checker
      .getTypeAtLocation(options)
      .getApparentProperties()
      .map((property) => ({
        name: property.name,
        isOptional: (property.flags & ts.SymbolFlags.Optional) !== 0,
        type: typeOf(checker, property),
        text: textOf(checker, property),
      })),
  };
}

/** As it is written, but for parameters of types. */
function typeOf(checker, property) {
  const { type } = property.declarations[0];
  const declared = checker.getTypeFromTypeNode(type);
  if (!declared.isTypeParameter()) return type.getText().replace(/<[A-Z](, [A-Z])*>/, '');
  const known = checker.getNonNullableType(checker.getTypeOfSymbol(property));
  const constraint = checker.getBaseConstraintOfType(known) ?? known;
  return checker.typeToString(
    constraint,
    undefined,
    ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope,
  );
}

function textOf(checker, symbol) {
  return ts
    .displayPartsToString(symbol.getDocumentationComment(checker))
    .replace(/\{@link ([^}]*)\}/g, '`$1`');
}
