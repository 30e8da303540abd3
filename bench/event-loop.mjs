// What JavaScript's thread notices while a large model trains: the event loop's delay, and the answers of an
// HTTP server in the same process, asked by another process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { largeFit, startLargeFit } from './large-fit.mjs';

const kSeconds = 20;

export async function measureEventLoop(report) {
  const fit = await startLargeFit();
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
  const ended = once(client, 'exit');

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
  await ended;
  const steps = await fit.stop();
  const elapsed = performance.now() - start;
  delay.disable();
  clearInterval(timer);
  server.close();
  const inGaps = gaps.filter((gap) => gap > 10).reduce((sum, gap) => sum + gap, 0);
  const result = {
    case: largeFit,
    seconds: Number((elapsed / 1e3).toFixed(1)),
    stepsTrained: steps,
    delayMs: {
      max: round(delay.max / 1e6),
      p99: round(delay.percentile(99) / 1e6),
      mean: round(delay.mean / 1e6),
    },
    shareOfTimeInGapsOver10ms: round(inGaps / elapsed),
    echo: JSON.parse(answer),
  };
  report(`event loop while training H=${largeFit.units}: ${JSON.stringify(result)}`);
  return result;
}

const round = (x) => Number(x.toPrecision(3));
