import { invalid, SluiceError } from '../errors.js';
import { native } from '../native.js';
import { isRecord } from '../training/data.js';
import type { ModelCore } from './core.js';

/**
 * A session's state as plain data: it survives JSON and structured cloning bit for bit. Those of
 * `model.stream` and of `model.sessions` are the same, whatever their `weights`.
 */
export interface SessionSnapshot {
  version: 1;
  /** Names and sizes of the states, in their order. */
  layout: [name: string, size: number][];
  state: number[];
}

type Layout = SessionSnapshot['layout'];

export function layoutOf(core: ModelCore): Layout {
  const states = native(() => core.engine.states);
  return states.map(({ name, shape }) => [name, shape[0] ?? 1]);
}

export function snapshotOf(layout: Layout, state: Float32Array): SessionSnapshot {
  return { version: 1, layout: structuredClone(layout), state: Array.from(state) };
}

/** The state in a snapshot, which has to be of a model with this layout. */
export function stateOf(
  value: unknown,
  layout: Layout,
  option: string,
  where: string,
): Float32Array {
  const isSnapshot =
    isRecord(value) && value.version === 1 && isLayout(value.layout) && Array.isArray(value.state);
  if (!isSnapshot) throw invalid(option, 'a snapshot of a session', value, where);
  const expected = JSON.stringify(layout);
  const received = JSON.stringify(value.layout);
  if (expected !== received) {
    throw new SluiceError(
      'SHAPE_MISMATCH',
      `${where}: the snapshot is of another model: expected states ${expected}, received ${received}`,
      { option, expected, received },
    );
  }
  const state = Array.from(value.state as unknown[]);
  const size = layout.reduce((sum, [, floats]) => sum + floats, 0);
  if (state.length !== size || !state.every((item) => typeof item === 'number')) {
    throw invalid(`${option}.state`, `${size} numbers`, state, where);
  }
  return Float32Array.from(state as number[]);
}

function isLayout(value: unknown): value is Layout {
  if (!Array.isArray(value)) return false;
  return value.every((item) => {
    if (!Array.isArray(item) || item.length !== 2) return false;
    const [name, size] = item;
    return typeof name === 'string' && typeof size === 'number';
  });
}
