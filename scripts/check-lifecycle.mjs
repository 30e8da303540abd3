// npm run check:lifecycle [-- --help]: runs the cases of test/lifecycle many times and on every Node
// version. Prints a table; exits with 1 when a run crashed, hung, or ended otherwise than expected.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { groups } from '../test/lifecycle/cases/index.mjs';
import { runCase } from '../test/support/child.mjs';
import { ROOT, runMain, StepFailed, say, secondsSince, task } from './bootstrap/report.mjs';
import { couldNotSearch, sanitizer } from './lifecycle/asan.mjs';
import { nodeOf } from './lifecycle/nodes.mjs';
import { HELP, readOptions, select } from './lifecycle/options.mjs';
import { record } from './lifecycle/record.mjs';
import { Tally } from './lifecycle/tally.mjs';

/** Far beyond what the slowest case takes on a busy machine: what never ends is to be caught. */
const LIMIT_MS = 120_000;
const LIMIT_ASAN_MS = 600_000;
/** Who breaks one thing breaks many cases; the first reports say what it is. */
const REPORTS_SHOWN = 10;

/** Only who asks for it waits for this build. */
function buildSanitized() {
  const bootstrap = join(ROOT, 'scripts', 'bootstrap.mjs');
  const { status } = spawnSync(process.execPath, [bootstrap, '--quiet', '--for', 'asan'], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new StepFailed('there is no sanitized addon', status ?? 1);
}

/** One run of a case; with a sanitizer, what that found counts as well. */
async function runOnce(one, node, asan, triesLeft = 3) {
  if (!asan) return runCase(one, { node: node.program, limitMs: LIMIT_MS });
  const { env, reports } = asan.environment();
  const result = await runCase(one, { node: node.program, limitMs: LIMIT_ASAN_MS, env });
  const found = reports();
  if (found.length === 0) return result;
  if (triesLeft > 1 && couldNotSearch(found)) return runOnce(one, node, asan, triesLeft - 1);
  return { verdict: 'sanitizer', report: [...found, result.report].join('\n') };
}

/** Calls `work` for every job, so many at once. */
async function inParallel(jobs, count, work) {
  const rest = jobs.values();
  const worker = async () => {
    for (const job of rest) await work(job);
  };
  await Promise.all(Array.from({ length: count }, worker));
}

async function main() {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const chosen = select(groups, options.only);
  const cases = Object.values(chosen).flat();
  const nodes = [];
  for (const major of options.majors) nodes.push(await nodeOf(major));
  if (options.asan) buildSanitized();
  const asan = options.asan ? sanitizer() : undefined;

  // Round by round: one that is stopped has tried everything equally often.
  const jobs = Array.from({ length: options.times }, (_, i) => i + 1).flatMap((round) =>
    nodes.flatMap((node) => cases.map((one) => ({ one, node, round }))),
  );
  const tally = new Tally(chosen, options.majors);
  const started = performance.now();
  let [done, shown] = [0, 0];
  const verdict = () => {
    const unexpected = tally.unexpected();
    const summary = unexpected === 0 ? 'all as expected' : `${unexpected} not as expected`;
    return `${done} of ${jobs.length} runs, ${summary}`;
  };
  const print = () => {
    for (const line of tally.table()) console.log(line);
    console.log(`${verdict()}, ${secondsSince(started)}`);
  };
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => {
      print();
      process.exit(128 + constants.signals[signal]);
    });
  }

  const title = `${cases.length} cases on ${nodes.length} Node versions, ${options.times} times`;
  await task(title, (progress) =>
    inParallel(jobs, options.jobs, async ({ one, node, round }) => {
      const result = await runOnce(one, node, asan);
      tally.add(one, node.major, result.verdict);
      done++;
      progress(`(${verdict()})`);
      if (result.verdict === 'ok' || shown++ >= REPORTS_SHOWN) return;
      say(`${result.verdict}: ${one.name} (Node ${node.version}, time ${round})\n${result.report}`);
    }),
  );
  print();
  if (options.record) record({ tally, nodes, cases: cases.length, ...options });
  if (tally.unexpected() > 0) throw new StepFailed(verdict());
}

await runMain(main);
