// What scripts in processes and threads of their own begin with. They use the package as it is built.
import { fileURLToPath } from 'node:url';

/** From here the package is found by its own name. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const COMMON = `
const { layers, sequential, tensor, load } = sluice;
const noise = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898) % 1);
const x = tensor(noise(64 * 40 * 4), [64, 40, 4]), y = tensor(noise(64), [64, 1]);
function build({ layers, sequential } = sluice) {
  const m = sequential(
    [layers.gru({ units: 24, returnSequences: true }), layers.gru({ units: 24 }), layers.dense({ units: 1 })],
    { inputShape: [null, 4], seed: 3 });
  m.compile({ optimizer: 'adam', loss: 'mse' });
  return m;
}
const sha1 = (data) => require('node:crypto').createHash('sha1').update(data).digest('hex');
const bytes = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const bits = (m) => sha1(Buffer.concat(Object.values(m.getWeights()).map(({ data }) => bytes(data))));
const answer = async (m) => sha1(bytes((await m.predict(x)).data));
const FIT = { epochs: 3, batchSize: 4 };
/** Fits for ever, resolves when the first step is done; 'ended' rejects or resolves with the fit. */
function startFit(m = build(), options = {}) {
  let ended;
  const started = new Promise((resolve) => {
    ended = m.fit(x, y, { epochs: 1e6, batchSize: 4, callbacks: [{ onBatchEnd: resolve }], ...options });
  });
  return { m, started, ended };
}
/** How a call that is under way ends. */
const outcome = (call) => call.then(() => 'done', (error) => error.code ?? error.message);
/** A folder that goes away with the test. */
const folder = process.env.SLUICE_TEST_FOLDER;
`;

/** For CommonJS scripts: `sluice`, a model that trains as long as it is let, its weights as text. */
export const PRELUDE = `
const sluice = require(${JSON.stringify(ROOT)});
${COMMON}`;

/** The same for ES modules. */
export const ESM_PRELUDE = `
import * as sluice from 'sluice';
import { createRequire } from 'node:module';
const require = createRequire(${JSON.stringify(`${ROOT}package.json`)});
${COMMON}`;

/** For scripts that start workers and processes which have the prelude as well. */
export const CHILDREN = `
const { Worker } = require('node:worker_threads');
const PRELUDE = ${JSON.stringify(PRELUDE)};
const start = (script, options = {}) => new Worker(PRELUDE +
  'const { parentPort } = require("node:worker_threads");' + script, { eval: true, ...options });
/** A program of its own, as a file: fork and cluster take nothing else. */
const program = (name, script) => {
  const file = require('node:path').join(folder, name);
  require('node:fs').writeFileSync(file, PRELUDE + script);
  return file;
};
const exit = (child) => new Promise((resolve, reject) =>
  child.once('exit', (code, signal) => resolve(code ?? signal)).once('error', reject));
const message = (child) => new Promise((resolve) => child.once('message', resolve));
/** Whether this process has mapped the addon. */
const isLoaded = () => /sluice[^/]*\\.node$/m.test(require('node:fs').readFileSync('/proc/self/maps', 'utf8'));
`;
