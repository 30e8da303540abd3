import {
  input,
  layers,
  load,
  type Model,
  model,
  type Operand,
  ops,
  type SymbolicTensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';

const series = () => input({ shape: [null, 3], name: 'series' });
const data = (rows: number, steps: number, features = 3) =>
  tensor(
    Float32Array.from({ length: rows * steps * features }, (_, i) => Math.sin(i * 1.7 + 0.3) * 1.5),
    [rows, steps, features],
  );

/** y = x W + b, written by hand. */
function dense(x: SymbolicTensor, units: number, features: number) {
  const kernel = ops.weight({ name: 'kernel', shape: [features, units] });
  const bias = ops.weight({ name: 'bias', shape: [units], initializer: 'zeros' });
  return ops.add(ops.matmul(x, kernel), bias);
}

describe('a layer of the user’s own', () => {
  it.each([false, true])('equals the one that is built in, bias: %s', async (useBias) => {
    const x = series();
    const kernel = ops.weight({ name: 'kernel', shape: [3, 2] });
    const outputs = useBias ? dense(x, 2, 3) : ops.matmul(x, kernel);
    const own = model({ inputs: x, outputs, seed: 1 });
    const z = series();
    const builtIn = model({
      inputs: z,
      outputs: layers.dense({ units: 2, useBias, biasInitializer: 'uniform' }).apply(z),
      seed: 1,
    });
    for (const { name } of own.weights) {
      const theirs = name.replace(/^(.*).value$/, 'dense/$1');
      own.setWeights({ [name]: builtIn.getWeights()[theirs] as never });
    }
    // Where there is no bias the sums are the same, bit for bit.
    const expectSame = (actual?: Float32Array, expected?: Float32Array) => {
      expect(actual).toHaveLength(expected?.length as number);
      expected?.forEach((value, i) => {
        if (useBias) expect(actual?.[i]).toBeCloseTo(value, 5);
        else expect(actual?.[i]).toBe(value);
      });
    };
    const values = data(4, 5);
    expectSame((await own.predict(values)).data, (await builtIn.predict(values)).data);
    const y = data(4, 5, 2);
    const call = { loss: 'mse', lengths: [5, 3, 0, 1] } as const;
    const [ours, theirs] = [
      await own.gradients(values, y, call),
      await builtIn.gradients(values, y, call),
    ];
    expect(ours.loss).toBeCloseTo(theirs.loss, 6);
    expectSame(ours.gradients['kernel/value']?.data, theirs.gradients['dense/kernel']?.data);
    if (useBias)
      expectSame(ours.gradients['bias/value']?.data, theirs.gradients['dense/bias']?.data);
    const step = values.data.subarray(0, 3);
    expectSame(own.stream().push(step), builtIn.stream().push(step));
  });

  it('trains, is saved and comes back', async () => {
    const x = series();
    const gate = ops.sigmoid(dense(x, 3, 3));
    const mixed = ops.add(ops.multiply(gate, x), ops.multiply(ops.subtract(1, gate), ops.tanh(x)));
    const m = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(mixed), seed: 3 });
    m.compile({ optimizer: 'adam', loss: 'mse' });
    const values = data(8, 4);
    const target = data(8, 4, 1);
    const { history } = await m.fit(values, target, { epochs: 20, verbose: 0 });
    expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number);
    const again = await load(await m.save());
    expect((await again.predict(values)).data).toEqual((await m.predict(values)).data);
    expect(m.weights.map(({ name }) => name)).toEqual([
      'kernel/value',
      'bias/value',
      'dense/kernel',
      'dense/bias',
    ]);
    m.freeze('kernel');
    expect(m.weights[0]?.trainable).toBe(false);
  });

  it('shares a weight that is used twice', async () => {
    const x = input({ shape: [3] });
    const w = ops.weight({ shape: [3], initializer: 'ones', regularizer: { l2: 0.1 } });
    const m = model({ inputs: x, outputs: ops.multiply(w, ops.multiply(w, x)) });
    const { gradients, loss } = await m.gradients(tensor([[1, 2, 3]]), tensor([[0, 0, 0]]), {
      loss: 'mse',
    });
    // d mean((w² x)²) / dw = 4 w³ x² / 3, and the penalty 0.1 Σ w²
    expect(loss).toBeCloseTo(14 / 3 + 0.3, 5);
    expect([...(gradients['weight/value']?.data ?? [])]).toEqual(
      [1, 2, 3].map((v) => expect.closeTo((4 * v * v) / 3 + 0.2, 5)),
    );
  });

  it('is a GRU, unrolled by hand', async () => {
    const T = 3;
    const x = input({ shape: [T, 3], name: 'series' });
    const w = ops.weight({ name: 'w', shape: [3, 6] });
    const r = ops.weight({ name: 'r', shape: [2, 6] });
    const part = (v: SymbolicTensor, i: number) => ops.slice(v, { start: 2 * i, stop: 2 * i + 2 });
    let h: SymbolicTensor | undefined;
    for (let t = 0; t < T; t++) {
      const at = ops.reshape(ops.slice(x, { axis: 1, start: t, stop: t + 1 }), [3]);
      const sums = ops.matmul(at, w);
      const state: SymbolicTensor = h ?? ops.multiply(part(sums, 0), 0);
      const inner = ops.matmul(state, r);
      const z = ops.sigmoid(ops.add(part(sums, 0), part(inner, 0)));
      const reset = ops.sigmoid(ops.add(part(sums, 1), part(inner, 1)));
      const candidate = ops.tanh(ops.add(part(sums, 2), ops.multiply(reset, part(inner, 2))));
      h = ops.add(ops.multiply(z, state), ops.multiply(ops.subtract(1, z), candidate));
    }
    const own = model({ inputs: x, outputs: h as SymbolicTensor, seed: 1 });
    const s = input({ shape: [T, 3] });
    const gru = model({ inputs: s, outputs: layers.gru({ units: 2, useBias: false }).apply(s) });
    const { 'w/value': kernel, 'r/value': recurrent } = own.getWeights();
    gru.setWeights({ 'gru/kernel': kernel as never, 'gru/recurrent_kernel': recurrent as never });
    const [a, b] = [own, gru].map((m) =>
      m.gradients(data(4, T), tensor(new Float32Array(8), [4, 2]), { loss: 'mse' }),
    );
    const [ours, theirs] = [await a, await b];
    expect(ours?.loss).toBeCloseTo(theirs?.loss as number, 6);
    for (const [mine, its] of [
      ['w/value', 'gru/kernel'],
      ['r/value', 'gru/recurrent_kernel'],
    ] as const) {
      const expected = theirs?.gradients[its]?.data as Float32Array;
      for (const [i, value] of expected.entries()) {
        expect(ours?.gradients[mine]?.data[i]).toBeCloseTo(value, 6);
      }
    }
  });
});

