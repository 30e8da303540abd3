// Runs the checks of scripts/ on small trees made for one test.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export const ROOT = join(__dirname, '../..');

/** Writes files (path -> text) into a folder that goes away with the test; returns the folder. */
export function makeTree(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice tree '));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

export interface Answer {
  status: number | null;
  /** Lines of stderr and stdout. */
  lines: string[];
}

export function runNode(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    ...options,
  });
  const lines = `${stderr}${stdout}`.split('\n').filter((line) => line !== '');
  return { status, lines } satisfies Answer;
}

export function runScript(name: string, ...args: string[]): Answer {
  return runNode([join(ROOT, 'scripts', name), ...args]);
}
