// What is measured, as data.

const shapes = (...rows) =>
  rows.map(([batch, steps, features, units]) => ({ batch, steps, features, units }));
const ofKind = (kind, group, rows) =>
  rows.map((row) => ({
    kind,
    group,
    ...row,
    // 1: the call is given the state to go on from, and training its gradient back.
    state: kind === 'training' || row.steps === 1 ? 1 : 0,
  }));

/** Not what the kernels were developed on: odd sizes, many rows, few units. */
const others = shapes([7, 37, 19, 100], [256, 30, 16, 32], [40, 25, 72, 300]);

/** An LSTM and a simple RNN at sizes at which the GRU is measured as well. */
const cells = ['lstm', 'simpleRnn'].flatMap((cell) =>
  ofKind('training', 'cells', shapes([32, 100, 10, 64], [64, 50, 128, 256])).map((row) => ({
    ...row,
    cell,
  })),
);

/**
 * The GRU's kernels against those of other libraries.
 * - training: forward, then backward with the gradients of inputs, initial state and all weights
 * - inference: all outputs of a sequence, or one step of a stream
 */
export const kernels = [
  ...ofKind(
    'training',
    'usual',
    shapes(
      [32, 100, 10, 64],
      [16, 64, 32, 128],
      [64, 50, 128, 256],
      [64, 50, 512, 512],
      [32, 50, 1024, 1024],
    ),
  ),
  ...ofKind('training', 'other', others),
  ...ofKind(
    'inference',
    'usual',
    shapes(
      [1, 1, 64, 64],
      [1, 1, 256, 256],
      [1, 1, 512, 512],
      [1, 100, 10, 64],
      [1, 100, 128, 256],
      [64, 100, 10, 64],
      [64, 50, 128, 256],
      [64, 50, 512, 512],
    ),
  ),
  ...ofKind('inference', 'other', others),
  ...cells,
];

/** What the machine can do at most, a thread. */
export const limits = [
  { kind: 'fma', name: 'fused multiply-adds in registers' },
  { kind: 'sgemm', name: 'sgemm of 2048 × 2048 matrices (OpenBLAS)' },
  { kind: 'tile', name: "the kernels' innermost loop, operands in the first cache" },
];

/** How Sluice's kernels scale: one size at a time, the others as in `base`. */
const base = { batch: 32, steps: 50, features: 64, units: 128 };
const sweep = (axis, values) => values.map((value) => ({ axis, value, ...base, [axis]: value }));
export const scaling = ['training', 'inference'].flatMap((kind) =>
  ofKind(kind, 'scaling', [
    ...sweep('steps', [1, 4, 16, 64, 256]),
    ...sweep('batch', [1, 4, 16, 64, 256]),
    ...sweep('units', [16, 32, 64, 128, 256, 512, 1024]),
  ]),
);

/** Whole training steps of gru(units) -> dense(1): forward, mse, backward, Adam. */
export const trainStep = [
  { name: 'reference model', batch: 32, steps: 100, features: 10, units: 64 },
  { name: 'H=256', batch: 64, steps: 50, features: 128, units: 256 },
  { name: 'H=512', batch: 64, steps: 50, features: 512, units: 512 },
].map((row) => ({ kind: 'step', state: 0, ...row }));

export const threads = [1, 2];

/** "B32 T100 I10 H64", with the cell where it is no GRU. */
export const shapeOf = ({ batch, steps, features, units, cell }) =>
  `${cell ? `${cell} ` : ''}B${batch} T${steps} I${features} H${units}`;

const GATES = { gru: 3, lstm: 4, simpleRnn: 1 };

/** Of the matrix products, a multiplication and an addition being two; backward has twice forward's. */
export function flopOf({ kind, batch, steps, features, units, cell = 'gru' }) {
  const forward = 2 * GATES[cell] * batch * steps * units * (features + units);
  return kind === 'inference' ? forward : 3 * forward;
}