describe('shapes', () => {
  const result = async (
    of: (x: SymbolicTensor) => SymbolicTensor,
    shape = [null, 3] as (number | null)[],
  ) => {
    const x = input({ shape, name: 'x' });
    return model({ inputs: x, outputs: of(x) });
  };

  it('broadcasts behind the batch', async () => {
    const x = input({ shape: [null, 3], name: 'x' });
    const s = input({ shape: [3], name: 's' });
    const m = model({ inputs: [x, s], outputs: ops.multiply(x, s) });
    const y = await m.predict({
      x: tensor([
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        [
          [1, 1, 1],
          [2, 2, 2],
        ],
      ]),
      s: tensor([
        [1, 10, 100],
        [2, 3, 4],
      ]),
    });
    expect([...y.data]).toEqual([1, 20, 300, 4, 50, 600, 2, 3, 4, 4, 6, 8]);
  });

  it('takes steps from either end, with their mask', async () => {
    const m = await result((x) => ops.slice(x, { axis: 1, start: -2 }));
    const y = await m.predict(
      tensor([
        [
          [1, 1, 1],
          [2, 2, 2],
          [3, 3, 3],
        ],
      ]),
    );
    expect(y.shape).toEqual([1, 2, 3]);
    expect([...y.data]).toEqual([2, 2, 2, 3, 3, 3]);
    await expect(m.predict(data(1, 1))).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    const middle = await result((x) => ops.slice(x, { axis: 1, start: 1, stop: -1 }));
    expect((await middle.predict(data(2, 6))).shape).toEqual([2, 4, 3]);
    await expect(middle.predict(data(2, 2))).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });

  it.each([
    ['divide', (x: SymbolicTensor) => ops.divide(1, x)],
    ['log', (x: SymbolicTensor) => ops.log(ops.abs(x))],
    ['sqrt', (x: SymbolicTensor) => ops.sqrt(ops.abs(x))],
  ])('%s: no step that is masked reaches a result or a gradient', async (_, of) => {
    const x = series();
    const w = ops.weight({ shape: [3], initializer: 'ones' });
    const m = model({
      inputs: x,
      outputs: ops.mean(of(ops.multiply(x, w)), { axis: 1 }),
    }) as Model;
    const values = data(3, 4);
    values.data.fill(Number.NaN, 2 * 3, 12);
    values.data.fill(Number.NaN, 24);
    const lengths = [2, 4, 0];
    const y = await m.predict(values, { lengths });
    expect([...y.data].every(Number.isFinite)).toBe(true);
    expect([...y.data.subarray(6)]).toEqual([0, 0, 0]);
    const alone = await m.predict(tensor(values.data.slice(0, 6), [1, 2, 3]));
    expect(y.data.subarray(0, 3)).toEqual(alone.data);
    const { gradients, inputGradients } = await m.gradients(
      values,
      tensor(new Float32Array(9), [3, 3]),
      {
        loss: 'mse',
        lengths,
      },
    );
    expect([...(gradients['weight/value']?.data ?? [])].every(Number.isFinite)).toBe(true);
    expect([...(inputGradients as typeof values).data].every(Number.isFinite)).toBe(true);
  });
});

