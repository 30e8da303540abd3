// A driver is a process. Its argument is a case as JSON; it prepares, warms up and prints "ready". For
// each line "run N" on stdin it runs N iterations and prints the median milliseconds of one.
import { createInterface } from 'node:readline';

export async function serve(prepare) {
  const iterate = await prepare(JSON.parse(process.argv[2]));
  for (let i = 0; i < 3; i++) await iterate();
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const count = Number(line.split(' ')[1]);
    const times = [];
    for (let i = 0; i < count; i++) {
      const start = process.hrtime.bigint();
      await iterate();
      times.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    console.log(median(times));
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
