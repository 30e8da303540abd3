// `sluice build` in an installed package, with tools that only look like compilers.
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ADDON_PATH } from '../addon/support.js';
import { makeTree } from '../scripts/support.js';
import { LOCAL, makePackage, PREBUILT } from '../support/package.js';
import { IS_BUILT, sluice } from './support.js';

/** A folder of programs for PATH. */
function programs(texts: Record<string, string>): string {
  const bin = makeTree(
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, `#!/bin/sh\n${text}\n`])),
  );
  for (const name of Object.keys(texts)) chmodSync(join(bin, name), 0o755);
  return bin;
}

/** A system with everything, whose cmake "compiles" by `build`. */
const toolchain = (build: string) =>
  programs({
    'c++': 'echo 12.2.0',
    ninja: '',
    cmake: `
      case $1 in
        --version) echo cmake version 3.25.1 ;;
        --build) ${build} ;;
        *) for a in "$@"; do case $a in
             -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=*) echo "\${a#*=}" > output ;;
           esac; done ;;
      esac`,
  });

const COPY = `/bin/mkdir -p "$(/bin/cat output)"; /bin/cp "${ADDON_PATH}" "$(/bin/cat output)"`;

function build(root: string, path: string) {
  const { status, stdout, stderr } = sluice(['build'], { root, env: { PATH: path } });
  const lines = stderr.replaceAll(`${root}/`, '').split('\n').filter(Boolean);
  return { status, stdout, lines };
}

describe.skipIf(!IS_BUILT)('sluice build', () => {
  it('puts an addon that loads where the library finds it', () => {
    const root = makePackage({});
    const { status, stdout, lines } = build(root, toolchain(COPY));
    expect(lines.at(-1)).toBe(`sluice: compiled ${LOCAL}`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(existsSync(join(root, 'build/tree'))).toBe(false);
    expect(sluice(['doctor'], { root }).status).toBe(0);
  });

  it('says that a prebuilt addon is taken first, and how to choose the new one', () => {
    const root = makePackage({ [PREBUILT]: true });
    const { status, lines } = build(root, toolchain(COPY));
    expect(status).toBe(0);
    expect(lines.slice(-3)).toEqual([
      `sluice: compiled ${LOCAL}`,
      `sluice: the library takes ${PREBUILT} first;`,
      `sluice: to have it take the new one, set SLUICE_ADDON_PATH=${LOCAL}`,
    ]);
    // One that does not load is no rival.
    const broken = build(makePackage({ [PREBUILT]: 'not an addon' }), toolchain(COPY));
    expect(broken.lines.at(-1)).toBe(`sluice: compiled ${LOCAL}`);
  });

  it('names what is missing with exit code 1', () => {
    const apt = { 'apt-get': '', 'apt-cache': '' };
    const { status, lines } = build(makePackage({}), programs(apt));
    expect(status).toBe(1);
    expect(lines.slice(0, 5)).toEqual([
      'sluice: the addon cannot be compiled here',
      'these are missing:',
      expect.stringMatching(/^ {2}- a C\+\+20 compiler \(g\+\+ 12 or clang 15, or newer\)$/),
      '  - CMake 3.20 or newer',
      '  - Ninja or make',
    ]);
    expect(lines.at(-1)).toMatch(
      /^ {2}(sudo )?apt-get update && (sudo )?apt-get install -y g\+\+ cmake ninja-build/,
    );
  });

  it('shows the end of the log when compiling fails, with exit code 1', () => {
    const root = makePackage({ [LOCAL]: 'the old one' });
    const { status, lines } = build(root, toolchain('echo no such header; exit 7'));
    expect(status).toBe(1);
    expect(lines.join('\n')).toContain('ended with exit code 7; the end of build/logs/addon.log:');
    expect(lines.join('\n')).toContain('  | no such header');
    expect(readFileSync(join(root, LOCAL), 'utf8')).toBe('the old one');
  });

  it('refuses an addon that does not load', () => {
    const broken = '/bin/mkdir -p "$(/bin/cat output)"; echo no > "$(/bin/cat output)/sluice.node"';
    const { status, lines } = build(makePackage({}), toolchain(broken));
    expect(status).toBe(1);
    expect(lines.join('\n')).toMatch(
      /sluice: the compiled addon does not load: .*\n.*file too short/,
    );
  });
});
