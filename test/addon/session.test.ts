// Session: synchronous steps, exact sizes, no memory but what it was given.
import { describe, expect, it } from 'vitest';
import type { Model } from '../../binding.js';
import {
  addon,
  denseNode,
  expectCode,
  gruNode,
  inputNode,
  OPTIONS,
  SMALL,
  slot,
  smallModel,
} from './support.js';

const { Session } = addon;

/** Two inputs, two outputs. */
function twoByTwo(): Model {
  return new addon.Model(
    {
      nodes: [
        inputNode('a', [null, 3]),
        inputNode('b', [null, 2]),
        gruNode('gru_a', 'a', 4),
        gruNode('gru_b', 'b', 5),
        denseNode('dense', 'gru_a', 1),
      ],
      outputs: [
        ['dense', 0],
        ['gru_b', 0],
      ],
    },
    1,
  );
}

describe('a session', () => {
  it('steps, and keeps its state', () => {
    const session = new Session(smallModel());
    expect(session.inputSizes).toEqual([3]);
    expect(session.outputSizes).toEqual([2]);
    expect(session.stateSize).toBe(4);
    const input = Float32Array.of(1, -1, 0.5);
    const first = new Float32Array(2);
    const second = new Float32Array(2);
    session.pushOne(input, first);
    const state = session.getState();
    session.pushOne(input, second);
    expect(second).not.toEqual(first);
    const again = new Float32Array(2);
    session.setState(state);
    session.push([input], [again]);
    expect(again).toEqual(second);
    session.reset();
    expect(session.getState()).toEqual(new Float32Array(4));
    session.pushOne(input, again);
    expect(again).toEqual(first);
  });

  it('equals predict', async () => {
    const model = smallModel();
    const session = new Session(model);
    const steps = Float32Array.from({ length: 15 }, (_, i) => Math.cos(i));
    const pushed = new Float32Array(2);
    for (let t = 0; t < 5; t++) session.pushOne(steps.subarray(3 * t, 3 * t + 3), pushed);
    const batch = new addon.Batch(model, 1, [slot('input', [5, 3])]);
    batch.gather(0, steps, null, 0, 0, 1);
    await model.run('predict', batch, { ...OPTIONS, device: 'cpu' });
    const predicted = new Float32Array(2);
    batch.scatter(0, predicted, 0, 0, 1);
    expect(pushed).toEqual(predicted);
  });

  it('takes several inputs and outputs', () => {
    const session = new Session(twoByTwo());
    const inputs = [new Float32Array(3).fill(1), new Float32Array(2).fill(1)];
    const outputs = [new Float32Array(1), new Float32Array(5)];
    session.push(inputs, outputs);
    expect(outputs.every((out) => out.every((value) => value !== 0))).toBe(true);
    const [a, b] = inputs as [Float32Array, Float32Array];
    expectCode(() => session.pushOne(a, b), 'INVALID_ARGUMENT');
    for (const wrong of [[], [a], [b, a], [a, b, a], a, null, { 0: a, 1: b, length: 2 }]) {
      expectCode(() => session.push(wrong as Float32Array[], outputs), 'INVALID_ARGUMENT');
      expectCode(() => session.push(inputs, wrong as Float32Array[]), 'INVALID_ARGUMENT');
    }
    // biome-ignore lint/suspicious/noSparseArray: that is the test
    expectCode(() => session.push([, b] as Float32Array[], outputs), 'INVALID_ARGUMENT');
  });

  it('reads views at any byteOffset, and in place', () => {
    const session = new Session(new addon.Model({ ...SMALL, outputs: [['gru', 0]] }, 1));
    const buffer = new Float32Array(16).fill(0.5);
    const expected = new Float32Array(4);
    session.pushOne(Float32Array.of(0.5, 0.5, 0.5), expected);
    session.reset();
    session.pushOne(buffer.subarray(5, 8), buffer.subarray(4, 8));
    expect(buffer.subarray(4, 8)).toEqual(expected);
    expect(buffer[3]).toBe(0.5);
    expect(buffer[8]).toBe(0.5);
  });

  it('refuses arrays that are not exactly right', () => {
    const session = new Session(smallModel());
    const input = new Float32Array(3);
    const output = new Float32Array(2);
    const gone = new Float32Array(3);
    structuredClone(gone, { transfer: [gone.buffer] });
    const wrong = [
      new Float32Array(2),
      new Float32Array(4),
      new Float64Array(3),
      new Int32Array(3),
      new Float32Array(new SharedArrayBuffer(12)),
      gone,
      [1, 2, 3],
      undefined,
      null,
      5,
    ];
    for (const array of [...wrong, output] as Float32Array[]) {
      expectCode(() => session.pushOne(array, output), 'INVALID_ARGUMENT');
      expectCode(() => session.push([array], [output]), 'INVALID_ARGUMENT');
    }
    for (const array of [...wrong.slice(1), input] as Float32Array[]) {
      expectCode(() => session.pushOne(input, array), 'INVALID_ARGUMENT');
      expectCode(() => session.push([input], [array]), 'INVALID_ARGUMENT');
    }
    expectCode(() => session.setState(new Float32Array(5)), 'INVALID_ARGUMENT');
    // Nothing above has moved the state.
    expect(session.getState()).toEqual(new Float32Array(4));
  });

  it('survives getters that dispose it, push, or take buffers away', () => {
    const session = new Session(twoByTwo());
    const a = new Float32Array(3);
    const b = new Float32Array(2);
    const outputs = [new Float32Array(1), new Float32Array(5)];
    const trap = (get: () => void) =>
      Object.defineProperty([a, b], 1, {
        get() {
          get();
          return b;
        },
      });
    const nested = trap(() => session.push([a, b], outputs));
    expectCode(() => session.push(nested, outputs), 'BUSY');
    session.push([a, b], outputs);
    const detaching = trap(() => structuredClone(a, { transfer: [a.buffer] }));
    expectCode(() => session.push(detaching, outputs), 'INVALID_ARGUMENT');
    const disposing = trap(() => session.dispose());
    expectCode(() => session.push(disposing, outputs), 'DISPOSED');
  });

  it('outlives its model, and ends with dispose', () => {
    const model = smallModel();
    const session = new Session(model);
    model.dispose();
    session.pushOne(new Float32Array(3), new Float32Array(2));
    session.dispose();
    session.dispose();
    expectCode(() => session.pushOne(new Float32Array(3), new Float32Array(2)), 'DISPOSED');
    expectCode(() => session.inputSizes, 'DISPOSED');
    expectCode(() => session.reset(), 'DISPOSED');
  });

  it('names the layer that cannot be stepped', () => {
    const backwards = {
      nodes: [inputNode('x', [null, 3]), gruNode('gru', 'x', 4, { goBackwards: true })],
      outputs: [['gru', 0]] as [string, number][],
    };
    const model = new addon.Model(backwards, 1);
    expectCode(() => new Session(model), 'UNSUPPORTED');
    expect(model.nodes[1]?.streamable).toMatch(/last step/);
  });
});