describe('what is refused', () => {
  const x = () => input({ shape: [null, 3], name: 'x' });
  it.each([
    [
      'text as an operand',
      () => ops.add(x(), 'a' as unknown as Operand),
      'INVALID_ARGUMENT',
      /ops\.add: .* for b/,
    ],
    ['numbers alone', () => ops.add(1, 2), 'INVALID_ARGUMENT', /symbolic/],
    ['NaN as an operand', () => ops.multiply(x(), Number.NaN), 'INVALID_ARGUMENT', /finite/],
    [
      'a tensor',
      () => ops.exp(tensor([1]) as unknown as SymbolicTensor),
      'INVALID_ARGUMENT',
      /ops\.exp/,
    ],
    [
      'an axis that is no number',
      () => ops.sum(x(), { axis: 'last' as unknown as number }),
      'INVALID_ARGUMENT',
      /axis/,
    ],
    ['a step of 0', () => ops.slice(x(), { step: 0 }), 'INVALID_ARGUMENT', /step/],
    ['an unknown option', () => ops.mean(x(), { axes: 1 } as object), 'INVALID_ARGUMENT', /axes/],
    ['a weight without a shape', () => ops.weight({} as never), 'INVALID_ARGUMENT', /shape/],
    ['transposing the batch', () => ops.transpose(x(), [1, 0, 2]), 'INVALID_ARGUMENT', /batch/],
  ] as const)('%s', (_, build, code, message) => {
    expect(build).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  const w = (shape: number[]) => ops.weight({ shape });
  it('a weight as an output', () => {
    const s = x();
    const outputs = [s, ops.square(w([3]))];
    expect(() => model({ inputs: s, outputs })).toThrow(/an output must .* a weight/);
  });

  it.each([
    [
      'shapes that do not fit',
      (s: SymbolicTensor) => ops.add(s, w([4])),
      'SHAPE_MISMATCH',
      /add: .*broadcast/,
    ],
    ['the batch axis', (s: SymbolicTensor) => ops.sum(s, { axis: 0 }), 'CONFIG', /sum: .*axis 0/],
    [
      'an axis that is not there',
      (s: SymbolicTensor) => ops.max(s, { axis: 3 }),
      'CONFIG',
      /max: .*axis 3/,
    ],
    ['an axis twice', (s: SymbolicTensor) => ops.max(s, { axis: [2, -1] }), 'CONFIG', /twice/],
    [
      'a weight as an input of a layer',
      (s: SymbolicTensor) => ops.add(s, layers.dense({ units: 1 }).apply(w([3, 3]))),
      'SHAPE_MISMATCH',
      /no rows/,
    ],
    ['a number a row as an output', (s: SymbolicTensor) => ops.sum(s), 'SHAPE_MISMATCH', /output/],
    [
      'a number a step as an output',
      (s: SymbolicTensor) => ops.sum(s, { axis: -1 }),
      'SHAPE_MISMATCH',
      /output/,
    ],
    [
      'a kernel of another size',
      (s: SymbolicTensor) => ops.matmul(s, w([2, 3])),
      'SHAPE_MISMATCH',
      /matmul/,
    ],
    [
      'a weight in front',
      (s: SymbolicTensor) => ops.matmul(w([3, 3]), s),
      'SHAPE_MISMATCH',
      /second/,
    ],
    [
      'positions that are not there',
      (s: SymbolicTensor) => ops.slice(s, { start: 3 }),
      'SHAPE_MISMATCH',
      /slice/,
    ],
    [
      'an end that is not known',
      (s: SymbolicTensor) => ops.slice(s, { axis: 1, start: -2, stop: 4 }),
      'SHAPE_MISMATCH',
      /slice/,
    ],
    [
      'too many axes',
      (s: SymbolicTensor) => ops.add(s, w([1, 1, 1, 1, 1, 3])),
      'SHAPE_MISMATCH',
      /axes/,
    ],
  ] as const)('%s', (_, of, code, message) => {
    const s = x();
    const build = () => model({ inputs: s, outputs: ops.multiply(ops.add(of(s), 0), 1) });
    expect(build).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('steps that an operand does not have one by one', () => {
    const s = input({ shape: [4, 3] });
    const m = model({ inputs: s, outputs: ops.add(s, ops.weight({ shape: [4, 3] })) });
    expect(() => m.stream()).toThrow(/step by step/);
    const z = x();
    const mean = model({
      inputs: z,
      outputs: ops.subtract(z, ops.mean(z, { axis: 1, keepdims: true })),
    });
    expect(() => mean.stream()).toThrow(/whole sequence/);
  });
});
