// Layers with windows: shapes, masks, streams, files, and what they refuse.
import { input, layers, load, type Model, model, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import type { SimpleLayer } from '../../lib/layers/layer.js';
import { DEVICES } from '../support/golden.js';
import { distance, noiseTensor, range } from '../support/numbers.js';
import { expectSameBits } from '../support/properties.js';
import { randomWeights } from '../support/randomModels.js';
import { refusal, refusalText } from '../support/refusal.js';

const ROWS = 4;
const STEPS = 7;

/** Of sequences with three features, biases and all weights random. */
function over(list: SimpleLayer[], inputShape: (number | null)[] = [null, 3]): Model {
  const m = sequential(list, { inputShape, seed: 1 });
  m.setWeights(randomWeights(m, 3));
  return m;
}

const conv = (options: Partial<Parameters<typeof layers.conv1d>[0]> = {}) =>
  layers.conv1d({ filters: 5, kernelSize: 3, ...options });

/** Right padding, left padding, holes, and a row without a step. */
const MASK = tensor(
  Uint8Array.from([
    1,
    1,
    1,
    1,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    1,
    1,
    1,
    1,
    0,
    1,
    0,
    0,
    1,
    1,
    ...Array(7).fill(0),
  ]),
  [ROWS, STEPS],
);

/** x with a value in the steps that the mask hides. */
function hidden(x: Tensor<'float32'>, value: number): Tensor<'float32'> {
  const perStep = x.data.length / MASK.data.length;
  const data = x.data.map((v, i) => (MASK.data[Math.floor(i / perStep)] ? v : value));
  return tensor(data, x.shape);
}

describe('lengths', () => {
  it.each([
    ['valid', {}, (t: number) => t - 2],
    ['valid with strides', { strides: 2 }, (t: number) => Math.floor((t - 3) / 2) + 1],
    ['valid with dilation', { dilationRate: 2 }, (t: number) => t - 4],
    ['same', { padding: 'same' }, (t: number) => t],
    ['same with strides', { padding: 'same', strides: 3 }, (t: number) => Math.ceil(t / 3)],
    ['causal', { padding: 'causal' }, (t: number) => t],
    ['causal with strides', { padding: 'causal', strides: 2 }, (t: number) => Math.ceil(t / 2)],
  ] as const)('%s: one model for any of them', async (_, options, expected) => {
    using m = over([conv(options)]);
    for (const t of [5, 6, 7, 8, 31]) {
      const y = (await m.predict(noiseTensor([2, t, 3]))) as Tensor;
      expect(y.shape).toEqual([2, expected(t), 5]);
    }
  });

  it('follow from one another, and other layers take them up', async () => {
    using m = over([
      conv({ strides: 2 }),
      layers.maxPooling1d(),
      layers.gru({ units: 4, returnSequences: true }) as never,
    ]);
    m.compile({ optimizer: 'adam', loss: 'mse' });
    for (const [t, after] of [
      [8, 1],
      [30, 7],
    ] as const) {
      const x = noiseTensor([2, t, 3]);
      expect(((await m.predict(x)) as Tensor).shape).toEqual([2, after, 4]);
      await m.trainOnBatch(x, noiseTensor([2, after, 4]));
      const wrong = () => m.trainOnBatch(x, noiseTensor([2, after + 1, 4]));
      await refusal(wrong, 'SHAPE_MISMATCH', { received: `[2,${after + 1},4]` });
    }
  });

  it('that differ are not joined', async () => {
    const x = input({ shape: [null, 3] });
    const join = (a: SimpleLayer, b: SimpleLayer) =>
      model({ inputs: x, outputs: layers.concatenate().apply([a.apply(x), b.apply(x)]), seed: 1 });
    const same = join(conv(), conv({ kernelSize: 2, dilationRate: 2 }));
    expect((await same.predict(noiseTensor([1, 9, 3]))).shape).toEqual([1, 7, 10]);
    const other = join(conv(), conv({ kernelSize: 2 }));
    await refusal(() => other.predict(noiseTensor([1, 9, 3])), 'SHAPE_MISMATCH', {
      layer: 'concatenate',
    });
  });

  it('that no window fits into', async () => {
    const known = () => over([conv({ kernelSize: 4 })], [3, 3]);
    await refusal(known, 'SHAPE_MISMATCH', {
      layer: 'conv1d',
      expected: 'at least 4',
      received: '3',
    });
    using m = over([conv({ kernelSize: 3, dilationRate: 2 })]);
    const text = await refusalText(() => m.predict(noiseTensor([1, 4, 3])), 'SHAPE_MISMATCH', {
      layer: 'conv1d',
      received: '4',
    });
    expect(text).toContain('its window reaches over 5 positions');
  });

  it('of images, along both axes', async () => {
    using m = over(
      [layers.conv2d({ filters: 2, kernelSize: [3, 2], padding: 'same', strides: [1, 2] })],
      [null, null, 3],
    );
    expect(((await m.predict(noiseTensor([1, 5, 7, 3]))) as Tensor).shape).toEqual([1, 5, 4, 2]);
    expect(((await m.predict(noiseTensor([2, 3, 2, 3]))) as Tensor).shape).toEqual([2, 3, 1, 2]);
  });

  it('of pooled images, with and without their axes', async () => {
    for (const make of [layers.globalMaxPooling2d, layers.globalAveragePooling2d]) {
      using m = over([make()], [null, null, 3]);
      expect(((await m.predict(noiseTensor([2, 3, 4, 3]))) as Tensor).shape).toEqual([2, 3]);
      using kept = over([make({ keepdims: true })], [null, null, 3]);
      expect(((await kept.predict(noiseTensor([2, 3, 4, 3]))) as Tensor).shape).toEqual([
        2, 1, 1, 3,
      ]);
    }
  });
});

describe.each(DEVICES)('masked steps on %s', (device) => {
  /** A dense layer, whose bias makes something of zeros, comes first. */
  const cases: Record<string, SimpleLayer[]> = {
    conv1d: [conv()],
    'conv1d, causal': [conv({ padding: 'causal' })],
    'conv1d after dense': [layers.dense({ units: 3 }), conv({ padding: 'same' })],
    depthwiseConv1d: [layers.dense({ units: 3 }), layers.depthwiseConv1d({ kernelSize: 3 })],
    maxPooling1d: [layers.dense({ units: 3 }), layers.maxPooling1d({ poolSize: 3, strides: 1 })],
    averagePooling1d: [layers.dense({ units: 3 }), layers.averagePooling1d()],
    globalMaxPooling1d: [layers.dense({ units: 3 }), layers.globalMaxPooling1d()],
    globalAveragePooling1d: [layers.dense({ units: 3 }), layers.globalAveragePooling1d()],
  };

  it.each(Object.keys(cases))('%s: NaN there reaches nothing', async (name) => {
    using m = over(cases[name] as SimpleLayer[]);
    const x = noiseTensor([ROWS, STEPS, 3], 5);
    const options = { mask: MASK, device };
    const clean = (await m.predict(hidden(x, 0), options)) as Tensor<'float32'>;
    expect(clean.data.every(Number.isFinite)).toBe(true);
    const bad = hidden(x, Number.NaN);
    expectSameBits({ y: (await m.predict(bad, options)) as Tensor<'float32'> }, { y: clean });
    const cotangent = noiseTensor([...clean.shape], 6);
    const [a, b] = [await m.vjp(bad, cotangent, options), await m.vjp(x, cotangent, options)];
    expectSameBits(a.gradients, b.gradients);
    expect((a.inputGradients as Tensor).data.every(Number.isFinite)).toBe(true);
    expectSameBits(
      { dx: a.inputGradients as Tensor<'float32'> },
      { dx: b.inputGradients as Tensor<'float32'> },
    );
  });

  it('are zero to a convolution, whatever the layers before make of them', async () => {
    using dense = over([layers.dense({ units: 3 })]);
    using both = over([layers.dense({ units: 3 }), conv({ padding: 'same' })]);
    using alone = over([conv({ padding: 'same' })]);
    dense.setWeights({
      'dense/kernel': both.getWeights()['dense/kernel'] as Tensor,
      'dense/bias': both.getWeights()['dense/bias'] as Tensor,
    });
    alone.setWeights({
      'conv1d/kernel': both.getWeights()['conv1d/kernel'] as Tensor,
      'conv1d/bias': both.getWeights()['conv1d/bias'] as Tensor,
    });
    const x = noiseTensor([ROWS, STEPS, 3], 5);
    const between = hidden((await dense.predict(x, { device })) as Tensor<'float32'>, 0);
    const y = (await both.predict(x, { mask: MASK, device })) as Tensor;
    const expected = (await alone.predict(between, { device })) as Tensor;
    expect(distance(y.data, expected.data)).toBeLessThan(1e-6);
  });

  it('stay masked where the steps stay, and only there', async () => {
    const x = noiseTensor([ROWS, STEPS, 3], 5);
    // With a mask, a GRU's output is zero at masked steps.
    const zeros = async (layer: SimpleLayer) => {
      using m = over([layer, layers.gru({ units: 2, returnSequences: true }) as never]);
      const { data } = (await m.predict(x, { mask: MASK, device })) as Tensor;
      return range(data.length / 2).filter((i) => data[2 * i] === 0);
    };
    const masked = range(MASK.data.length).filter((i) => !MASK.data[i]);
    expect(await zeros(conv({ padding: 'same' }))).toEqual(masked);
    expect(await zeros(conv({ padding: 'causal', dilationRate: 2 }))).toEqual(masked);
    expect(await zeros(layers.maxPooling1d({ strides: 1, padding: 'same' }))).toEqual(masked);
    expect(await zeros(conv())).toEqual([]);
    expect(await zeros(conv({ padding: 'same', strides: 2 }))).toEqual([]);
    expect(await zeros(layers.averagePooling1d())).toEqual([]);
  });

  it('never win a maximum and do not count in a mean; rows without others give 0', async () => {
    const x = tensor(Float32Array.from([-3, -1, 5, 0, 0, 0, -2, -8, 0]), [3, 3, 1]);
    const mask = tensor(Uint8Array.from([1, 1, 0, 0, 0, 0, 1, 1, 0]), [3, 3]);
    const values = async (layer: SimpleLayer) => {
      using m = over([layer], [null, 1]);
      return [...((await m.predict(x, { mask, device })) as Tensor).data];
    };
    expect(await values(layers.globalMaxPooling1d())).toEqual([-1, 0, -2]);
    expect(await values(layers.globalAveragePooling1d())).toEqual([-2, 0, -5]);
  });
});

describe('streams', () => {
  it.each([1, 3])(
    'push step by step is predict, bit for bit (dilation %i)',
    async (dilationRate) => {
      using m = over([
        conv({ padding: 'causal', dilationRate, activation: 'relu' }),
        layers.conv1d({ filters: 4, kernelSize: 2, padding: 'causal' }),
        layers.gru({ units: 3, returnSequences: true }) as never,
      ]);
      const x = noiseTensor([1, 12, 3], 8);
      const { data } = (await m.predict(x)) as Tensor;
      using session = m.stream();
      const pushed = range(12).flatMap((t) => [
        ...(session.push(x.data.slice(3 * t, 3 * t + 3)) as Float32Array),
      ]);
      expect(pushed).toEqual([...data]);
    },
  );

  it('keep the inputs that windows still reach, in snapshots as well', () => {
    using m = over([conv({ padding: 'causal', dilationRate: 2 })]);
    using session = m.stream();
    const steps = range(6).map((t) => noiseTensor([3], t).data);
    for (const step of steps.slice(0, 5)) session.push(step);
    expect([...session.state]).toEqual(steps.slice(1, 5).flatMap((step) => [...step]));
    using other = m.stream({ restore: session.snapshot() });
    expect(other.push(steps[5] as Float32Array)).toEqual(session.push(steps[5] as Float32Array));
  });

  it('of a window of one step keep nothing', () => {
    using m = over([conv({ padding: 'causal', kernelSize: 1 })]);
    using session = m.stream();
    expect(session.state).toHaveLength(0);
    expect(session.push(new Float32Array(3))).toHaveLength(5);
  });

  it.each([
    ['conv1d', conv()],
    ['conv1d', conv({ padding: 'same' })],
    ['conv1d', conv({ padding: 'causal', strides: 2 })],
    ['depthwiseConv1d', layers.depthwiseConv1d({ kernelSize: 3, padding: 'same' })],
    ['maxPooling1d', layers.maxPooling1d()],
    ['globalAveragePooling1d', layers.globalAveragePooling1d()],
  ] as const)('%s is refused where it sees later steps', async (layer, made) => {
    using m = over([made]);
    const text = await refusalText(() => m.stream(), 'UNSUPPORTED', { layer });
    expect(text).toContain(`${layer}: a ${layer} layer cannot be stepped here`);
  });
});

describe('weights', () => {
  it("have Keras' names and layouts", () => {
    const shapes = (layer: SimpleLayer, shape: (number | null)[]) => {
      using m = over([layer], shape);
      return m.weights.map(({ name, shape: extents }) => [name, ...extents]);
    };
    expect(shapes(conv(), [null, 3])).toEqual([
      ['conv1d/kernel', 3, 3, 5],
      ['conv1d/bias', 5],
    ]);
    const conv2d = layers.conv2d({ filters: 4, kernelSize: [2, 3], useBias: false });
    expect(shapes(conv2d, [9, 9, 6])).toEqual([['conv2d/kernel', 2, 3, 6, 4]]);
    expect(shapes(layers.depthwiseConv1d({ kernelSize: 4 }), [null, 3])).toEqual([
      ['depthwiseConv1d/kernel', 4, 3, 1],
      ['depthwiseConv1d/bias', 3],
    ]);
    const depthwise = layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 });
    expect(shapes(depthwise, [9, 9, 6])).toEqual([
      ['depthwiseConv2d/kernel', 3, 3, 6, 2],
      ['depthwiseConv2d/bias', 12],
    ]);
    expect(shapes(layers.maxPooling1d(), [null, 3])).toEqual([]);
  });

  it('begin with the spread that Keras gives them: a fan of each position of a window', () => {
    const m = sequential([layers.conv2d({ filters: 16, kernelSize: [3, 5] })], {
      inputShape: [9, 9, 8],
      seed: 2,
    });
    const { data } = m.getWeights()['conv2d/kernel'] as Tensor;
    const limit = Math.sqrt(6 / (15 * 8 + 15 * 16));
    const largest = Math.max(...data.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(limit);
    expect(largest).toBeGreaterThan(0.99 * limit);
    m.dispose();
  });

  it('are saved and loaded with their layers', async () => {
    const list = [
      layers.conv2d({ filters: 4, kernelSize: [2, 3], padding: 'same', activation: 'relu' }),
      layers.depthwiseConv2d({ kernelSize: 2, strides: 2, depthMultiplier: 2 }),
      layers.averagePooling2d({ poolSize: 2, strides: 1, padding: 'same' }),
      layers.globalMaxPooling2d(),
    ];
    using m = over(list, [null, 8, 3]);
    using again = await load(await m.save());
    const x = noiseTensor([2, 6, 8, 3]);
    const y = (await m.predict(x)) as Tensor<'float32'>;
    expectSameBits({ y: (await again.predict(x)) as Tensor<'float32'> }, { y });
  });
});

