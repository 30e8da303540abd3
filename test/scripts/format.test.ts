import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT, runScript } from './support.js';

const hasClangFormat = ['clang-format', 'clang-format-14'].some(
  (program) => spawnSync(program, ['--version']).status === 0,
);

describe.skipIf(!hasClangFormat)('format-native', () => {
  it('refuses sources out of layout with --check, and puts them into it without', () => {
    const tree = makeTree({
      'native/engine/a.cc': 'int  f( int x ){return x;}\n',
      'test/native/b.cc': 'int g() { return 0; }\n',
    });
    copyFileSync(join(ROOT, '.clang-format'), join(tree, '.clang-format'));
    const source = join(tree, 'native/engine/a.cc');

    const { status, lines } = runScript('format-native.mjs', '--check', tree);
    expect(status).not.toBe(0);
    expect(lines.join('\n')).toMatch(/a\.cc:1:\d+: error: .*clang-format/);
    expect(readFileSync(source, 'utf8')).toContain('int  f(');

    expect(runScript('format-native.mjs', tree).status).toBe(0);
    expect(readFileSync(source, 'utf8')).toBe('int f(int x) { return x; }\n');
    expect(runScript('format-native.mjs', '--check', tree)).toEqual({ status: 0, lines: [] });
  });
});
