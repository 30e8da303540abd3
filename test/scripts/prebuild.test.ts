import { copyFileSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT, runScript } from './support.js';

const ADDON = join(ROOT, 'build/Release/sluice.node');

// Of binaries that are at hand: the addon before it is stripped, and Node itself.
describe.skipIf(process.platform !== 'linux' || !existsSync(ADDON))('the prebuilt addon', () => {
  it('is not taken as it comes out of the linker', () => {
    const folder = makeTree({ THIRD_PARTY_NOTICES: 'OpenBLAS\n', 'core.1234': '' });
    copyFileSync(ADDON, join(folder, 'sluice.glibc.node'));
    const { status, lines } = runScript('check-prebuild.mjs', folder);
    expect(status).toBe(1);
    const errors = lines.filter((line) => line.startsWith('error: '));
    expect(errors).toContain('error: core.1234 does not belong here');
    expect(errors).toContain('error: sluice.glibc.node is not stripped');
    expect(errors).toContain('error: THIRD_PARTY_NOTICES does not mention libgomp');
    expect(errors.join('\n')).toMatch(
      /sluice.glibc.node needs libgomp.so.1, which neither lies beside it nor comes with Node/,
    );
    // What the build itself sees to.
    expect(errors.join('\n')).not.toMatch(/exports|run path|unloaded|GLIBC/);
  });

  it('exports nothing but its entry points, and finds what lies beside it', () => {
    const folder = makeTree({});
    symlinkSync(process.execPath, join(folder, 'node.napi.node'));
    const { status, lines } = runScript('check-prebuild.mjs', folder);
    expect(status).toBe(1);
    const text = lines.join('\n');
    expect(text).toMatch(/node.napi.node exports \d+ other symbols: /);
    expect(text).toMatch(/node.napi.node does not export napi_register_module_v1/);
    expect(text).toMatch(/node.napi.node has the run path undefined, not \$ORIGIN/);
    expect(text).toMatch(/node.napi.node can be unloaded: -z nodelete is missing/);
    expect(text).toMatch(/node.napi.node needs libstdc\+\+.so: it has to be linked in/);
    expect(text).toMatch(/node.napi.node has \d+\.\d+ MB; the limit is 10 MB/);
    expect(text).toMatch(/THIRD_PARTY_NOTICES is missing/);
  });

  it('is one, in a folder of its own', () => {
    const { status, lines } = runScript('check-prebuild.mjs', makeTree({}));
    expect(status).toBe(1);
    expect(lines[0]).toMatch(/expected one .node file, found 0$/);
  });
});
