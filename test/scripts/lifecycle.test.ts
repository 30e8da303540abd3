// What npm run check:lifecycle makes of a process, and of a sanitizer's report.
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { couldNotSearch, ownReports } from '../../scripts/lifecycle/asan.mjs';
// @ts-expect-error: plain JavaScript
import { Tally } from '../../scripts/lifecycle/tally.mjs';
// @ts-expect-error: plain JavaScript
import { runCase } from '../support/child.mjs';
import { runScript } from './support.js';

describe('a case', () => {
  const verdictOf = async (one: object, options = {}) =>
    (await runCase({ name: 'a case', ...one }, options)).verdict;

  it('is ok when its process ends as it is to', async () => {
    expect(await verdictOf({ script: '' })).toBe('ok');
    const killed = { script: `process.kill(process.pid, 'SIGSEGV');` };
    expect(await verdictOf({ ...killed, status: null, signal: 'SIGSEGV' })).toBe('ok');
    expect(await verdictOf({ script: `console.error('Oh');`, stderr: /oh/i })).toBe('ok');
  });

  it('is wrong when status, output or a later process is not what it is to be', async () => {
    expect(await verdictOf({ script: 'process.exit(1);' })).toBe('wrong');
    expect(await verdictOf({ script: '', status: 1 })).toBe('wrong');
    expect(await verdictOf({ script: `console.log('a');` })).toBe('wrong');
    expect(await verdictOf({ script: `console.error('a');` })).toBe('wrong');
    expect(await verdictOf({ script: '', afterwards: [{ script: '', status: 1 }] })).toBe('wrong');
    const { report } = await runCase({ name: 'a case', script: `console.log('b');`, stdout: 'a' });
    expect(report).toBe('stdout: expected "a", found "b\\n"');
  });

  it('crashes by a signal that nobody sent', async () => {
    const script = `process.kill(process.pid, 'SIGSEGV'); setInterval(() => {}, 1e6);`;
    expect(await verdictOf({ script })).toBe('crash');
    expect(await verdictOf({ script, status: null, signal: 'SIGTERM' })).toBe('crash');
  });

  it('hangs when it does not end, and is killed with the processes that it has started', async () => {
    const script = `
      require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'],
        { stdio: 'inherit' });
      setInterval(() => {}, 1e6);`;
    expect(await verdictOf({ script }, { limitMs: 500 })).toBe('hang');
  });
});

describe('a report of a sanitizer', () => {
  const inNode = '    #2 0x1 in v8::internal::Builtin_HandleApiCall(int) <null> [/usr/bin/node]';
  const allocation = '    #0 0x1 in operator new(unsigned long) new.cpp:95 [/lib/libasan.so.8]';
  const leak = (first: string) =>
    ['Direct leak of 77 byte(s) in 1 object(s) allocated from:', allocation, first, inNode].join(
      '\n',
    );
  const ours = leak('    #1 0x1 in sluice::f() ../../native/f.cc:1 [/a b/build/sluice.node]');
  const theirs = leak('    #1 0x1 in napi_wrap <null> [/usr/bin/node]');
  const heading = '=================================================================';
  const leaks = (...list: string[]) =>
    [`${heading}\n==7==ERROR: LeakSanitizer: detected memory leaks\n`, ...list, 'SUMMARY: x'].join(
      '\n',
    );

  it('counts what the addon allocated, however the call came about', () => {
    expect(ownReports(leaks(theirs, ours, theirs))).toEqual([ours]);
  });

  it('leaves out what Node and V8 allocated, also in calls of ours', () => {
    const called = `${theirs}\n    #3 0x1 in sluice::f() f.cc:1 [/a/sluice.node]`;
    expect(ownReports(leaks(theirs, called))).toEqual([]);
    const hook = leak('    #1 0x1 in CleanupHook napi-inl.h:7148 [/a/sluice.node]');
    expect(ownReports(leaks(hook))).toEqual([]);
  });

  it('counts every error, and undefined behaviour', () => {
    const error = `${heading}\n==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1`;
    expect(ownReports(error)).toHaveLength(1);
    expect(ownReports('native/f.cc:1:2: runtime error: signed integer overflow')).toHaveLength(1);
    expect(ownReports('')).toEqual([]);
    expect(couldNotSearch(ownReports(error))).toBe(false);
  });

  it('tells a search that failed from what it finds', () => {
    const text = '==7==LeakSanitizer has encountered a fatal error.\n==7==HINT: ptrace';
    expect(ownReports(text)).toEqual([text]);
    expect(couldNotSearch(ownReports(text))).toBe(true);
  });
});

describe('npm run check:lifecycle', () => {
  it('counts by case and Node version', () => {
    const [a, b] = [{ name: 'a' }, { name: 'b' }];
    const tally = new Tally({ one: [a], two: [b] }, ['20', '22']);
    tally.add(a, '20', 'ok');
    tally.add(a, '20', 'hang');
    tally.add(b, '22', 'ok');
    expect(tally.table()).toEqual([
      '      Node 20       Node 22',
      'one:',
      '  a   1 ok, 1 hang  -',
      'two:',
      '  b   -             1 ok',
      'all   1 ok, 1 hang  1 ok',
    ]);
    expect(tally.unexpected()).toBe(1);
  });

  it('refuses arguments that it does not know with exit code 2', () => {
    const run = (...args: string[]) => runScript('check-lifecycle.mjs', ...args);
    for (const args of [['--node', '19'], ['--times', '0'], ['--fast'], ['--only', 'no such']]) {
      expect(run(...args).status, args.join(' ')).toBe(2);
    }
    expect(run('--help').lines[0]).toMatch(/^Usage: npm run check:lifecycle/);
  });
});
