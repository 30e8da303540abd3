// Model descriptions as hostile input: bounds, and types that JSON does not have.
import { describe, expect, it } from 'vitest';
import type { ModelDescription } from '../../binding.js';
import { addon, caught, expectCode, inputNode, SMALL, smallModel } from './support.js';

const { Model } = addon;

function build(description: unknown) {
  return () => new Model(description as ModelDescription, 1);
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

describe('a description', () => {
  it('is refused where it is not plain data', () => {
    const leaves = [Symbol('s'), 1n, () => 1, Number.NaN, Number.POSITIVE_INFINITY];
    const binary = [new Float32Array(3), new ArrayBuffer(4), new DataView(new ArrayBuffer(4))];
    for (const leaf of [...leaves, ...binary]) {
      expectCode(build({ ...SMALL, extra: { deep: [leaf] } }), 'CONFIG');
    }
    expectCode(build({ ...SMALL, extra: [undefined] }), 'CONFIG');
    // biome-ignore lint/suspicious/noSparseArray: that is the test
    expectCode(build({ ...SMALL, extra: [, 1] }), 'CONFIG');
  });

  it('is bounded in depth, which ends cycles', () => {
    expectCode(build({ ...SMALL, extra: nested(100_000) }), 'CONFIG');
    const cycle: Record<string, unknown> = { ...SMALL };
    cycle.self = cycle;
    expect(caught(build(cycle)).message).toContain('32');
    expectCode(build(cycle), 'CONFIG');
  });

  it('is bounded in size', () => {
    expectCode(build(new Array(4_000_000_000)), 'CONFIG');
    expectCode(build({ nodes: new Array(1_000_001).fill(0) }), 'CONFIG');
    expectCode(build({ nodes: 'x'.repeat(2 ** 20 + 1) }), 'CONFIG');
    expectCode(build({ ['x'.repeat(2 ** 20 + 1)]: 1 }), 'CONFIG');
    // One string, referred to often: small in JavaScript.
    expectCode(build(new Array(100_000).fill('x'.repeat(2 ** 20))), 'CONFIG');
    // 2^30 values from 30 arrays.
    let shared: unknown = 1;
    for (let i = 0; i < 30; i++) shared = [shared, shared];
    expectCode(build({ nodes: shared }), 'CONFIG');
  });

  it('has its undefined members, symbols and inherited members left out', () => {
    const inherited = Object.assign(Object.create({ nodes: 1 }), SMALL, {
      sharedWith: undefined,
      [Symbol('s')]: Symbol('t'),
    });
    expect(new Model(inherited, 1).outputs).toHaveLength(1);
  });

  it('may be changed by its own getters without harm', () => {
    const nodes = [...SMALL.nodes];
    const trap = Object.defineProperty({ ...SMALL.nodes[0] }, 'name', {
      enumerable: true,
      get() {
        nodes.length = 1;
        return 'x';
      },
    });
    nodes[0] = trap as (typeof nodes)[0];
    expectCode(build({ ...SMALL, nodes }), 'CONFIG');
  });
});

describe('a model', () => {
  it('tells the shapes of its outputs for inputs of any length', () => {
    const padding = { strides: 1, padding: 'valid' };
    const model = new addon.Model(
      {
        nodes: [
          inputNode('x', [null, 3]),
          {
            kind: 'maxPooling1d',
            name: 'pool',
            inputs: [['x', 0]],
            options: { poolSize: 3, ...padding },
          },
        ],
        outputs: [
          ['pool', 0],
          ['pool', 0],
        ],
      },
      1,
    );
    expect(model.outputs[0]?.shape).toEqual([null, null, 3]);
    expect(model.outputShapes([[5, 3]])).toEqual([
      [null, 3, 3],
      [null, 3, 3],
    ]);
    expect(model.outputShapes([[2 ** 53, 3]])[0]).toEqual([null, 2 ** 53 - 2, 3]);
    for (const shape of [[2, 3], [5, 4], [5], []]) {
      expectCode(() => model.outputShapes([shape]), 'SHAPE_MISMATCH');
    }
    for (const shapes of [
      [],
      [
        [5, 3],
        [5, 3],
      ],
      [[-1, 3]],
      [[1.5, 3]],
      [3],
      null,
      'x',
    ] as never[]) {
      expectCode(() => model.outputShapes(shapes), 'INVALID_ARGUMENT');
    }
    model.dispose();
    expectCode(() => model.outputShapes([[5, 3]]), 'DISPOSED');
  });

  it('tells what it consists of, freshly each time', () => {
    const model = smallModel();
    expect(model.inputs).toEqual([
      { name: 'x', shape: [null, null, 3], dtype: 'float32', sequence: true },
    ]);
    expect(model.outputs).toEqual([
      { node: 'dense', shape: [null, 2], masked: false, alwaysMasked: false },
    ]);
    expect(model.nodes[1]).toEqual({
      name: 'gru',
      kind: 'gru',
      outputs: [[null, 4]],
      parameters: ['gru/kernel', 'gru/recurrent_kernel', 'gru/bias'],
      streamable: null,
    });
    expect(model.parameters[0]).toEqual({
      name: 'gru/kernel',
      layer: 'gru',
      shape: [3, 12],
      trainable: true,
    });
    expect(model.states).toEqual([{ name: 'gru/state', layer: 'gru', shape: [4], carried: false }]);
    expect(model.iterations).toBe(0);
    expect(model.inputs).not.toBe(model.inputs);
    model.setTrainable('gru', false);
    expect(model.parameters.map(({ trainable }) => trainable)).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  it('names the layer in errors of the engine', () => {
    const description = structuredClone(SMALL);
    const gru = description.nodes.find(({ name }) => name === 'gru');
    if (gru) gru.options.units = 0;
    expect(caught(build(description))).toMatchObject({
      code: 'CONFIG',
      details: { layer: 'gru', option: 'units' },
    });
  });

  it('explains and estimates', () => {
    const model = smallModel();
    const plan = model.explain('predict', 4, 7, 'reference', 'fast', 'float32', false);
    expect(plan.ops.map(({ layer }) => layer)).toContain('gru');
    expect(plan.parameterBytes).toBeGreaterThan(0);
    const { needed, available } = model.estimate('predict', 1000, 100);
    expect(needed).toBeGreaterThan(0);
    expect(available).toBeGreaterThan(needed);
    expectCode(
      () => model.explain('predict', 4, 7, 'tpu', 'fast', 'float32', false),
      'DEVICE_UNAVAILABLE',
    );
    expectCode(
      () => model.explain('vjp' as 'train', 4, 7, 'cpu', 'fast', 'float32', false),
      'INVALID_ARGUMENT',
    );
  });

  it('gives copies of its weights and takes all or none', () => {
    const model = smallModel();
    const weights = model.getWeights();
    expect(Object.keys(weights)).toEqual(model.parameters.map(({ name }) => name));
    const kernel = weights['dense/kernel'] as Float32Array;
    expect(kernel).toHaveLength(8);
    kernel.fill(7);
    expect(model.getWeights()['dense/kernel']).not.toEqual(kernel);
    const wrong = { 'dense/kernel': kernel, 'dense/bias': new Float32Array(3) };
    expect(['SHAPE_MISMATCH', 'INVALID_ARGUMENT']).toContain(
      caught(() => model.setWeights(wrong)).code,
    );
    expect(model.getWeights()['dense/kernel']).not.toEqual(kernel);
    // A view in the middle of a buffer.
    const view = new Float32Array(new ArrayBuffer(64), 16, 8).fill(7);
    model.setWeights({ 'dense/kernel': view });
    expect(model.getWeights()['dense/kernel']).toEqual(kernel);
  });

  it('refuses weights whose buffers went away while the record was read', () => {
    const model = smallModel();
    const first = new Float32Array(8);
    const weights = {
      'dense/kernel': first,
      get 'dense/bias'() {
        structuredClone(first, { transfer: [first.buffer] });
        return new Float32Array(2);
      },
    };
    expectCode(() => model.setWeights(weights), 'INVALID_ARGUMENT');
    const shared = new Float32Array(new SharedArrayBuffer(32));
    expectCode(() => model.setWeights({ 'dense/kernel': shared }), 'INVALID_ARGUMENT');
  });

  it('is gone after dispose, however often', () => {
    const model = smallModel();
    model.dispose();
    model.dispose();
    expectCode(() => model.inputs, 'DISPOSED');
    expectCode(() => model.getWeights(), 'DISPOSED');
    expectCode(() => new addon.Session(model), 'DISPOSED');
    expectCode(() => new addon.Batch(model, 1, []), 'DISPOSED');
  });
});
