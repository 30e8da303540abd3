// The command line as users start it: a process of the built library.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/support.js';

export const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  bin: { sluice: string };
};
const MAIN = MANIFEST.bin.sluice;
/** Where Vitest is called by itself it may not be. */
export const IS_BUILT = existsSync(join(ROOT, MAIN));

/** Runs `sluice ARGS...`; `root`: the package that it belongs to. */
export function sluice(args: string[], { root = ROOT, env = {} as NodeJS.ProcessEnv } = {}) {
  const { SLUICE_ADDON_PATH: _, ...clean } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, MAIN), ...args], {
    encoding: 'utf8',
    env: { ...clean, ...env },
    timeout: 50_000,
  });
  return { status, stdout, stderr };
}

/** The object that a command printed, with the rest of what it did. */
export function sluiceJson(args: string[], options: Parameters<typeof sluice>[1] = {}) {
  const { stdout, ...rest } = sluice([...args, '--json'], options);
  return { ...rest, json: JSON.parse(stdout) };
}
