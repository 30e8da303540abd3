// import and require() of the installed package share one instance of everything.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as esm from 'sluice';

const cjs = createRequire(import.meta.url)('sluice');
assert.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
for (const [name, value] of Object.entries(esm)) assert.equal(value, cjs[name], name);
