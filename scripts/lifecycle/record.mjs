// The result of a run, into bench/results/lifecycle.json and from there into docs/benchmarks.md.
import { readResult, writeDocument, writeResult } from '../../bench/document.mjs';
import { machine } from '../../bench/machine.mjs';
import { VERDICTS } from './tally.mjs';

/** A run with the sanitizer is a part of the same document, beside the one without. */
export function record({ tally, nodes, cases, times, asan }) {
  const bad = VERDICTS.filter((verdict) => verdict !== 'ok');
  const rows = nodes.map(({ major, version }) => {
    const total = tally.total(major);
    const failures = Object.fromEntries(bad.map((verdict) => [verdict, total[verdict]]));
    return { node: version, runs: cases * times, ...failures };
  });
  const before = readResult('lifecycle') ?? {};
  const part = { machine: machine(), cases, times, rows };
  writeResult('lifecycle', { ...before, [asan ? 'asan' : 'plain']: part });
  writeDocument();
}
