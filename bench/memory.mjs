// Whether memory grows: the slope over the last 80 % of many calls, after others that are not measured.
// Counted is what is live of V8's heap and all anonymous memory outside of its pages: which of those are
// kept, given back or touched for the first time is V8's business, and moves by a MiB. bench/run.mjs
// starts this with the settings under which V8's code and malloc's fragments do not blur the line.
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { layers, sequential, tensor } from 'sluice';

const kSamples = 200;
const kWarmUpCalls = 20_000;

/** The first line of a mapping in /proc/self/smaps: start, permissions, name. */
const MAPPING = /^([0-9a-f]+)-[0-9a-f]+ (\S+) \S+ \S+ \S+ *(.*)$/;
/** V8's pages are aligned to their size. malloc's large blocks are so only by chance. */
const V8_PAGE = 2 ** 18;

function liveBytes() {
  let [bytes, counts] = [0, true];
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, start, permissions, name] = MAPPING.exec(line) ?? [];
    if (start) {
      const isPage = Number.parseInt(start, 16) % V8_PAGE === 0;
      counts = !(name === '' && permissions === 'rw-p' && isPage);
    }
    const [, anonymous] = /^Anonymous: +(\d+) kB/.exec(line) ?? [];
    if (anonymous && counts) bytes += Number(anonymous) * 1024;
  }
  return bytes + getHeapStatistics().used_heap_size;
}

/** Collects, and lets the finalizers run that the collector leaves for later turns. */
async function settle() {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.();
    await setImmediate();
  }
}

/** Least squares slope in bytes a call over the last 80 % of the samples. */
function slope(samples) {
  const tail = samples.slice(Math.floor(samples.length * 0.2));
  const mean = (f) => tail.reduce((sum, s) => sum + f(s), 0) / tail.length;
  const mx = mean((s) => s[0]);
  const my = mean((s) => s[1]);
  const covariance = mean((s) => (s[0] - mx) * (s[1] - my));
  return covariance / mean((s) => (s[0] - mx) ** 2);
}

async function measure(name, calls, call, report) {
  const samples = [];
  const every = calls / kSamples;
  for (let i = 1 - Math.max(calls, kWarmUpCalls); i <= calls; i++) {
    const pending = call();
    if (pending) await pending;
    if (i % every) continue;
    await settle();
    const bytes = liveBytes();
    if (i > 0) samples.push([i, bytes]);
  }
  const result = {
    calls,
    bytesPerCall: Number(slope(samples).toFixed(3)),
    liveMiB: Math.round(samples.at(-1)[1] / 2 ** 20),
  };
  report(`${name}: ${JSON.stringify(result)}`);
  return result;
}

export async function measureMemory(report) {
  const model = sequential([layers.gru({ units: 64 }), layers.dense({ units: 1 })], {
    inputShape: [100, 10],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const x = tensor(
    new Float32Array(32 * 1000).map((_, i) => Math.sin(i)),
    [32, 100, 10],
  );
  const y = tensor(new Float32Array(32), [32, 1]);
  const row = tensor(x.data.subarray(0, 1000), [1, 100, 10]);
  const session = model.stream();
  const step = new Float32Array(10);
  const out = new Float32Array(1);
  return {
    trainOnBatch: await measure('trainOnBatch', 10_000, () => model.trainOnBatch(x, y), report),
    predict: await measure('predict', 100_000, () => model.predict(row), report),
    push: await measure('push', 1_000_000, () => void session.push(step, out), report),
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const result = await measureMemory(() => {});
  console.log(JSON.stringify(result));
}
