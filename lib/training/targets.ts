import { invalid, SluiceError, shapeText, unexpected } from '../errors.js';
import type { SlotDescription } from '../native.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  type Column,
  checkRows,
  dataAs,
  isRecord,
  type PerRowByName,
  perRow,
  perRowByName,
  type Rows,
  shapeMismatch,
  tensorsByName,
} from './data.js';
import { isSparse, type Loss } from './losses.js';
import type { OutputPort } from './ports.js';

/** Weights of rows in the loss. */
export interface WeightOptions {
  /** [rows] or, for sequences, [rows, steps], each >= 0; for several outputs by output name. */
  sampleWeight?: PerRowByName;
  /**
   * Weight of each class, by number; 1 for classes that are not named. For a model with one output
   * whose targets are class numbers, one-hot or 0 and 1.
   */
  classWeight?: Readonly<Record<number, number>>;
}

/**
 * Adds the columns of targets and weights to those of the inputs.
 * @param ports the outputs for these inputs, from `outputsFor`
 */
export function bindTargets(
  rows: Rows,
  ports: readonly OutputPort[],
  losses: readonly Loss[],
  y: unknown,
  weights: WeightOptions,
): Rows {
  const names = ports.map((port) => port.name);
  const tensors = tensorsByName(y, names, 'y');
  const targets = tensors.map((value, index) =>
    bindTarget(rows, ports[index] as OutputPort, losses[index] as Loss, index, value),
  );
  const sample = perRowByName(weights.sampleWeight, names, 'sampleWeight').map((value, index) =>
    value === undefined ? undefined : sampleWeights(value, rows, targets[index] as Column, index),
  );
  const ofClasses =
    weights.classWeight === undefined
      ? undefined
      : classWeights(weights.classWeight, targets, losses);
  const combined = [...sample.filter((column) => column !== undefined)];
  if (ofClasses) combined.splice(0, 1, multiply(combined[0], ofClasses));
  const isMasked = rows.columns.some(({ slot }) => slot.role === 'mask' || slot.role === 'lengths');
  for (const [index, target] of targets.entries()) {
    const port = ports[index] as OutputPort;
    if (!isSparse(losses[index] as Loss)) continue;
    const weight = combined.find(({ slot }) => slot.index === index);
    checkLabels(port, target, weight, port.alwaysMasked || (isMasked && port.masked));
  }
  return { count: rows.count, columns: [...rows.columns, ...targets, ...combined] };
}

function bindTarget(
  rows: Rows,
  port: OutputPort,
  loss: Loss,
  index: number,
  value: Tensor,
): Column {
  const output = port.shape.slice(1);
  const expected = isSparse(loss) ? output.slice(0, -1) : output;
  // A last axis of one value may be left out, or be there for class numbers.
  const received = value.shape.slice(1);
  const fits =
    matches(received, expected) ||
    (expected.at(-1) === 1 && !isSparse(loss) && matches([...received, 1], expected)) ||
    (isSparse(loss) && received.at(-1) === 1 && matches(received.slice(0, -1), expected));
  if (!fits) {
    const message = `y has shape ${shapeText(value.shape)}, the loss ${loss.kind} expects ${shapeText([rows.count, ...expected])}`;
    throw shapeMismatch(port.name, message, [null, ...expected], value.shape);
  }
  checkRows(`y of ${port.name}`, value.shape[0] ?? 0, rows.count);
  const dtype = isSparse(loss) ? 'int32' : 'float32';
  const shape = value.shape.slice(1, 1 + expected.length);
  while (shape.length < expected.length) shape.push(1);
  return { slot: { role: 'target', index, shape, dtype }, data: dataAs(value, dtype, 'y') };
}

function matches(received: readonly number[], expected: readonly (number | null)[]): boolean {
  return (
    received.length === expected.length &&
    received.every((extent, axis) => expected[axis] === null || expected[axis] === extent)
  );
}

/**
 * Says which row has a class that does not exist. -1 may stand where a weight of 0 or a mask hides it;
 * which steps a mask hides, only the engine knows.
 */
