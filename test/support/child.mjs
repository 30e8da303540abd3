// Runs a script in a process of its own and holds how it ended to what was expected. Plain JavaScript:
// the tests and scripts/check-lifecycle.mjs both use it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ESM_PRELUDE, PRELUDE, ROOT } from './prelude.mjs';

const HANG_MS = 50_000;

const running = new Set();

/** The whole group: a script may have started processes itself. */
function kill(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
process.once('exit', () => running.forEach(kill));

/** Calls `end` after so long. A machine that stood still meanwhile has lost a second, not hung. */
function afterTicks(ms, end) {
  const tick = Math.min(ms, 1000);
  let left = Math.ceil(ms / tick);
  return setInterval(() => {
    if (--left === 0) end();
  }, tick);
}

/**
 * @typedef {object} RunOptions
 * @property {string} [node] the Node that runs it; default: this one
 * @property {string[]} [flags]
 * @property {'cjs' | 'esm'} [module]
 * @property {NodeJS.Signals} [signal] sent when the script has printed something
 * @property {Record<string, string>} [env]
 * @property {number} [limitMs] after so long it is killed and counts as hung
 *
 * @typedef {object} End how a process ended
 * @property {number | null} status
 * @property {NodeJS.Signals | null} signal
 * @property {string} stdout
 * @property {string} stderr
 * @property {boolean} hung
 *
 * @typedef {object} Result
 * @property {'ok' | 'crash' | 'hang' | 'wrong'} verdict crash: a signal that nobody sent; wrong:
 *   another end or another output than expected
 * @property {string} report what was expected and what came; empty when all was well
 */

/**
 * Runs a script to its end, or kills it when that does not come.
 * @param {string} script
 * @param {RunOptions} [options]
 * @returns {Promise<End>}
 */
export function run(script, options = {}) {
  const { node = process.execPath, flags = [], module = 'cjs', signal, env = {} } = options;
  const program = `${module === 'esm' ? ESM_PRELUDE : PRELUDE}${script}`;
  const type = module === 'esm' ? ['--input-type=module'] : [];
  const child = spawn(node, [...flags, ...type, '-e', program], {
    cwd: ROOT,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  return new Promise((resolve, reject) => {
    let [stdout, stderr, hung] = ['', '', false];
    const limit = afterTicks(options.limitMs ?? HANG_MS, () => {
      hung = true;
      kill(child);
    });
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (stdout === '' && signal) child.kill(signal);
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (status, endedBy) => {
      clearInterval(limit);
      // What the script started and left behind would keep the next one company.
      kill(child);
      running.delete(child);
      resolve({ status, signal: endedBy, stdout, stderr, hung });
    });
  });
}

const agrees = (found, expected) =>
  expected instanceof RegExp ? expected.test(found) : isDeepStrictEqual(found, expected);

/** What an end is held to where a case does not say otherwise. */
const BY_ITSELF = { status: 0, signal: null, stdout: '', stderr: '', hung: false };
const isGiven = ([, value]) => value !== undefined;

/** @returns {Result} */
function judge(found, ends) {
  const given = Object.fromEntries(Object.entries(ends).filter(isGiven));
  const expected = { ...BY_ITSELF, ...given };
  const wrong = Object.keys(expected).filter((key) => !agrees(found[key], expected[key]));
  if (wrong.length === 0) return { verdict: 'ok', report: '' };
  const lines = wrong.map(
    (key) => `${key}: expected ${show(expected[key])}, found ${show(found[key])}`,
  );
  if (!wrong.includes('stderr') && found.stderr) lines.push(`stderr: ${show(found.stderr)}`);
  const crashed = found.signal !== null && wrong.includes('signal');
  return { verdict: found.hung ? 'hang' : crashed ? 'crash' : 'wrong', report: lines.join('\n') };
}

function show(value) {
  return value instanceof RegExp ? String(value) : JSON.stringify(value);
}

/**
 * Runs a case once, all of its processes one after the other in a folder that goes away afterwards.
 * @param {import('../lifecycle/cases/index.mjs').Case} one
 * @param {RunOptions} [options]
 * @returns {Promise<Result>}
 */
export async function runCase(one, options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-life-'));
  try {
    for (const part of [one, ...(one.afterwards ?? [])]) {
      const { script, flags, module, send, status, signal, stdout, stderr } = part;
      const env = { ...options.env, SLUICE_TEST_FOLDER: folder };
      const found = await run(script, { ...options, flags, module, signal: send, env });
      const result = judge(found, { status, signal, stdout, stderr });
      if (result.verdict !== 'ok') return result;
    }
    return { verdict: 'ok', report: '' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
