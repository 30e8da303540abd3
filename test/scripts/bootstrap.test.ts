import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT, runNode, runScript } from './support.js';

describe('bootstrap', () => {
  it('explains itself, and refuses arguments that it does not know with exit code 2', () => {
    const help = runScript('bootstrap.mjs', '--help');
    expect(help.status).toBe(0);
    expect(help.lines[0]).toMatch(/^Usage: /);

    const purpose = runScript('bootstrap.mjs', '--for', 'fun');
    expect(purpose.status).toBe(2);
    expect(purpose.lines).toEqual([
      expect.stringMatching(/^sluice: --for: expected one of run, .*; received fun$/),
    ]);
    expect(runScript('bootstrap.mjs', '--fast').status).toBe(2);
  });

  // A program that asks for the requirements as bootstrap.mjs does, on a machine with nothing.
  const source = (names: string) => `
    import { ensureSystem } from ${JSON.stringify(`${ROOT}/scripts/bootstrap/system.mjs`)};
    import { runMain } from ${JSON.stringify(`${ROOT}/scripts/bootstrap/report.mjs`)};
    await runMain(() => ensureSystem(new Set(${names})));`;
  const ask = (names: string, path: Record<string, string>) => {
    const bin = makeTree(path);
    return runNode(['--input-type=module', '-e', source(names)], { env: { PATH: bin } });
  };

  it('prints what is missing and stops with exit code 3 where it cannot install', () => {
    const { status, lines } = ask("['cmake', 'generator']", {});
    expect(status).toBe(3);
    expect(lines).toEqual([
      'sluice: these are missing:',
      '  - CMake 3.20 or newer',
      '  - Ninja or make',
      'Install them with your package manager and run this again.',
      'If they are there but in an unusual place: npm run build -- --skip-system',
    ]);
  });

  it('finds what is there', () => {
    expect(ask('[]', {})).toEqual({ status: 0, lines: [] });
  });
});

describe('the lock of a checkout', () => {
  const program = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { takeLock } from './bootstrap/lock.mjs';
    const release = await takeLock();
    appendFileSync('log', 'in ');
    await sleep(50);
    appendFileSync('log', 'out ');
    if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
    release();`;

  /** A tree of its own, because the lock belongs to the tree that its module lies in. */
  function makeCheckout(more: Record<string, string> = {}) {
    const copy = (name: string) => readFileSync(join(ROOT, 'scripts/bootstrap', name), 'utf8');
    const tree = makeTree({
      'scripts/bootstrap/lock.mjs': copy('lock.mjs'),
      'scripts/bootstrap/report.mjs': copy('report.mjs'),
      'scripts/program.mjs': program,
      ...more,
    });
    const start = (...args: string[]) =>
      once(spawn(process.execPath, ['scripts/program.mjs', ...args], { cwd: tree }), 'exit');
    return { tree, start };
  }

  it('lets one in at a time and is gone afterwards', async () => {
    const { tree, start } = makeCheckout();
    const exits = await Promise.all(Array.from({ length: 4 }, () => start()));
    expect(exits).toEqual(Array.from({ length: 4 }, () => [0, null]));
    expect(readFileSync(join(tree, 'log'), 'utf8')).toBe('in out '.repeat(4));
    expect(existsSync(join(tree, 'build/bootstrap.lock'))).toBe(false);
  });

  it('is taken over from a process that was killed', async () => {
    const { tree, start } = makeCheckout();
    expect(await start('die')).toEqual([null, 'SIGKILL']);
    expect(existsSync(join(tree, 'build/bootstrap.lock'))).toBe(true);
    const exits = await Promise.all([start(), start(), start()]);
    expect(exits.map(([code]) => code)).toEqual([0, 0, 0]);
    expect(readFileSync(join(tree, 'log'), 'utf8')).toBe('in out '.repeat(4));
  });
});
