// A driver is a process. Its arguments are a case, as name=value; it prepares, warms up and prints
// "ready". It answers each line on stdin with a line of JSON, and ends with stdin:
//   run N   runs N iterations, in at most a hundred blocks; the median milliseconds of one
//   check   values of its results by name, to be compared with another driver's
import { createInterface } from 'node:readline';
import { median } from '../statistics.mjs';

const kWarmUpMs = 1000;

/** @param {(c: object) => { iterate: () => unknown, check?: () => unknown }} prepare may be async */
export async function serve(prepare) {
  const { iterate, check = () => ({}) } = await prepare(readCase(process.argv.slice(2)));
  const start = performance.now();
  for (let i = 0; i < 3 && performance.now() - start < kWarmUpMs; i++) await iterate();
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.split(' ');
    const answer = command === 'check' ? await check() : await medianMs(iterate, Number(count));
    console.log(JSON.stringify(answer));
  }
}

/** Numbers where they look like one. */
export const readCase = (args) =>
  Object.fromEntries(
    args.map((arg) => {
      const [name, value] = arg.split('=');
      return [name, Number.isNaN(Number(value)) ? value : Number(value)];
    }),
  );

async function medianMs(iterate, count) {
  const block = Math.ceil(count / 100);
  const times = [];
  for (let done = 0; done < count; done += block) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < block; i++) {
      const result = iterate();
      if (result instanceof Promise) await result; // what is synchronous takes microseconds
    }
    times.push(Number(process.hrtime.bigint() - start) / 1e6 / block);
  }
  return median(times);
}
