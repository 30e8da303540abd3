// What JavaScript's thread notices while a large model trains: the event loop's delay, and the answers of an
// HTTP server in the same process, asked by another process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { layers, sequential, tensor } from 'sluice';

const kSeconds = 20;

export async function measureEventLoop(report) {
  const [batch, steps, features, units] = [64, 50, 128, 512];
  const model = sequential([layers.gru({ units }), layers.dense({ units: 1 })], {
    inputShape: [steps, features],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const rows = 16 * batch;
  const x = tensor(
    new Float32Array(rows * steps * features).map((_, i) => Math.sin(i)),
    [rows, steps, features],
  );
  const y = tensor(
    new Float32Array(rows).map((_, i) => Math.cos(i)),
    [rows, 1],
  );
  await model.trainOnBatch(
    tensor(x.data.subarray(0, batch * steps * features), [batch, steps, features]),
    tensor(y.data.subarray(0, batch), [batch, 1]),
  );

  const server = createServer((request, response) => request.pipe(response));
  await once(server.listen(0), 'listening');
  const client = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('echo-client.mjs', import.meta.url)),
      String(server.address().port),
      String(kSeconds),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let answer = '';
  client.stdout.on('data', (chunk) => {
    answer += chunk;
  });
  const stop = new AbortController();
  client.on('exit', () => stop.abort());

  // Gaps between turns of a timer that wants to run every millisecond.
  const gaps = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }, 1);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const epochs = [];
  try {
    await model.fit(x, y, {
      epochs: 1e6,
      batchSize: batch,
      signal: stop.signal,
      verbose: 0,
      callbacks: [{ onEpochEnd: (epoch) => void epochs.push(epoch) }],
    });
  } catch (error) {
    if (error.code !== 'ABORTED') throw error;
  }
  const elapsed = performance.now() - start;
  delay.disable();
  clearInterval(timer);
  server.close();
  const inGaps = gaps.filter((gap) => gap > 10).reduce((sum, gap) => sum + gap, 0);
  const result = {
    case: { batch, steps, features, units },
    seconds: Number((elapsed / 1e3).toFixed(1)),
    stepsTrained: epochs.length * (rows / batch),
    delayMs: {
      max: round(delay.max / 1e6),
      p99: round(delay.percentile(99) / 1e6),
      mean: round(delay.mean / 1e6),
    },
    shareOfTimeInGapsOver10ms: round(inGaps / elapsed),
    echo: JSON.parse(answer),
  };
  report(`event loop while training H=${units}: ${JSON.stringify(result)}`);
  return result;
}

const round = (x) => Number(x.toPrecision(3));
