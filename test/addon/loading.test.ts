// Which addon is loaded: the built library in packages made for one test, one process a case.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, runNode } from '../scripts/support.js';
import { LOCAL, makePackage, PACKAGED, PLATFORM, PREBUILT } from '../support/package.js';

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
    const all = { [PACKAGED]: true, [PREBUILT]: true, [LOCAL]: true } as const;
    expect(
      load(makePackage({ ...all, 'mine.node': true }), { SLUICE_ADDON_PATH: 'mine.node' }),
    ).toEqual(['explicit mine.node']);
    expect(load(makePackage(all))).toEqual([`package ${PACKAGED}`]);
    expect(load(makePackage({ [PREBUILT]: true, [LOCAL]: true }))).toEqual([
      `prebuilt ${PREBUILT}`,
    ]);
    expect(load(makePackage({ [LOCAL]: true }))).toEqual([`local ${LOCAL}`]);
  });

  it('goes on where a file does not load', () => {
    const broken = { [PACKAGED]: 'not an addon', [PREBUILT]: '', [LOCAL]: true } as const;
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
