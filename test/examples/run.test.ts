// Every example in a process of its own, as users start them, with as little training as there can be.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { IS_BUILT } from '../cli/support.js';
import { ROOT } from '../scripts/support.js';

const out = mkdtempSync(join(tmpdir(), 'sluice-examples-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

function example(file: string, ...options: string[]) {
  const command = [join(ROOT, 'examples', file), ...options];
  return spawnSync(process.execPath, command, { encoding: 'utf8', cwd: out });
}

interface Case {
  file: string;
  options: string[];
  says: RegExp;
  writes: string[];
}

const cases: Case[] = [
  {
    file: 'weather/main.mjs',
    options: ['--seeds', '0-1', '--epochs', '1', '--verbose', '0', '--out', out],
    says: /Mean absolute error .*, mean of 2 seeds:\n {2}gru +\d\.\d{3} °C/,
    writes: ['weather.safetensors', 'weather.html'],
  },
  {
    file: 'weather/compare.mjs',
    options: ['--seeds', '0', '--epochs', '1'],
    says: /\d\.\d{3} {2}without .*\n\d\.\d{3} {2}initial state .*\n\d\.\d{3} {2}beside/,
    writes: [],
  },
  {
    file: 'digits/main.mjs',
    options: ['--reader', 'bidirectional', '--epochs', '1', '--out', out],
    says: /Images: 6999 train, 1005 validation, 1996 test[\s\S]*Test accuracy: \d+\.\d %/,
    writes: ['digits.safetensors', 'digits.html'],
  },
  {
    file: 'strips/main.mjs',
    options: ['--strips', '20', '--epochs', '1', '--seeds', '3', '--out', out],
    says: /Strips: 20 train, 2 validation, 4 test[\s\S]*Seed 3: .*\nDigits right: -?\d+\.\d\d %/,
    writes: ['strips.safetensors', 'strips.html'],
  },
];

describe.skipIf(!IS_BUILT)('an example', () => {
  it.each(cases)(
    '$file trains, reports and writes its files',
    ({ file, options, says, writes }) => {
      const { status, stdout, stderr } = example(file, ...options);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(says);
      expect(writes.filter((name) => !existsSync(join(out, name)))).toEqual([]);
    },
  );

  it.each(cases)('$file explains itself', ({ file }) => {
    const { status, stdout } = example(file, '--help');
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^Usage: npm/) });
  });

  it.each(cases)('$file says what is wrong with an option', ({ file }) => {
    const { status, stderr } = example(file, '--epochs', '0');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(
        /^--epochs: expected an integer from 1 .*; received 0\n\nUsage/,
      ),
    });
  });
});
