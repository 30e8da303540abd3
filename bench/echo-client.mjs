// Asks an echo server, one request after the other, and prints the latencies' percentiles.
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';

const [port, seconds] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });

function ask() {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const message = request({ port, agent, method: 'POST', path: '/' }, (response) => {
      response.resume().on('end', () => resolve(performance.now() - start));
    });
    message.on('error', reject).end('hello');
  });
}

const times = [];
const end = performance.now() + seconds * 1e3;
while (performance.now() < end) {
  times.push(await ask());
  await new Promise((resolve) => setTimeout(resolve, 5));
}
times.sort((a, b) => a - b);
const at = (q) =>
  Number(times[Math.min(times.length - 1, Math.floor(q * times.length))].toFixed(2));
console.log(JSON.stringify({ requests: times.length, p50: at(0.5), p99: at(0.99), max: at(1) }));
agent.destroy();
