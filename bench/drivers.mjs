// The drivers: Sluice and its peers, where they are found, and how a driver process is spoken to.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.SLUICE_BENCH_PYTHON ?? 'python3';
const INSTALL = 'run npm run bench -- --peers';

/**
 * @typedef {object} Driver
 * @property {string} label
 * @property {string[]} kinds of cases that it can run
 * @property {string[]} [cells] that it knows beside the GRU
 * @property {string[]} command
 * @property {() => { version: string } | { missing: string }} find
 * @property {Record<string, string | number>} [options] further values of its cases
 * @property {(threads: number) => Record<string, string>} [environment]
 * @property {boolean} [own] Sluice, and no peer
 * @property {boolean} [once] too slow for rounds
 * @property {boolean} [unlike] computes something else, so that only times can be compared
 */

const found = (version) => ({ version });

function ownProgram() {
  return existsSync(path('../build/bench/sluice_bench')) ? found('') : { missing: 'not compiled' };
}

function oneDnn() {
  if (!existsSync(path('../build/onednn/onednn_bench')))
    return { missing: `not compiled: install libdnnl-dev and ${INSTALL}` };
  const { stdout } = spawnSync(path('../build/onednn/onednn_bench'), ['version'], {
    encoding: 'utf8',
  });
  return found(stdout.trim());
}

const npmPackage = (name) => () => {
  try {
    const file = path(`peers/node_modules/${name}/package.json`);
    return found(JSON.parse(readFileSync(file, 'utf8')).version);
  } catch {
    return { missing: `not installed: ${INSTALL}` };
  }
};

const pythonPackage = (name) => () => {
  const code = `import ${name}; print(${name}.__version__)`;
  const { status, stdout } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (status === 0) return found(stdout.trim());
  return { missing: `${python} cannot import ${name} (SLUICE_BENCH_PYTHON names a Python)` };
};

const tfjs = {
  command: [process.execPath, path('peers/tfjs.mjs')],
  find: npmPackage('@tensorflow/tfjs'),
};

/** @type {Record<string, Driver>} */
export const drivers = {
  native: {
    label: 'Sluice, native',
    kinds: ['training', 'inference', 'fma', 'sgemm', 'tile'],
    cells: ['lstm', 'simpleRnn'],
    command: [path('../build/bench/sluice_bench')],
    find: ownProgram,
    own: true,
  },
  sluice: {
    label: 'Sluice, JavaScript',
    kinds: ['training', 'inference', 'step'],
    command: [process.execPath, path('drivers/sluice.mjs')],
    find: () => found(''),
    own: true,
  },
  onednn: {
    label: 'oneDNN',
    kinds: ['training', 'inference'],
    command: [path('../build/onednn/onednn_bench')],
    find: oneDnn,
  },
  pytorch: {
    label: 'PyTorch',
    kinds: ['training', 'inference', 'step'],
    cells: ['lstm', 'simpleRnn'],
    command: [python, path('drivers/pytorch.py')],
    find: pythonPackage('torch'),
  },
  jax: {
    label: 'JAX',
    kinds: ['training', 'inference'],
    command: [python, path('drivers/jax_scan.py')],
    find: pythonPackage('jax'),
    // NPROC is how many processors XLA takes there to be; its own flags leave its pool as it is.
    environment: (threads) => ({ JAX_PLATFORMS: 'cpu', NPROC: String(threads) }),
  },
  onnxruntime: {
    label: 'ONNX Runtime',
    kinds: ['inference'],
    command: [process.execPath, path('peers/onnxruntime.mjs')],
    find: npmPackage('onnxruntime-node'),
  },
  tfjsWasm: {
    ...tfjs,
    label: 'TF.js WASM',
    kinds: ['inference', 'step'],
    options: { backend: 'wasm', resetAfter: 0 },
  },
  tfjsCpu: {
    ...tfjs,
    label: 'TF.js CPU',
    kinds: ['step'],
    options: { backend: 'cpu', resetAfter: 0 },
    once: true,
  },
  brainjs: {
    label: 'brain.js',
    kinds: ['step'],
    command: [process.execPath, path('peers/brainjs.mjs')],
    find: npmPackage('brain.js'),
    once: true,
    unlike: true,
  },
};

/** Whether a driver can run a case. */
export const canRun = (name, { kind, cell }) =>
  drivers[name].kinds.includes(kind) &&
  (cell === undefined || (drivers[name].cells ?? []).includes(cell));

export const resetAfterOf = (name) => drivers[name].options?.resetAfter ?? 1;

/** Which drivers are here, by name, and the reasons of those that are not. */
export function findDrivers(kinds) {
  const here = {};
  const missing = [];
  for (const [name, driver] of Object.entries(drivers)) {
    if (!driver.kinds.some((kind) => kinds.includes(kind))) continue;
    const answer = driver.find();
    if ('missing' in answer) missing.push(`${driver.label}: ${answer.missing}`);
    else here[name] = `${driver.label} ${answer.version}`.trim();
  }
  return { here, missing };
}

const kLongestAnswerMs = 180_000;
const alive = new Set();

/** Ends all drivers, where the measurement is interrupted. */
export function stopAll() {
  for (const child of alive) child.kill('SIGKILL');
}

/** One driver process with one case. Rejects with what it said last where it ends early. */
export async function start(name, benchCase) {
  const { command, options, environment } = drivers[name];
  const { threads } = benchCase;
  const args = Object.entries({ ...benchCase, ...options }).map(
    ([key, value]) => `${key}=${value}`,
  );
  const child = spawn(command[0], [...command.slice(1), ...args], {
    env: {
      ...process.env,
      OMP_NUM_THREADS: String(threads),
      PYTHONDONTWRITEBYTECODE: '1',
      ...environment?.(threads),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  alive.add(child);
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-2000);
  });
  child.stdin.on('error', () => {}); // it has ended; reading from it says so
  child.on('error', (error) => {
    errors += error.message;
  });
  child.on('close', () => alive.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const timer = setTimeout(() => {
      errors += `\nerror: no answer in ${kLongestAnswerMs / 1000} s`;
      child.kill('SIGKILL');
    }, kLongestAnswerMs);
    const { value, done } = await lines.next();
    clearTimeout(timer);
    if (!done) return value;
    throw new Error(lastError(errors) || 'ended without a word');
  };
  const ask = async (line) => {
    child.stdin.write(`${line}\n`);
    return JSON.parse(await next());
  };
  while ((await next()) !== 'ready'); // libraries may greet
  return {
    /** Median milliseconds of one iteration. */
    run: (count) => ask(`run ${count}`),
    check: () => ask('check'),
    /** The most memory that was resident at any time. */
    peakMiB: () => peakMiB(child.pid),
    stop: () => child.stdin.end(),
  };
}

/** The line of a process's last words that says what was wrong. */
function lastError(text) {
  const lines = text.split('\n').map((line) => line.trim());
  const isStack = (line) => line.startsWith('at ');
  return lines.findLast((line) => /error/i.test(line) && !isStack(line)) ?? lines.at(-1);
}

function peakMiB(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024);
  } catch {
    return null;
  }
}
