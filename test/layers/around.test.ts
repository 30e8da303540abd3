// The layers around recurrent ones: each saved and loaded, row by row, step by step in a stream, and
// refused where shapes do not fit.
import {
  input,
  type Layer,
  layers,
  load,
  model,
  type SymbolicTensor,
  sequential,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { DEVICES, on } from '../support/golden.js';
import { noiseTensor } from '../support/numbers.js';
import { refusal, refusalText } from '../support/refusal.js';

type Several = (inputs: SymbolicTensor[]) => SymbolicTensor;

/** A layer of one input. */
const one =
  (layer: Layer): Several =>
  ([x]) =>
    layer.apply(x as SymbolicTensor) as SymbolicTensor;
const dense = (activation: string) => layers.dense({ units: 3, activation: activation as 'gelu' });
const both =
  (layer: Layer): Several =>
  (inputs) =>
    layer.apply(inputs) as SymbolicTensor;

/** Each as a model of two sequences [B,6,4], with the reason why it cannot be stepped. */
const KINDS: [string, Several, RegExp?][] = [
  ['flatten', one(layers.flatten()), /it joins steps/],
  ['reshape of steps', one(layers.reshape({ targetShape: [6, 2, 2] }))],
  ['reshape', one(layers.reshape({ targetShape: [3, -1] })), /what a step is/],
  ['permute', one(layers.permute({ dims: [2, 1] })), /axis of steps/],
  ['softmax', one(layers.softmax())],
  ['softmax of steps', one(layers.softmax({ axis: 1 })), /whole sequence/],
  ['repeatVector', one(sequence()), /several steps/],
  ['timeDistributed dense', one(layers.timeDistributed({ layer: dense('silu') }))],
  ['timeDistributed gru', pictures(layers.gru({ units: 3 }))],
  [
    'timeDistributed conv1d',
    pictures(layers.conv1d({ filters: 2, kernelSize: 2, activation: 'gelu' })),
  ],
  ['add', both(layers.add())],
  ['subtract', both(layers.subtract())],
  ['multiply', both(layers.multiply())],
  ['average', both(layers.average())],
  ['maximum', both(layers.maximum())],
  ['minimum', both(layers.minimum())],
  ['dot', both(layers.dot({ axes: 2, normalize: true })), /whole sequence/],
  ['layerNormalization', one(layers.layerNormalization())],
  ['layerNormalization of steps', one(layers.layerNorm({ axis: 1 })), /over the steps/],
  ['layerNormalization of rows', one(layers.layerNorm({ axis: [1, 2] })), /over the steps/],
  ['layerNormalization of a column', ofPictures(layers.layerNorm({ axis: 2 }))],
  ['batchNormalization', one(layers.batchNormalization())],
  ['batchNormalization of steps', one(layers.batchNorm({ axis: 1 })), /of its own/],
  ['batchNormalization of a row', ofPictures(layers.batchNorm({ axis: -2 }))],
  ...['softmax', 'gelu', 'selu', 'silu', 'exponential'].map((name): [string, Several] => [
    `dense, ${name}`,
    one(dense(name)),
  ]),
];

function sequence(): Layer {
  return {
    apply: (x: SymbolicTensor) =>
      layers.repeatVector({ n: 2 }).apply(layers.gru({ units: 2 }).apply(x)),
  } as unknown as Layer;
}

/** A layer on a sequence of [2,2]. */
function ofPictures(layer: Layer): Several {
  return ([x]) => {
    const cut = layers.reshape({ targetShape: [6, 2, 2] }).apply(x as SymbolicTensor);
    return layer.apply(cut) as SymbolicTensor;
  };
}

/** A layer on each step, which is [2,2]. */
function pictures(layer: Layer): Several {
  return ofPictures(layers.timeDistributed({ layer }));
}

function built(make: Several) {
  const inputs = ['x', 'y'].map((name) => input({ shape: [6, 4], name }));
  const outputs = {
    of: make(inputs),
    other: layers.dense({ units: 1 }).apply(inputs[1] as SymbolicTensor),
  };
  return model({ inputs, outputs, seed: 4 });
}

const data = (rows: number, seed = 50) => ({
  x: noiseTensor([rows, 6, 4], seed),
  y: noiseTensor([rows, 6, 4], seed + 1),
});

describe.each(KINDS)('%s', (_, make, why) => {
  it('is saved with its weights', async () => {
    const m = built(make);
    const weights = m.getWeights();
    m.setWeights(
      Object.fromEntries(
        Object.entries(weights).map(([name, { shape, data }]) => {
          const noise = noiseTensor(shape, 60).data;
          const isVariance = name.endsWith('variance');
          return [
            name,
            tensor(
              data.map((v, i) => v + (isVariance ? 1 : 0.3) * Math.abs(noise[i] ?? 0)),
              shape,
            ),
          ];
        }),
      ),
    );
    const again = await load(await m.save());
    expect(again.getWeights()).toEqual(m.getWeights());
    expect(await again.predict(data(3))).toEqual(await m.predict(data(3)));
  });

  it('gives a row the same bits whatever stands beside it', async () => {
    const m = built(make);
    const all = (await m.predict(data(9))) as Record<'of', ReturnType<typeof noiseTensor>>;
    const rowOf = ({ data, shape }: ReturnType<typeof noiseTensor>, row: number) => {
      const size = data.length / (shape[0] as number);
      return tensor(data.slice(row * size, (row + 1) * size), [1, ...shape.slice(1)]);
    };
    for (const row of [0, 4, 8]) {
      const { x, y } = data(9);
      const alone = await m.predict({ x: rowOf(x, row), y: rowOf(y, row) });
      expect(alone.of).toEqual(rowOf(all.of, row));
    }
  });

  it('answers a stream step by step, or says why not', async () => {
    const m = built(make);
    if (why) {
      const text = await refusalText(() => m.stream(), 'UNSUPPORTED');
      expect(text).toMatch(why);
      return;
    }
    const session = m.stream();
    const { x, y } = data(1);
    const whole = (await m.predict({ x, y })).of.data;
    const pushed = [0, 1, 2, 3, 4, 5].flatMap((t) => [
      ...session.push({
        x: x.data.subarray(4 * t, 4 * t + 4),
        y: y.data.subarray(4 * t, 4 * t + 4),
      }).of,
    ]);
    expect(pushed).toEqual([...whole]);
  });

  it('gives the same with any number of micro-batches', async () => {
    if (_.startsWith('batchNormalization')) return; // each part has statistics of its own
    const weights = [];
    for (const batchSize of [6, 2]) {
      const m = built(make);
      m.compile({ loss: 'mse', optimizer: 'sgd' });
      const { of, other } = await m.predict(data(6));
      const y = {
        of: tensor(
          of.data.map((v) => v + 1),
          of.shape,
        ),
        other,
      };
      await m.fit(data(6), y, { batchSize, accumulateSteps: 6 / batchSize, shuffle: false });
      weights.push(m.getWeights());
    }
    for (const [name, { data: whole }] of Object.entries(weights[0] ?? {})) {
      const parts = weights[1]?.[name]?.data;
      for (const [i, value] of whole.entries()) expect(parts?.[i]).toBeCloseTo(value, 5);
    }
  });
});

describe.each(DEVICES)('masks on %s', (device) => {
  const lengths = [6, 2, 0];
  const x = noiseTensor([3, 6, 4], 70);

  /** Whether the last value of the mask reaches a layer behind: then padding does not count. */
  async function passes(make: Several) {
    const start = input({ shape: [6, 4], name: 'x' });
    const value = make([start, start]);
    const m = model({ inputs: start, outputs: layers.dense({ units: 1 }).apply(value), seed: 1 });
    m.compile({ loss: 'mse', optimizer: 'sgd', ...on(device) });
    const { shape } = await m.predict(x);
    const padded = tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
    const perStep = padded.data.length / 18;
    for (const [row, length] of lengths.entries())
      padded.data.fill(Number.NaN, (row * 6 + length) * perStep, (row + 1) * 6 * perStep);
    return Number.isFinite((await m.evaluate(x, padded, { lengths })).loss);
  }

  it.each([
    ['reshape of steps', one(layers.reshape({ targetShape: [-1, 2, 2] }))],
    [
      'permute of features',
      ([v]) =>
        layers
          .permute({ dims: [1, 3, 2] })
          .apply(layers.reshape({ targetShape: [6, 2, 2] }).apply(v as SymbolicTensor)),
    ],
    ['softmax', one(layers.softmax())],
    ['timeDistributed', one(layers.timeDistributed({ layer: layers.dense({ units: 2 }) }))],
    ['add', both(layers.add())],
    ['layerNormalization', one(layers.layerNormalization())],
    ['batchNormalization', one(layers.batchNormalization())],
    ['batchNormalization of a row', ofPictures(layers.batchNorm({ axis: 2 }))],
  ] as [string, Several][])('pass through %s', async (_, make) => {
    expect(await passes(make)).toBe(true);
  });

  it('of several values: a step counts where it counts in all of them, and is zero elsewhere', async () => {
    const [a, b] = ['a', 'b'].map((name) => input({ shape: [null, 4], name }));
    const m = model({
      inputs: [a as SymbolicTensor, b as SymbolicTensor],
      outputs: layers.maximum().apply([a as SymbolicTensor, b as SymbolicTensor]),
    });
    const spoilt = noiseTensor([3, 6, 4], 71);
    for (const row of [0, 1, 2]) spoilt.data.fill(Number.NaN, (row * 6 + 5) * 4, (row + 1) * 6 * 4);
    const call = { lengths: { a: [3, 6, 6], b: [5, 5, 0] }, ...on(device) };
    const y = await m.predict({ a: x, b: spoilt }, call);
    for (const [row, length] of [3, 5, 0].entries())
      for (const [i, value] of y.data.subarray(row * 24, (row + 1) * 24).entries()) {
        const at = row * 24 + i;
        const expected =
          i < 4 * length ? Math.max(x.data[at] as number, spoilt.data[at] as number) : 0;
        expect(value).toBe(expected);
      }
  });

  it('leave steps out of a softmax over them, NaN or not', async () => {
    const m = sequential([layers.softmax({ axis: 1 })], { inputShape: [null, 4] });
    const spoilt = tensor(x.data.slice(), x.shape);
    for (const [row, length] of lengths.entries())
      spoilt.data.fill(Number.NaN, (row * 6 + length) * 4, (row + 1) * 24);
    const y = await m.predict(spoilt, { lengths, ...on(device) });
    for (const [row, length] of lengths.entries())
      for (let f = 0; f < 4; f++) {
        const column = [0, 1, 2, 3, 4, 5].map((t) => y.at(row, t, f) as number);
        expect(column.slice(length).every((v) => v === 0)).toBe(true);
        expect(column.reduce((sum, v) => sum + v)).toBeCloseTo(length > 0 ? 1 : 0, 6);
      }
  });
});

describe('what does not fit', () => {
  const x = () => input({ shape: [null, 4], name: 'x' });
  const fixed = () => input({ shape: [6, 4], name: 'fixed' });
  const call =
    (make: (value: SymbolicTensor) => SymbolicTensor, from = fixed) =>
    () => {
      const start = from();
      return model({ inputs: start, outputs: make(start) });
    };

  it('flatten needs to know all extents', async () => {
    await refusal(
      call((v) => layers.flatten().apply(v), x),
      'SHAPE_MISMATCH',
      {
        layer: 'flatten',
        received: '[null,null,4]',
      },
    );
  });

  it('reshape keeps the number of values', async () => {
    const shape = (targetShape: number[], from = fixed) =>
      call((v) => layers.reshape({ targetShape }).apply(v), from);
    const expected = { layer: 'reshape', option: 'targetShape' };
    await refusal(shape([5, 5]), 'SHAPE_MISMATCH', { ...expected, received: '[null,6,4]' });
    await refusal(shape([7, -1]), 'SHAPE_MISMATCH', expected);
    await refusal(shape([4, -1, 2], x), 'SHAPE_MISMATCH', expected);
    expect(await refusalText(shape([24], x), 'SHAPE_MISMATCH')).toContain('stays whole');
    shape([-1, 2, 2], x)();
  });

  it('permute names each axis', async () => {
    const order = (dims: number[]) => call((v) => layers.permute({ dims }).apply(v));
    await refusal(order([1]), 'SHAPE_MISMATCH', { layer: 'permute', option: 'dims' });
    await refusal(order([1, 2, 3]), 'SHAPE_MISMATCH', { layer: 'permute', expected: '1..2' });
  });

  it('repeatVector takes vectors, timeDistributed sequences', async () => {
    await refusal(
      call((v) => layers.repeatVector({ n: 2 }).apply(v)),
      'SHAPE_MISMATCH',
      {
        layer: 'repeatVector',
      },
    );
    const vector = () => input({ shape: [4] });
    const layer = layers.timeDistributed({ layer: layers.dense({ units: 1 }) });
    await refusal(
      call((v) => layer.apply(v), vector),
      'SHAPE_MISMATCH',
      { layer: 'timeDistributed' },
    );
  });

  it('softmax and concatenate name an axis behind the batch', async () => {
    for (const axis of [0, 3, -3])
      await refusal(
        call((v) => layers.softmax({ axis }).apply(v)),
        'CONFIG',
        {
          layer: 'softmax',
          option: 'axis',
        },
      );
  });

  it('merges take values of one shape, at least two', async () => {
    const [a, b] = [input({ shape: [null, 3] }), input({ shape: [null, 4] })];
    for (const kind of ['add', 'subtract', 'multiply', 'average', 'maximum', 'minimum'] as const) {
      const make = () => model({ inputs: [a, b], outputs: layers[kind]().apply([a, b]) });
      await refusal(make, 'SHAPE_MISMATCH', { layer: kind });
      for (const inputs of [[], [a], a, null])
        await refusal(() => layers[kind]().apply(inputs as never), 'INVALID_ARGUMENT', {});
    }
    await refusal(() => layers.subtract().apply([a, a, a]), 'INVALID_ARGUMENT', {});
    await refusal(() => layers.dot({ axes: 1 }).apply([a]), 'INVALID_ARGUMENT', {});
  });

  it('unknown extents of merged values have to agree in the data', async () => {
    const [a, b] = ['a', 'b'].map((name) => input({ shape: [null, 3], name })) as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    const short = { a: noiseTensor([2, 4, 3], 1), b: noiseTensor([2, 5, 3], 2) };
    const sum = model({ inputs: [a, b], outputs: layers.add().apply([a, b]) });
    await refusal(() => sum.predict(short), 'SHAPE_MISMATCH', { layer: 'add' });
    const product = model({ inputs: [a, b], outputs: layers.dot({ axes: 1 }).apply([a, b]) });
    await refusal(() => product.predict(short), 'SHAPE_MISMATCH', { layer: 'dot' });
  });

  it('dot takes axes of one extent', async () => {
    const [a, b] = [input({ shape: [2, 3] }), input({ shape: [3, 4] })];
    const make = (axes: [number, number]) => () =>
      model({ inputs: [a, b], outputs: layers.dot({ axes }).apply([a, b]) });
    make([2, 1])();
    await refusal(make([1, 1]), 'SHAPE_MISMATCH', { layer: 'dot', expected: '2', received: '3' });
    await refusal(make([3, 1]), 'CONFIG', { layer: 'dot', option: 'axes' });
  });

  it('a mask ends at dot, whatever the axes of its result are', async () => {
    const steps = 2;
    const x = { a: noiseTensor([3, steps, 4], 1), b: noiseTensor([3, steps, 4], 2) };
    const half = tensor([
      [true, false],
      [true, true],
      [false, false],
    ]);
    for (const axes of [1, 2]) {
      const symbols = ['a', 'b'].map((name) => input({ shape: [null, 4], name }));
      const m = model({ inputs: symbols, outputs: layers.dot({ axes }).apply(symbols) });
      m.compile({ loss: 'mse', optimizer: 'sgd' });
      for (const device of DEVICES) {
        const options = { mask: { a: half, b: half }, ...on(device) };
        const y = await m.predict(x, options);
        const zeros = tensor(new Float32Array(y.size), y.shape);
        const mean = y.data.reduce((sum, value) => sum + value ** 2, 0) / y.size;
        const { loss } = await m.evaluate(x, zeros, options);
        expect(loss).toBeCloseTo(mean, 6);
      }
    }
  });

  it('dot of no steps is zero', async () => {
    const [a, b] = ['a', 'b'].map((name) => input({ shape: [null, 2], name })) as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    const m = model({ inputs: [a, b], outputs: layers.dot({ axes: 1 }).apply([a, b]) });
    const none = tensor(new Float32Array(0), [3, 0, 2]);
    for (const device of DEVICES) {
      const y = await m.predict({ a: none, b: none }, on(device));
      expect(y).toEqual(tensor(new Float32Array(12), [3, 2, 2]));
    }
  });

  it('norms need to know the number of features', async () => {
    const unknown = () => input({ shape: [4, null] });
    for (const layer of [layers.layerNorm(), layers.batchNorm()])
      await refusal(
        call((v) => layer.apply(v), unknown),
        'SHAPE_MISMATCH',
        { layer: layer.kind },
      );
  });

  it('timeDistributed refuses layers that it cannot cut into steps', async () => {
    const of = (layer: Layer) => call((v) => layers.timeDistributed({ layer }).apply(v));
    const deep = () => input({ shape: [6, 5, 4] });
    await refusal(of(layers.batchNorm()), 'UNSUPPORTED', { received: 'batchNormalization' });
    const stateful = layers.timeDistributed({ layer: layers.gru({ units: 2, stateful: true }) });
    await refusal(
      call((v) => stateful.apply(v), deep),
      'UNSUPPORTED',
      { received: 'gru' },
    );
    const frozen = layers.dense({ units: 2, trainable: false });
    await refusal(of(frozen), 'CONFIG', { option: 'layer.trainable' });
  });
});

describe('timeDistributed', () => {
  it('is the layer on each step', async () => {
    const inner = layers.bidirectional({ layer: layers.lstm({ units: 3 }) });
    const each = sequential([layers.timeDistributed({ layer: inner })], {
      inputShape: [null, 5, 2],
      seed: 1,
    });
    const alone = sequential([inner], { inputShape: [5, 2], seed: 2 });
    const weights = Object.entries(each.getWeights());
    alone.setWeights(
      Object.fromEntries(
        weights.map(([name, w]) => [name.replace('timeDistributed', 'bidirectional'), w]),
      ),
    );
    const x = noiseTensor([2, 4, 5, 2], 80);
    const y = await each.predict(x);
    expect(y.shape).toEqual([2, 4, 6]);
    expect(y.data).toEqual((await alone.predict(tensor(x.data, [8, 5, 2]))).data);
  });

  it('brings the weights that its layer brings', async () => {
    const layer = layers.normalization({ mean: 3, variance: 4 });
    const m = sequential([layers.timeDistributed({ layer })], { inputShape: [2, 1] });
    expect([...(await m.predict(tensor([[[3], [5]]]))).data]).toEqual([0, 1]);
  });

  it('drops out other values at each step, however the batch is cut', async () => {
    const make = () =>
      sequential(
        [
          layers.timeDistributed({ layer: layers.dropout({ rate: 0.5 }) }),
          layers.dense({ units: 1 }),
        ],
        { inputShape: [6, 8], seed: 5 },
      );
    const x = tensor(new Float32Array(4 * 6 * 8).fill(1), [4, 6, 8]);
    const drops = sequential([layers.timeDistributed({ layer: layers.dropout({ rate: 0.5 }) })], {
      inputShape: [6, 8],
      seed: 5,
    });
    const { outputs } = await drops.vjp(x, x, { training: true });
    const steps = new Set<string>();
    const { data } = outputs as ReturnType<typeof noiseTensor>;
    for (let i = 0; i < 24; i++) steps.add(data.subarray(8 * i, 8 * i + 8).join());
    expect(steps.size).toBeGreaterThan(20);

    const y = noiseTensor([4, 6, 1], 81);
    const weights = [4, 1].map(async (batchSize) => {
      const m = make();
      m.compile({ loss: 'mse', optimizer: 'sgd' });
      await m.fit(x, y, { batchSize, accumulateSteps: 4 / batchSize, shuffle: false });
      return m.getWeights()['dense/kernel']?.data;
    });
    const [whole, parts] = await Promise.all(weights);
    for (const [i, value] of (whole ?? []).entries()) expect(parts?.[i]).toBeCloseTo(value, 6);
  });
});
