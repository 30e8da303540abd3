// Writes the ESM face of the CommonJS build: for every entry point in package.json with an
// `import` condition, an .mjs that re-exports the names of the .js beside it. import and require()
// thereby share one instance of everything, and `instanceof` holds across the two.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

function writeWrapper(script) {
  const target = join(ROOT, script);
  const commonJs = target.replace(/\.mjs$/, '.js');
  const names = Object.keys(require(commonJs)).filter((name) => name !== 'default');
  const source = `./${basename(commonJs)}`;
  writeFileSync(
    target,
    `import sluice from '${source}';\n\nexport const {\n  ${names.join(',\n  ')},\n} = sluice;\n`,
  );
  writeFileSync(target.replace(/\.mjs$/, '.d.mts'), `export * from '${source}';\n`);
}

const { exports: entries } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
for (const entry of Object.values(entries)) {
  if (entry.import) writeWrapper(entry.import.default);
}
