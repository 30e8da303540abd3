// The command line of scripts/check-lifecycle.mjs.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { WrongArguments } from '../bootstrap/report.mjs';
import { NODES } from './nodes.mjs';

export const HELP = `Usage: npm run check:lifecycle [-- OPTIONS]

Runs the cases of test/lifecycle on every Node version, each run in a process of its own.

  --times N       how often each case runs on each Node version (default 1)
  --node LIST     Node versions, such as 20,26 (default: ${Object.keys(NODES).join(',')})
  --only TEXT     the cases whose group and name contain this
  --jobs N        how many run at once (default: 2, on one processor 1)
  --asan          with the addon built with AddressSanitizer and UndefinedBehaviorSanitizer
  --record        writes the result into bench/results/lifecycle.json and docs/benchmarks.md
  --help          this text

Node versions other than this one are installed from npm into build/nodes when they are first asked
for. Exit codes: 0 all as expected, 1 something was not, 2 wrong arguments, 128 + n stopped by
signal n.
`;

function parse() {
  try {
    return parseArgs({
      options: {
        times: { type: 'string', default: '1' },
        node: { type: 'string', default: Object.keys(NODES).join(',') },
        only: { type: 'string', default: '' },
        jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
        asan: { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new WrongArguments(error.message);
  }
}

function integer(name, text, most) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new WrongArguments(`--${name}: expected a number from 1 to ${most}; received ${text}`);
}

export function readOptions() {
  const options = parse();
  const majors = [...new Set(options.node.split(','))];
  for (const major of majors) {
    if (!Object.hasOwn(NODES, major)) {
      const known = Object.keys(NODES).join(', ');
      throw new WrongArguments(`--node: expected some of ${known}; received ${major}`);
    }
  }
  const times = integer('times', options.times, 10_000);
  const jobs = integer('jobs', options.jobs, 64);
  if (options.record && options.only) throw new WrongArguments('--record: of all cases only');
  return { ...options, majors, times, jobs };
}

/** The cases asked for, by group. */
export function select(groups, only) {
  const chosen = Object.entries(groups)
    .map(([group, cases]) => [group, cases.filter(({ name }) => `${group} ${name}`.includes(only))])
    .filter(([, cases]) => cases.length > 0);
  if (chosen.length === 0) throw new WrongArguments(`--only: no case is called '${only}'`);
  return Object.fromEntries(chosen);
}
