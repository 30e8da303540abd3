// Which addon is loaded: the built library in packages made for one test, one process a case.
import { copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT, runNode } from '../scripts/support.js';
import { ADDON_PATH } from './support.js';

const PLATFORM = `${process.platform}-${process.arch}`;
const PACKAGE = `node_modules/sluice-${PLATFORM}/sluice.node`;
const PREBUILT = `prebuilds/${PLATFORM}/node.napi.node`;
const LOCAL = 'build/Release/sluice.node';

/** A package with the library as it was built, and addons: true is one that works, text is the file's. */
function makePackage(addons: Record<string, string | true>, version?: string): string {
  const manifest = version
    ? JSON.stringify({ name: 'sluice', version, main: 'dist/index.js' })
    : undefined;
  const texts = Object.entries(addons).filter(
    (entry): entry is [string, string] => entry[1] !== true,
  );
  const root = makeTree({
    ...Object.fromEntries(texts),
    [`node_modules/sluice-${PLATFORM}/package.json`]: '{}',
    ...(manifest ? { 'package.json': manifest } : {}),
  });
  if (!manifest) copyFileSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true });
  symlinkSync(
    dirname(require.resolve('node-gyp-build/package.json')),
    join(root, 'node_modules/node-gyp-build'),
  );
  for (const [path, content] of Object.entries(addons)) {
    if (content !== true) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(ADDON_PATH, join(root, path));
  }
  return root;
}

/** The file that was loaded, as a path in the package, or the message of the error. */
function load(root: string, env: NodeJS.ProcessEnv = {}) {
  const script = `
    const sluice = require(${JSON.stringify(root)});
    try {
      if (sluice.devices().length === 0) throw new Error('no devices');
      const { loaded } = require(${JSON.stringify(join(root, 'dist/native.js'))}).addonSearch();
      console.log(loaded.place, loaded.file);
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  const { SLUICE_ADDON_PATH: _, ...clean } = process.env;
  const { status, lines } = runNode(['-e', script], { cwd: root, env: { ...clean, ...env } });
  expect(status).toBe(0);
  return lines.map((line) => line.replaceAll(`${root}/`, ''));
}

describe.skipIf(!existsSync(join(ROOT, 'dist/index.js')))('loading the addon', () => {
  it('takes the first place that has one', () => {
    const all = { [PACKAGE]: true, [PREBUILT]: true, [LOCAL]: true } as const;
    expect(
      load(makePackage({ ...all, 'mine.node': true }), { SLUICE_ADDON_PATH: 'mine.node' }),
    ).toEqual(['explicit mine.node']);
    expect(load(makePackage(all))).toEqual([`package ${PACKAGE}`]);
    expect(load(makePackage({ [PREBUILT]: true, [LOCAL]: true }))).toEqual([
      `prebuilt ${PREBUILT}`,
    ]);
    expect(load(makePackage({ [LOCAL]: true }))).toEqual([`local ${LOCAL}`]);
  });

  it('goes on where a file does not load', () => {
    const broken = { [PACKAGE]: 'not an addon', [PREBUILT]: '', [LOCAL]: true } as const;
    expect(load(makePackage(broken))).toEqual([`local ${LOCAL}`]);
  });

  it('does not look elsewhere when a file was named', () => {
    const root = makePackage({ [LOCAL]: true, 'mine.node': 'not an addon' });
    expect(load(root, { SLUICE_ADDON_PATH: 'absent.node' })).toEqual([
      `NATIVE_NOT_FOUND the native addon of sluice could not be loaded on ${PLATFORM}, Node ${process.version}:`,
      '  SLUICE_ADDON_PATH=absent.node: there is no such file',
      'Correct SLUICE_ADDON_PATH, or unset it: then the usual places are tried.',
    ]);
    expect(load(root, { SLUICE_ADDON_PATH: 'mine.node' })[1]).toMatch(
      /^ {2}SLUICE_ADDON_PATH=mine.node: file too short$/,
    );
  });

  it('names every place and its reason when there is none', () => {
    expect(load(makePackage({ [PREBUILT]: 'not an addon' }))).toEqual([
      `NATIVE_NOT_FOUND the native addon of sluice could not be loaded on ${PLATFORM}, Node ${process.version}:`,
      '  SLUICE_ADDON_PATH: not set',
      `  package sluice-${PLATFORM}: is installed, but has no sluice.node`,
      `  ${PREBUILT}: file too short`,
      `  ${LOCAL}: there is no such file`,
      'To compile it, run: npx sluice build',
      expect.stringMatching(/^\(needs a C\+\+20 compiler, CMake/),
    ]);
  });

  it('refuses the addon of another version', () => {
    expect(load(makePackage({ [LOCAL]: true }, '99.0.0'))).toContainEqual(
      expect.stringMatching(
        /^ {2}build\/Release\/sluice.node: is the addon of sluice .*; this is 99/,
      ),
    );
  });
});
