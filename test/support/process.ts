// Scripts that use the built package in processes and threads of their own.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';

/** From here the package is found by its own name. */
export const ROOT = join(__dirname, '..', '..');

/** For CommonJS scripts: `sluice`, a model that trains as long as it is let, and its weights as text. */
export const PRELUDE = `
const sluice = require(${JSON.stringify(ROOT)});
const { layers, sequential, tensor, load } = sluice;
const noise = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898) % 1);
const x = tensor(noise(64 * 40 * 4), [64, 40, 4]), y = tensor(noise(64), [64, 1]);
function build() {
  const m = sequential(
    [layers.gru({ units: 24, returnSequences: true }), layers.gru({ units: 24 }), layers.dense({ units: 1 })],
    { inputShape: [null, 4], seed: 3 });
  m.compile({ optimizer: 'adam', loss: 'mse' });
  return m;
}
const bits = (m) => require('node:crypto').createHash('sha1').update(
  Buffer.concat(Object.values(m.getWeights()).map(({ data }) => Buffer.from(data.buffer)))).digest('hex');
const FIT = { epochs: 3, batchSize: 4 };
/** Fits for ever, resolves when the first step is done; 'ended' rejects or resolves with the fit. */
function startFit(m = build(), options = {}) {
  let ended;
  const started = new Promise((resolve) => {
    ended = m.fit(x, y, { epochs: 1e6, batchSize: 4, callbacks: [{ onBatchEnd: resolve }], ...options });
  });
  return { m, started, ended };
}
`;

/** For scripts that start workers which have the prelude as well. */
export const WORKERS = `
const { Worker } = require('node:worker_threads');
const PRELUDE = ${JSON.stringify(PRELUDE)};
const start = (script) => new Worker(PRELUDE +
  'const { parentPort } = require("node:worker_threads");' + script, { eval: true });
const exit = (worker) => new Promise((resolve, reject) =>
  worker.once('exit', resolve).once('error', reject));
const message = (worker) => new Promise((resolve) => worker.once('message', resolve));
`;

/** Runs a script to its end. */
export function run(script: string, argv: readonly string[] = []) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...argv, '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, signal, stdout, stderr };
}

/** A script ends by itself, without a word on stderr, having printed this. */
export function expectOutput(script: string, stdout: string, argv: readonly string[] = []): void {
  const result = run(PRELUDE + script, argv);
  expect(result).toEqual({ status: 0, signal: null, stdout, stderr: '' });
}

/** Sends a signal to a script once it has printed a line; how it ended. */
export function interrupt(script: string, name: NodeJS.Signals) {
  return new Promise<{
    status: number | null;
    signal: string | null;
    stdout: string;
    stderr: string;
  }>((resolve) => {
    const child = spawn(process.execPath, ['-e', PRELUDE + script], { cwd: ROOT });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      if (stdout === '') child.kill(name);
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}
