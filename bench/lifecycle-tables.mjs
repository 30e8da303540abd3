// The part of docs/benchmarks.md about npm run check:lifecycle (scripts/lifecycle/record.mjs).
import { on } from './machine.mjs';
import { table } from './markdown.mjs';

const ENDS = { crash: 'crashes', hang: 'hangs', wrong: 'other ends than expected' };

const count = (times) => (times === 1 ? 'once' : `${times} times`);

function endsTable({ rows }, kinds) {
  const head = ['Node', 'runs', ...Object.values(kinds)];
  const cells = (row) => [row.node, row.runs, ...Object.keys(kinds).map((kind) => row[kind])];
  return table(head, rows.map(cells));
}

export function lifecycleTables({ plain, asan }) {
  const parts = [
    '## Life cycle',
    'Made by `npm run check:lifecycle -- --record`: processes that exit, throw, are killed, abort and dispose in mid-fit, with workers, forks, clusters, two copies of the package and little memory (the cases in `test/lifecycle`), each in a process of its own.',
  ];
  if (plain) {
    parts.push(`${plain.cases} cases, ${count(plain.times)}. ${on(plain)}`, endsTable(plain, ENDS));
    if (plain.rows.some(({ hang }) => hang > 0)) {
      parts.push(
        "Node itself hangs now and then in `process.exit`: it waits for a thread of V8's that compiles and waits for the main thread's garbage collection ([nodejs/node#54918](https://github.com/nodejs/node/issues/54918)). Look at the stacks of a process that hangs before anything else.",
      );
    }
  }
  if (asan) {
    parts.push(
      `With AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer: ${asan.cases} cases, ${count(asan.times)}. ${on(asan)}`,
      endsTable(asan, { sanitizer: 'errors and leaks', ...ENDS }),
    );
  }
  return parts;
}