function checkLabels(
  port: OutputPort,
  { data, slot }: Column,
  weight: Column | undefined,
  isMasked: boolean,
): void {
  const classes = port.shape.at(-1) ?? 0;
  const perWeight = weight === undefined ? 1 : data.length / Math.max(1, weight.data.length);
  const isHidden = (i: number) => isMasked || weight?.data[Math.floor(i / perWeight)] === 0;
  const isWrong = (label: number, i: number) =>
    label < -1 || label >= classes || (label === -1 && !isHidden(i));
  const at = Array.prototype.findIndex.call(data, isWrong);
  if (at < 0) return;
  const row = Math.floor(at / slot.shape.reduce((product, extent) => product * extent, 1));
  const hint = data[at] === -1 ? '; -1 may stand where a mask or a weight of 0 hides it' : '';
  throw new SluiceError(
    'INVALID_ARGUMENT',
    `${port.name}: class ${data[at]} in row ${row} of y is not one of the ${classes} classes${hint}`,
    {
      layer: port.node,
      option: 'y',
      expected: `0..${classes - 1}`,
      received: String(data[at]),
    },
  );
}

function weightSlot(index: number, shape: readonly number[]): SlotDescription {
  return { role: 'weight', index, shape: [...shape], dtype: 'float32' };
}

function sampleWeights(value: unknown, rows: Rows, target: Column, index: number): Column {
  const { data, shape } = perRow(value, 'sampleWeight');
  checkRows('sampleWeight', shape[0] ?? 0, rows.count);
  const perStep = stepsOf(target);
  if (shape.length > 2 || (shape.length === 2 && shape[1] !== perStep)) {
    const expected =
      perStep === undefined ? `[${rows.count}]` : `[${rows.count}] or [${rows.count},${perStep}]`;
    throw unexpected('sampleWeight', `shape ${expected}`, shapeText(shape));
  }
  const bad = Array.prototype.findIndex.call(data, (w: number) => !(w >= 0 && w < Infinity));
  if (bad >= 0) throw invalid(`sampleWeight[${bad}]`, 'a finite number >= 0', data[bad]);
  return { slot: weightSlot(index, shape.slice(1)), data: Float32Array.from(data) };
}

/** The number of steps of a sequence's targets, undefined for others. */
function stepsOf({ slot }: Column): number | undefined {
  const isSequence = slot.shape.length === (slot.dtype === 'int32' ? 1 : 2);
  return isSequence ? slot.shape[0] : undefined;
}

function classWeights(value: unknown, targets: readonly Column[], losses: readonly Loss[]): Column {
  const target = targets[0];
  const loss = losses[0];
  if (target === undefined || loss === undefined || targets.length > 1) {
    throw unexpected('classWeight', 'a model with one output', `${targets.length} outputs`);
  }
  if (!isRecord(value)) throw invalid('classWeight', 'a record { class: weight }', value);
  const weights = new Map<number, number>();
  for (const [name, weight] of Object.entries(value)) {
    const isClass = /^\d+$/.test(name);
    if (!isClass || typeof weight !== 'number' || !(weight >= 0 && weight < Infinity)) {
      throw invalid(`classWeight[${name}]`, 'class numbers with finite weights >= 0', weight);
    }
    weights.set(Number(name), weight);
  }
  const { data, slot } = target;
  const width = isSparse(loss) ? 1 : (slot.shape.at(-1) ?? 1);
  const result = new Float32Array(data.length / width);
  for (let i = 0; i < result.length; i++) {
    const label = width === 1 ? Math.round(data[i] as number) : argmax(data, i * width, width);
    result[i] = weights.get(label) ?? 1;
  }
  const shape = isSparse(loss) ? slot.shape : slot.shape.slice(0, -1);
  return { slot: weightSlot(0, shape), data: result };
}

function argmax(data: ArrayLike<number>, start: number, width: number): number {
  let best = 0;
  for (let i = 1; i < width; i++) {
    if ((data[start + i] as number) > (data[start + best] as number)) best = i;
  }
  return best;
}

/** Products of two weight columns; one a row applies to each step of that row. */
function multiply(a: Column | undefined, b: Column): Column {
  if (!a) return b;
  const [few, many] = a.data.length <= b.data.length ? [a, b] : [b, a];
  const repeat = few.data.length === 0 ? 1 : many.data.length / few.data.length;
  const data = Float32Array.from(
    many.data,
    (weight, i) => weight * (few.data[Math.floor(i / repeat)] as number),
  );
  return { slot: many.slot, data };
}
