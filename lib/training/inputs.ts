import { invalid, SluiceError, shapeText, unexpected } from '../errors.js';
import { native } from '../native.js';
import { Tensor } from '../tensor/tensor.js';
import {
  type Column,
  checkRows,
  dataAs,
  type PerRowByName,
  perRow,
  perRowByName,
  type Rows,
  shapeMismatch,
  tensorsByName,
} from './data.js';
import type { InputPort, OutputPort } from './ports.js';
import type { Trainable } from './trainable.js';

/** Which steps of the sequences count; for one sequence input directly, for several by input name. */
export interface MaskOptions {
  /** Number of valid steps of each row, from the first one on; integers from 0 to steps. */
  lengths?: PerRowByName;
  /** [rows, steps], true where a step counts; any pattern. Not together with `lengths`. */
  mask?: Tensor | Readonly<Record<string, Tensor>>;
}

/** Rows are numbered in 32 bits. Without steps, data of no size at all can have more. */
const MAX_ROWS = 2 ** 31 - 1;

/** The columns of a model's inputs, with their masks and lengths. */
export function bindInputs(ports: readonly InputPort[], x: unknown, masks: MaskOptions): Rows {
  const tensors = tensorsByName(
    x,
    ports.map((port) => port.name),
    'x',
  );
  const count = tensors[0]?.shape[0] ?? 0;
  if (count > MAX_ROWS) throw unexpected('x', `at most ${MAX_ROWS} rows`, `${count} rows`);
  const columns = tensors.map((value, index): Column => {
    const port = ports[index] as InputPort;
    checkInput(port, value, ports.length > 1);
    checkRows(`x.${port.name}`, value.shape[0] ?? 0, count);
    return {
      slot: { role: 'input', index, shape: value.shape.slice(1), dtype: port.dtype },
      data: dataAs(value, port.dtype, 'x'),
    };
  });
  return { count, columns: [...columns, ...bindMasks(ports, tensors, count, masks)] };
}

/**
 * The outputs that the model has for these inputs: with the extents that follow from theirs.
 * @throws SluiceError SHAPE_MISMATCH where a layer's window does not fit into its input
 */
export function outputsFor(model: Trainable, { columns }: Rows): OutputPort[] {
  const inputs = model.inputs.map((_, i) => [...(columns[i] as Column).slot.shape]);
  const shapes = native(() => model.engine.outputShapes(inputs));
  return model.outputs.map((port, k) => ({ ...port, shape: shapes[k] ?? port.shape }));
}

/** Says which extent does not fit and how it is called. */
function checkInput(port: InputPort, value: Tensor, named: boolean): void {
  const { shape } = value;
  const input = named ? `input '${port.name}'` : 'input';
  if (shape.length !== port.shape.length) {
    const message = `${input} has ${shape.length} axes, the layer was built for ${port.shape.length}, ${shapeText(port.shape)}`;
    throw shapeMismatch(port.consumer, message, port.shape, shape);
  }
  for (let axis = shape.length - 1; axis > 0; axis--) {
    const expected = port.shape[axis];
    const received = shape[axis];
    if (expected === null || expected === received) continue;
    const isLast = axis === shape.length - 1;
    const unit = isLast ? 'features' : axis === 1 && port.sequence ? 'steps' : `along axis ${axis}`;
    const message = `${input} has ${received} ${unit}, the layer was built for ${expected}`;
    throw shapeMismatch(port.consumer, message, port.shape, shape);
  }
}

function bindMasks(
  ports: readonly InputPort[],
  tensors: readonly Tensor[],
  count: number,
  options: MaskOptions,
): Column[] {
  const sequences = ports.flatMap((port, index) => (port.sequence ? [{ port, index }] : []));
  const names = sequences.map(({ port }) => port.name);
  const lengths = perRowByName(options.lengths, names, 'lengths');
  const masks = perRowByName(options.mask, names, 'mask');
  return sequences.flatMap(({ port, index }, i): Column[] => {
    const steps = tensors[index]?.shape[1] ?? 0;
    const ofLengths = lengths[i];
    const ofMask = masks[i];
    const label = names.length > 1 ? `.${port.name}` : '';
    if (ofLengths !== undefined && ofMask !== undefined) {
      throw invalid(`mask${label}`, 'lengths or a mask, not both', ofMask);
    }
    if (ofLengths !== undefined) {
      const data = lengthData(ofLengths, count, steps, `lengths${label}`);
      return [{ slot: { role: 'lengths', index, shape: [], dtype: 'int32' }, data }];
    }
    if (ofMask !== undefined) {
      const data = maskData(ofMask, count, steps, `mask${label}`);
      return [{ slot: { role: 'mask', index, shape: [steps], dtype: 'bool' }, data }];
    }
    return [];
  });
}

function lengthData(value: unknown, count: number, steps: number, name: string): Int32Array {
  const { data, shape } = perRow(value, name);
  if (shape.length !== 1) {
    throw unexpected(name, `one number a row, shape [${count}]`, `shape ${shapeText(shape)}`);
  }
  checkRows(name, data.length, count);
  const bad = Array.prototype.findIndex.call(
    data,
    (length: number) => !Number.isInteger(length) || length < 0 || length > steps,
  );
  if (bad >= 0) throw invalid(`${name}[${bad}]`, `an integer from 0 to ${steps}`, data[bad]);
  return Int32Array.from(data);
}

function maskData(value: unknown, count: number, steps: number, name: string): Uint8Array {
  if (!(value instanceof Tensor) || value.dtype === 'float32') {
    throw invalid(name, 'a bool tensor', value, undefined, 'wrap it in tensor(...)');
  }
  const expected = [count, steps];
  if (value.shape.length !== 2 || value.shape.some((extent, axis) => extent !== expected[axis])) {
    const [wanted, received] = [shapeText(expected), shapeText(value.shape)];
    throw new SluiceError(
      'SHAPE_MISMATCH',
      `${name}: expected ${wanted} (rows, steps), received shape ${received}`,
      { option: name, expected: wanted, received },
    );
  }
  // Any byte other than 0 counts; the engine sees 0 and 1 only.
  return Uint8Array.from(value.data, (item) => (item === 0 ? 0 : 1));
}