describe('a network of windows', () => {
  it('learns where a pattern is', async () => {
    // Rows that hold the pattern 1, -1, 1 somewhere, and rows that do not.
    const rows = 64;
    const x = noiseTensor([rows, 12, 1], 3);
    const y = new Float32Array(rows);
    for (const row of range(rows).filter((i) => i % 2 === 0)) {
      y[row] = 1;
      const at = row * 12 + (row % 9);
      x.data.set([2, -2, 2], at);
    }
    using m = sequential(
      [
        layers.conv1d({ filters: 8, kernelSize: 3, activation: 'relu' }),
        layers.globalMaxPooling1d(),
        layers.dense({ units: 1 }),
      ],
      { inputShape: [null, 1], seed: 1 },
    );
    m.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['accuracy'] });
    await m.fit(x, tensor(y, [rows, 1]), { epochs: 150, batchSize: 16, seed: 1 });
    const { accuracy } = await m.evaluate(x, tensor(y, [rows, 1]));
    expect(accuracy).toBeGreaterThan(0.95);
  });
});

describe('options', () => {
  it('are described in full', () => {
    expect(conv().options).toEqual({
      filters: 5,
      kernelSize: 3,
      strides: 1,
      padding: 'valid',
      dilationRate: 1,
      activation: { name: 'linear', alpha: 0, beta: 0 },
      useBias: true,
      kernelInitializer: { name: 'glorotUniform' },
      kernelRegularizer: null,
      kernelConstraint: null,
      biasInitializer: { name: 'zeros' },
      biasRegularizer: null,
      biasConstraint: null,
      activityRegularizer: null,
      trainable: true,
    });
    expect(layers.depthwiseConv2d({ kernelSize: 3, strides: [1, 2] }).options).toMatchObject({
      kernelSize: [3, 3],
      strides: [1, 2],
      dilationRate: [1, 1],
      depthMultiplier: 1,
    });
    expect(layers.maxPooling1d().options).toEqual({ poolSize: 2, strides: 2, padding: 'valid' });
    expect(layers.averagePooling2d({ poolSize: [2, 3] }).options).toEqual({
      poolSize: [2, 3],
      strides: [2, 3],
      padding: 'valid',
    });
    expect(layers.globalMaxPooling1d().options).toEqual({ keepdims: false });
  });

  it('do not take strides and dilation together', async () => {
    const calls = [
      () => conv({ strides: 2, dilationRate: 2 }),
      () => layers.conv2d({ filters: 1, kernelSize: 2, strides: [1, 2], dilationRate: [2, 1] }),
      () => layers.depthwiseConv1d({ kernelSize: 2, strides: 2, dilationRate: 3 }),
    ];
    for (const call of calls) await refusal(call, 'CONFIG', { option: 'dilationRate' });
  });
});
