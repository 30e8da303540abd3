// The part of docs/benchmarks.md about the kernels.
import { flopOf, limits, shapeOf } from './cases.mjs';
import { comparison, driversIn, meanOfBestPeers, reasons } from './comparison.mjs';
import { drivers } from './drivers.mjs';
import { on } from './machine.mjs';
import { table } from './markdown.mjs';
import { round3 } from './statistics.mjs';

const GROUPS = { usual: 'usual sizes', other: 'other sizes' };

export function kernelTables(result) {
  const { rounds, rows } = result;
  return [
    '## The kernels',
    `${on(result)} Sluice's kernels: ${result.device}.`,
    `Every library computes the same numbers from the same weights (checked before it is timed, to 1e-4), in a process of its own for each case and for one and two threads, in the layout that it likes best. ${rounds} rounds alternate between the processes; the time is the median of the better number of threads, in brackets the median of the rounds' ratios to the native kernels of Sluice. B rows, T steps, I features, H units. TF.js has another GRU, which resets before the product.`,
    '### Training',
    "Forward, and backward with the gradients of inputs, initial state and all weights. From JavaScript: `model.vjp`, which also copies everything out. Sluice's native time includes packing the weights, oneDNN's bringing them into its formats.",
    ...comparisonOf(result, 'training'),
    '### Inference',
    'All outputs of a sequence, weights packed before. Sluice from JavaScript: `model.predict`, and for one step `session.push`, where the others are called with a sequence of one step. ONNX Runtime is called through its package for Node.',
    ...comparisonOf(result, 'inference'),
    ...otherCells(result),
    ...reasons(result),
    ...limitTables(rows),
    ...scalingParts(result),
    '### Memory',
    'The most memory that was resident in the process, MiB: runtime, library, and the case with its data.',
    memoryTable(result),
  ];
}

function otherCells(result) {
  const rows = result.rows.filter(({ group }) => group === 'cells');
  if (rows.length === 0) return [];
  return [
    '### Other cells',
    'Training as above, of an LSTM and a simple RNN; the GRU at these sizes is in the first table.',
    comparison(result, rows, shapeOf),
  ];
}

function comparisonOf(result, kind) {
  const rows = result.rows.filter((row) => row.kind === kind && row.group in GROUPS);
  if (rows.length === 0) return ['No case was measured.'];
  const own = driversIn(rows).filter((name) => drivers[name].own);
  const means = own.flatMap((name) =>
    Object.entries(GROUPS).flatMap(([group, title]) => {
      const mean = meanOfBestPeers(
        rows.filter((row) => row.group === group),
        name,
      );
      return mean === null ? [] : [`${mean} × ${drivers[name].label} (${title})`];
    }),
  );
  const nameOf = (row) => shapeOf(row) + (row.group === 'other' ? ' (other)' : '');
  return [
    comparison(result, rows, nameOf),
    ...(means.length ? [`Geometric mean of the best peers: ${means.join(', ')}.`] : []),
    `![Time over Sluice's, ${kind}](benchmarks/${kind}.svg)`,
  ];
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;

function limitTables(rows) {
  const measured = rows.filter((row) => row.limits.fma);
  if (measured.length === 0) return [];
  const lines = measured.flatMap((row) =>
    Object.entries(row.limits.fma).map(([threads, fma]) => {
      const ms = row.results.native.ms[threads];
      const { sgemm, tile } = row.limits;
      return [
        `${row.kind}, ${shapeOf(row)}`,
        threads,
        round3(flopOf(row) / ms / 1e6 / Number(threads)),
        fma.gflops,
        percent(fma.share),
        sgemm?.[threads] ? percent(sgemm[threads].share) : '–',
        tile?.[threads] ? percent(tile[threads].gflops / fma.gflops) : '–',
      ];
    }),
  );
  const names = limits.map(({ kind, name }) => `${kind}: ${name}`);
  return [
    "### Share of the machine's limit",
    `A thread's GFLOP/s, counting the matrix products alone, and what it can do at most, measured in the same rounds (${names.join('; ')}).`,
    table(
      ['case', 'threads', 'Sluice', 'fma', 'share of fma', 'share of sgemm', 'tile, share of fma'],
      lines,
    ),
    "![Share of the machine's limit](benchmarks/limits.svg)",
  ];
}

function scalingParts({ scaling }) {
  if (scaling.length === 0) return [];
  return [
    '### Scaling',
    "Sluice's native kernels by one size at a time and by threads.",
    '![GFLOP/s by steps, rows and units](benchmarks/scaling.svg)',
  ];
}

function memoryTable({ rows }) {
  const names = driversIn(rows);
  return table(
    ['case', ...names.map((name) => drivers[name].label)],
    rows.map((row) => [
      `${row.kind}, ${shapeOf(row)}`,
      ...names.map((name) => row.results[name]?.peakMiB ?? '–'),
    ]),
  );
}
