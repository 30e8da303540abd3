// Made-up data for the cases: B rows of T steps, with masks of every kind.
import { tensor } from 'sluice';

export const ROWS = 4;
export const STEPS = 7;

const lengths = [7, 3, 1, 5];
const after = (length) => (step) => step < length;

/** Whether a step counts, by kind of mask. */
export const MASKS = {
  none: null,
  right: lengths.map(after),
  left: lengths.map((length) => (step) => step >= STEPS - length),
  holes: lengths.map((_, row) => (step) => (step * 3 + row) % 4 !== 1),
  'empty row': [7, 0, 4, 2].map(after),
};

/** What the calls of a model take for it; padding on the right comes as lengths. */
export function maskOptions(kind, inputs) {
  const counts = MASKS[kind];
  if (counts === null) return {};
  const byName = (value) =>
    Object.fromEntries(
      inputs.flatMap(({ name, shape }) => (isSequence(shape) ? [[name, value]] : [])),
    );
  if (kind === 'right') return { lengths: byName(lengths) };
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  return { mask: byName(tensor(counts.map((of) => steps.map((step) => of(step))))) };
}

/** Without the batch axis. */
export const isSequence = (shape) => shape.length > 1 || shape[0] === null;

/** Numbers in [-1, 1], the same for the same seed; or that far from an offset. */
export function noise(shape, seed, offset = 0) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return tensor(
    Float32Array.from({ length: count }, (_, i) => offset + Math.sin(7919 * i + 104729 * seed)),
    shape,
  );
}

/** An input's data; at the steps that do not count it holds `hidden`. */
export function inputData({ shape, dtype }, seed, options = {}) {
  const { kind = 'none', hidden = NaN, steps = STEPS, offset = 0 } = options;
  const full = [ROWS, ...shape.map((extent) => extent ?? steps)];
  const isFloat = dtype !== 'int32';
  const floats = noise(full, seed, isFloat ? offset : 0);
  const x = isFloat
    ? floats
    : tensor(
        Int32Array.from(floats.data, (v) => 5 + 4 * v),
        full,
      );
  if (MASKS[kind] === null) return x;
  return changed(x, kind, () => (isFloat ? hidden : 0));
}

/** A copy with other values at the steps that a mask of this kind leaves out. */
export function changed({ data, shape }, kind, change) {
  const copy = data.slice();
  const width = data.length / (shape[0] * shape[1]);
  for (let i = 0; i < copy.length; i++) {
    const at = Math.floor(i / width);
    const [row, step] = [Math.floor(at / shape[1]), at % shape[1]];
    if (!MASKS[kind][row](step)) copy[i] = change(copy[i]);
  }
  return tensor(copy, shape);
}
