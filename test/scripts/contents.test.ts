import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support.js';

interface Contents {
  names: string[];
  manifest: object;
  read: (name: string) => string;
}

type Check = (contents: Contents) => string[];

const manifest = { main: './dist/index.js', bin: { sluice: './dist/cli/main.js' } };
const files: Record<string, string> = {
  'README.md': '',
  LICENSE: '',
  'CHANGELOG.md': '',
  'binding.d.ts': '',
  'CMakeLists.txt': '',
  'cmake/SluiceTarget.cmake': '',
  'native/addon/addon.cc': '',
  'native/addon/exports.map': '',
  'native/cpu/backend.cc': '',
  'package.json': '',
  'scripts/build-addon.mjs': "import { say } from './bootstrap/report.mjs';",
  'scripts/bootstrap/report.mjs': '',
  'dist/index.js': 'const fs = require("node:fs"); require("./model.js");',
  'dist/index.d.ts': "export { Model } from './model.js';\nimport('../binding.js');",
  'dist/model.js': '',
  'dist/model.d.ts': '',
  'dist/cli/main.js': '',
  'prebuilds/linux-x64/sluice.glibc.node': '',
  'prebuilds/linux-x64/libgomp.so.1': '',
  'prebuilds/linux-x64/THIRD_PARTY_NOTICES': '',
};

async function check(changes: Record<string, string | undefined>, extra: object = {}) {
  const all = Object.entries({ ...files, ...changes });
  const texts = new Map(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
  // A script and no module of TypeScript's, hence its path as a value.
  const script: string = join(ROOT, 'scripts/package/contents.mjs');
  const { checkContents } = (await import(script)) as { checkContents: Check };
  return checkContents({
    names: [...texts.keys()],
    manifest: { ...manifest, ...extra },
    read: (name) => texts.get(name) ?? '',
  });
}

describe('the contents of the package', () => {
  it('are in order when everything is there and nothing else', async () => {
    expect(await check({})).toEqual([]);
  });

  it('include what package.json, scripts and compiled modules name', async () => {
    const gone = { 'scripts/bootstrap/report.mjs': undefined, 'dist/model.js': undefined };
    expect(
      await check({ ...gone, 'dist/model.d.ts': undefined, 'dist/cli/main.js': undefined }),
    ).toEqual([
      'dist/cli/main.js is not in the package (package.json names it)',
      'scripts/bootstrap/report.mjs is not in the package (scripts/build-addon.mjs imports it)',
      'dist/model.js is not in the package (dist/index.js imports it)',
      'dist/model.d.ts is not in the package (dist/index.d.ts imports it)',
    ]);
  });

  it('include the prebuilt addon, and how to make it is said', async () => {
    expect(await check({ 'prebuilds/linux-x64/sluice.glibc.node': undefined })).toEqual([
      'prebuilds/linux-x64 has no addon: npm run make:prebuild on that platform',
    ]);
  });

  it('do not include what nobody needs', async () => {
    const unwanted = [
      'native/cuda/table.cc',
      'test/a.test.ts',
      'dist/index.js.map',
      'prebuilds/linux-x64/core',
      '.env',
    ];
    expect(await check(Object.fromEntries(unwanted.map((name) => [name, ''])))).toEqual(
      unwanted.map((name) => `${name} is in the package`),
    );
  });

  it('run nothing where they are installed', async () => {
    expect(await check({}, { scripts: { postinstall: 'node x.mjs', prepack: 'tsc' } })).toEqual([
      'package.json has a script postinstall, which would run where it is installed',
    ]);
    expect(await check({ 'binding.gyp': '' })).toEqual(['binding.gyp is in the package']);
  });
});
