// One step from JavaScript: a push of one session, and a step of many sessions in a pool.
import { performance } from 'node:perf_hooks';
import { layers, sequential } from 'sluice';

const SIZES = [8, 16, 32, 64, 128, 256, 512];
const WEIGHTS = ['float32', 'float16', 'bfloat16', 'int8'];
const POOL = { sessions: 1000, units: 64 };
const ROUNDS = 200;
/** Of one round; a call is far below the resolution of the clock. */
const ROUND_MS = 0.5;

/** Microseconds of one of the `parts` of a call: of all rounds the median, and the least. */
function time(parts, call) {
  for (const until = performance.now() + 50; performance.now() < until; ) call();
  const start = performance.now();
  call();
  const calls = Math.max(1, Math.round(ROUND_MS / Math.max(performance.now() - start, 1e-4)));
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    for (let i = 0; i < calls; i++) call();
    times.push(((performance.now() - begin) * 1e3) / (calls * parts));
  }
  times.sort((a, b) => a - b);
  return { median: rounded(times[ROUNDS / 2]), min: rounded(times[0]) };
}

function rounded(us) {
  return Number(us.toFixed(3));
}

function waves(length) {
  return Float32Array.from({ length }, (_, i) => Math.sin(i));
}

function gruOf(units) {
  return sequential([layers.gru({ units })], { inputShape: [null, units], seed: 1 });
}

function timePush(units, weights) {
  const session = gruOf(units).stream({ weights });
  const [x, out] = [waves(units), new Float32Array(units)];
  return time(1, () => session.push(x, out));
}

function timePool(weights) {
  const { sessions, units } = POOL;
  const pool = gruOf(units).sessions({ capacity: sessions, weights });
  const slots = Int32Array.from({ length: sessions }, () => pool.open());
  const [xs, out] = [waves(sessions * units), new Float32Array(sessions * units)];
  return time(sessions, () => pool.step(slots, xs, out));
}

export async function measurePush(report) {
  const push = [];
  for (const units of SIZES) {
    const us = Object.fromEntries(WEIGHTS.map((weights) => [weights, timePush(units, weights)]));
    push.push({ features: units, units, us });
    report(`push ${units}: ${JSON.stringify(us)}`);
  }
  const us = Object.fromEntries(WEIGHTS.map((weights) => [weights, timePool(weights)]));
  report(`pool.step: ${JSON.stringify(us)}`);
  return { push, pool: { ...POOL, features: POOL.units, us } };
}
