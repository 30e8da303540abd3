import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, runNode } from './support.js';

// `npm test` builds dist; where Vitest is called by itself it may be missing.
describe.skipIf(!existsSync(join(ROOT, 'dist/index.mjs')))('the package', () => {
  it('is one instance for require and import, under the same names', () => {
    const source = `
      import { createRequire } from 'node:module';
      import * as esm from 'sluice';
      const cjs = createRequire(import.meta.url)('sluice');
      const names = Object.keys(cjs).sort();
      if (names.join() !== Object.keys(esm).sort().join()) throw new Error('other names');
      for (const name of names) if (cjs[name] !== esm[name]) throw new Error(name);
      console.log(names.includes('sequential'), esm.SluiceError === cjs.SluiceError);`;
    expect(runNode(['--input-type=module', '-e', source])).toEqual({
      status: 0,
      lines: ['true true'],
    });
  });
});
