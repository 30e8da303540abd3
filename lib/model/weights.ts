// Weights and states of a model by name.
import { invalid, SluiceError, shapeText, unknownName } from '../errors.js';
import { native } from '../native.js';
import { checkAlive, Tensor } from '../tensor/tensor.js';
import { isRecord } from '../training/data.js';
import type { ModelCore } from './core.js';

type Floats = Tensor<'float32'>;

/** A parameter of a model, as `model.weights` lists it. */
export interface WeightInfo {
  /** `<layer>/kernel` and so on. */
  name: string;
  shape: number[];
  dtype: 'float32';
  /** Whether training changes it. */
  trainable: boolean;
}

export function listWeights({ engine }: ModelCore): WeightInfo[] {
  return native(() => engine.parameters).map(({ name, shape, trainable }) => ({
    name,
    shape,
    dtype: 'float32',
    trainable,
  }));
}

export function getWeights(core: ModelCore): Record<string, Floats> {
  const values = native(() => core.engine.getWeights());
  const entries = listWeights(core).map(({ name, shape }) => [
    name,
    new Tensor<'float32'>(values[name] ?? new Float32Array(0), shape),
  ]);
  return Object.fromEntries(entries);
}

export function setWeights(core: ModelCore, weights: unknown): void {
  if (!isRecord(weights)) throw invalid('weights', 'a record of tensors', weights, 'setWeights');
  const shapes = new Map(listWeights(core).map(({ name, shape }) => [name, shape]));
  const entries = Object.entries(weights).map(([name, value]) => {
    const shape = shapes.get(name);
    if (!shape) throw unknownName('weight', name, [...shapes.keys()], 'setWeights');
    return [name, weightData(name, value, shape)];
  });
  native(() => core.engine.setWeights(Object.fromEntries(entries)));
}

function weightData(name: string, value: unknown, shape: readonly number[]): Float32Array {
  const { data, shape: received } = floats(value, name, 'a float32 tensor', 'setWeights');
  if (shapeText(received) === shapeText(shape)) return data;
  throw new SluiceError(
    'SHAPE_MISMATCH',
    `setWeights: '${name}' has shape ${shapeText(received)}, the model needs ${shapeText(shape)}`,
    {
      layer: name.slice(0, name.lastIndexOf('/')),
      option: name,
      expected: shapeText(shape),
      received: shapeText(received),
    },
  );
}

function floats(value: unknown, name: string, expected: string, where: string): Floats {
  if (!(value instanceof Tensor) || value.dtype !== 'float32') {
    throw invalid(name, expected, value, where, 'wrap it in tensor(...)');
  }
  checkAlive(value, name);
  return value as Floats;
}

export function setTrainable(
  core: ModelCore,
  layer: unknown,
  trainable: boolean,
  where: string,
): void {
  if (typeof layer !== 'string') throw invalid('layer', 'the name of a layer', layer, where);
  const names = native(() => core.engine.nodes).map(({ name }) => name);
  if (!names.includes(layer)) throw unknownName('layer', layer, names, where);
  core.setTrainable(layer, trainable);
}

export function getStates({ engine }: ModelCore): Record<string, Floats> {
  const entries = Object.entries(native(() => engine.getStates())).map(([name, state]) => {
    const { rows, data } = state;
    return [name, new Tensor<'float32'>(data, [rows, rows === 0 ? 0 : data.length / rows])];
  });
  return Object.fromEntries(entries);
}

export function setStates({ engine }: ModelCore, states: unknown): void {
  if (!isRecord(states)) throw invalid('states', 'a record of tensors', states, 'setStates');
  const entries = Object.entries(states).map(([name, value]) => {
    const expected = 'a float32 tensor [rows, units]';
    const { data, shape } = floats(value, name, expected, 'setStates');
    if (shape.length !== 2) throw invalid(name, expected, value, 'setStates');
    return [name, { rows: shape[0] ?? 0, data }];
  });
  native(() => engine.setStates(Object.fromEntries(entries)));
}

/** Zeros in these rows of all states; without `rows` no state is left. */
export function resetStates(core: ModelCore, rows: unknown): void {
  if (rows === undefined) {
    native(() => core.engine.resetStates());
    return;
  }
  const states = getStates(core);
  const all = Object.values(states);
  const count = all[0]?.shape[0] ?? 0;
  const range = count === 0 ? 'of which there are none yet' : `from 0 to ${count - 1}`;
  const expected = `an array of rows of the states, ${range}`;
  if (!Array.isArray(rows) && !(rows instanceof Int32Array)) {
    throw invalid('rows', expected, rows, 'resetStates');
  }
  for (const row of rows as Iterable<unknown>) {
    if (!Number.isInteger(row) || (row as number) < 0 || (row as number) >= count) {
      throw invalid('rows', expected, row, 'resetStates');
    }
    for (const { data, shape } of all) {
      const units = shape[1] as number;
      data.fill(0, (row as number) * units, ((row as number) + 1) * units);
    }
  }
  if (all.length > 0) setStates(core, states);
}
