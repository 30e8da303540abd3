// What all commands have in common: help, wrong usage, exit codes, streams.
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT, runNode } from '../scripts/support.js';
import { IS_BUILT, MANIFEST, sluice, sluiceJson } from './support.js';

describe.skipIf(!IS_BUILT)('sluice', () => {
  it.each([['--help'], ['doctor', '--help'], ['inspect', '-h'], ['help', 'build']])(
    'explains itself: %s %s',
    (...args) => {
      const { status, stdout, stderr } = sluice(args.filter(Boolean));
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: sluice /);
      expect(stdout).toMatch(/\nExample:\n {2}npx sluice /);
    },
  );

  it('prints its version', () => {
    expect(sluice(['--version'])).toEqual({
      status: 0,
      stdout: `${MANIFEST.version}\n`,
      stderr: '',
    });
  });

  it.each([
    [['docter'], "unknown command 'docter' (Did you mean doctor?)"],
    [['--fast'], "unknown option '--fast'"],
    [['doctor', '--jason'], "unknown option '--jason' (Did you mean --json?)"],
    [['inspect'], "missing required argument 'file'"],
    [['inspect', 'a', 'b'], "too many arguments for 'inspect'. Expected 1 argument but got 2."],
    [['build', '--json'], "unknown option '--json'"],
    [['inspect', '--no\u001b[31m'], "unknown option '--no\\u{1b}[31m'"],
  ])('refuses wrong usage with exit code 2: %s', (args, message) => {
    const { status, stderr } = sluice(args);
    expect({ status, stderr }).toEqual({ status: 2, stderr: `sluice: USAGE: ${message}\n` });
  });

  it('wants a command', () => {
    const { status, stdout, stderr } = sluice([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: sluice /);
    expect(stderr).toMatch(/\nsluice: USAGE: no command was given; see sluice --help\n$/);
  });

  it('reports errors as JSON as well where JSON is wanted', () => {
    const error = { code: 'USAGE', message: "missing required argument 'file'", details: {} };
    expect(sluiceJson(['inspect'])).toEqual({
      status: 2,
      json: { error },
      stderr: `sluice: USAGE: ${error.message}\n`,
    });
    expect(sluice(['inspect', '--', '--json']).stdout).toBe('');
  });

  it('is started by the link that npm makes', () => {
    const bin = makeTree({});
    symlinkSync(join(ROOT, MANIFEST.bin.sluice), join(bin, 'sluice'));
    const { status, stdout } = spawnSync(join(bin, 'sluice'), ['--version'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${MANIFEST.version}\n` });
  });

  it('ends quietly when nobody reads on', () => {
    const main = join(ROOT, MANIFEST.bin.sluice);
    // The reader is gone before anything is written.
    const script = `{ sleep 1; "${process.execPath}" "${main}" doctor; echo "ended with $?" >&2; } | true`;
    const { stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stderr).toBe('ended with 0\n');
  });

  it('fails where its output cannot be written', () => {
    const script = `"${process.execPath}" "${join(ROOT, MANIFEST.bin.sluice)}" doctor > /dev/full`;
    const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stderr).toBe('sluice: ENOSPC: the output could not be written\n');
    expect(status).toBe(1);
  });

  it('is no burden to the library', () => {
    const source = `
      require(${JSON.stringify(ROOT)});
      const files = Object.keys(require.cache);
      console.log(files.filter((f) => /commander|dist.cli/.test(f)).length, files.some((f) => f.endsWith('.node')));`;
    expect(runNode(['-e', source])).toEqual({ status: 0, lines: ['0 false'] });
  });
});
