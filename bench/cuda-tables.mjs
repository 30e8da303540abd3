// The part of docs/benchmarks.md about GPUs (bench/cuda), where there are results of any.
import { table } from './markdown.mjs';
import { round3 } from './statistics.mjs';

const on = ({ machine, library }) =>
  [machine.gpu, library, machine.runtime && `CUDA ${machine.runtime}`, machine.date]
    .filter(Boolean)
    .join(', ');

const sizesOf = ({ batch, steps, features, units }) => `B${batch} T${steps} I${features} H${units}`;
const keyOf = (row) => `${sizesOf(row)}, ${row.numbers}`;

/** Microseconds of a pass: the sum of its parts' medians. */
const us = (row, parts) => parts.reduce((sum, part) => sum + row[part].us.median, 0);

/** What is compared, and what it is called in our results and in cuDNN's. */
const PASSES = [
  { title: 'inference', ours: ['inference'], theirs: ['inference'] },
  { title: 'forward', ours: ['forward'], theirs: ['forward'] },
  { title: 'backward', ours: ['backward'], theirs: ['backwardData', 'backwardWeights'] },
];

/** Only what was measured, and whose results were right. */
const measured = (result) => (result?.rows ?? []).filter((row) => row.valid && row.forward);

/** The fastest of cuDNN's algorithms in a pass. */
function best(rows, parts) {
  const timed = rows.map((row) => ({ us: us(row, parts), algorithm: row.algorithm }));
  return timed.length ? timed.reduce((a, b) => (b.us < a.us ? b : a)) : null;
}

function gruLine(key, own, peers) {
  const cells = PASSES.flatMap(({ ours, theirs }) => {
    const mine = own ? us(own, ours) : null;
    const peer = best(peers, theirs);
    return [
      mine === null ? '–' : `${round3(mine)}`,
      peer === null ? '–' : `${round3(peer.us)} (${peer.algorithm})`,
      mine === null || peer === null ? '–' : `${round3(peer.us / mine)} ×`,
    ];
  });
  const share = own?.forward.shareOfPeak;
  return [key, ...cells, typeof share === 'number' ? `${(100 * share).toFixed(0)} %` : '–'];
}

function gruTable(ours, cudnn) {
  const own = new Map(measured(ours).map((row) => [keyOf(row), row]));
  const peers = measured(cudnn);
  const keys = [...new Set([...own.keys(), ...peers.map(keyOf)])];
  if (keys.length === 0) return [];
  const sources = [ours, cudnn].filter((result) => measured(result).length);
  const head = PASSES.flatMap(({ title }) => [
    `Sluice, ${title}, µs`,
    `cuDNN, ${title}, µs (algorithm)`,
    'cuDNN / Sluice',
  ]);
  return [
    '### One GRU layer',
    `${sources.map(on).join('; ')}. All steps of a layer, medians; cuDNN: the fastest of its algorithms in each pass; backward: all gradients. Of cases that were checked. Share of the peak: the matrix products of Sluice's forward pass, of dense arithmetic in these numbers at the highest clock.`,
    table(
      ['case', ...head, 'share of the peak'],
      keys.map((key) =>
        gruLine(
          key,
          own.get(key),
          peers.filter((row) => keyOf(row) === key),
        ),
      ),
    ),
  ];
}

const STEP_COLUMNS = ['stepUs', 'forwardUs', 'backwardUs', 'optimizerUs'];

function stepLine(key, own, peer) {
  const cell = (row, column) => (row ? `${round3(row[column].median)}` : '–');
  return [
    key,
    cell(own, 'stepUs'),
    cell(own, 'stepWithCopyUs'),
    ...STEP_COLUMNS.map((column) => cell(peer, column)),
    own && peer ? `${round3(peer.stepUs.median / own.stepUs.median)} ×` : '–',
  ];
}

function stepTable(ours, pytorch) {
  const valid = (result) => (result?.rows ?? []).filter((row) => row.valid);
  const byKey = (result) =>
    new Map(valid(result).map((row) => [`${row.name} (${keyOf(row)})`, row]));
  const [own, peers] = [byKey(ours), byKey(pytorch)];
  const keys = [...new Set([...own.keys(), ...peers.keys()])];
  if (keys.length === 0) return [];
  return [
    '### Training steps',
    ...[ours, pytorch]
      .filter((result) => valid(result).length)
      .map((result) => `${on(result)}. ${result.conditions}.`),
    table(
      [
        'case',
        'Sluice, step, µs',
        'Sluice, step and copy of its rows, µs',
        'PyTorch, step, µs',
        'PyTorch, forward, µs',
        'PyTorch, backward, µs',
        'PyTorch, Adam, µs',
        'PyTorch / Sluice',
      ],
      keys.map((key) => stepLine(key, own.get(key), peers.get(key))),
    ),
  ];
}

/** @param {Record<string, any>} results */
export function cudaTables(results) {
  const parts = [
    ...gruTable(results['cuda-ours'], results['cuda-cudnn']),
    ...stepTable(results['cuda-train'], results['cuda-pytorch']),
  ];
  return parts.length ? ['## On a GPU', 'Made by `bench/cuda/run.sh`.', ...parts] : [];
}
