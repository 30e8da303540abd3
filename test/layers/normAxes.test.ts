// Normalizations over other axes than the last one.
import {
  input,
  type Layer,
  layers,
  load,
  type Model,
  model,
  type SymbolicTensor,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { inputSlopes, parameterSlopes } from '../support/differences.js';
import { BOUNDS, DEVICES, on, relativeError } from '../support/golden.js';
import { expectClose, noise, noiseTensor, sizeOf } from '../support/numbers.js';
import { refusal } from '../support/refusal.js';

const SHAPE = [3, 2, 4];
const x = noiseTensor([5, ...SHAPE], 801);
const y = noiseTensor([5, ...SHAPE], 802);

type Axes = number | number[];
type Built = Model<Tensor<'float32'>>;
const layerNorm = (axis: Axes) => layers.layerNormalization({ axis, epsilon: 0.1, name: 'norm' });
const batchNorm = (axis: number) => layers.batchNormalization({ axis, epsilon: 0.1, name: 'norm' });

/** Weights that no axis may mix up. */
function withNoise(m: Built): Built {
  const weights = m.weights.map(({ name, shape }, i) => {
    const values = noise(sizeOf(shape), 810 + i).map((v) => 1 + 0.5 * v);
    return [name, tensor(values, shape)] as const;
  });
  m.setWeights(Object.fromEntries(weights));
  m.compile({ loss: 'mse', optimizer: 'sgd' });
  return m;
}

const alone = (layer: Layer, inputShape: (number | null)[] = SHAPE) =>
  withNoise(sequential([layer], { inputShape, seed: 1 }));

/** The same by the last axis of a transposed value: `dims` puts the axes last, `joined` makes them one. */
function transposed(
  norm: Layer,
  dims: number[],
  joined: number[],
  weights: Record<string, Tensor>,
): Built {
  const back = dims.map((_, i) => dims.indexOf(i + 1) + 1);
  const turned = dims.map((axis) => SHAPE[axis - 1] as number);
  const list = [
    layers.permute({ dims }),
    layers.reshape({ targetShape: joined }),
    norm,
    layers.reshape({ targetShape: turned }),
    layers.permute({ dims: back }),
  ];
  const m = sequential(list, { inputShape: SHAPE, seed: 1 });
  m.setWeights(
    Object.fromEntries(
      Object.entries(weights).map(([name, { data }]) => [
        name,
        tensor(data as Float32Array, [data.length]),
      ]),
    ),
  );
  m.compile({ loss: 'mse', optimizer: 'sgd' });
  return m;
}

const LAYER_NORMS: [axis: Axes, shape: number[], dims: number[], joined: number[]][] = [
  [1, [3], [2, 3, 1], [2, 4, 3]],
  [-2, [2], [1, 3, 2], [3, 4, 2]],
  [[3], [4], [1, 2, 3], [3, 2, 4]],
  [
    [2, 3],
    [2, 4],
    [1, 2, 3],
    [3, 8],
  ],
  [
    [-1, 2],
    [2, 4],
    [1, 2, 3],
    [3, 8],
  ],
  [[1, 2, 3], [3, 2, 4], [1, 2, 3], [24]],
  [
    [1, 3],
    [3, 4],
    [2, 1, 3],
    [2, 12],
  ],
  [
    [2, 1],
    [3, 2],
    [3, 1, 2],
    [4, 6],
  ],
];
const BATCH_NORMS: [axis: number, shape: number[], dims: number[], joined: number[]][] = [
  [1, [3], [2, 3, 1], [2, 4, 3]],
  [2, [2], [1, 3, 2], [3, 4, 2]],
  [-2, [2], [1, 3, 2], [3, 4, 2]],
  [3, [4], [1, 2, 3], [3, 2, 4]],
];

describe.each(DEVICES)('on %s, by transposing,', (device) => {
  const compare = async (a: Built, b: Built) => {
    expect(await a.predict(x, on(device))).toEqual(await b.predict(x, on(device)));
    for (const training of [false, true]) {
      const [one, other] = [
        await a.vjp(x, y, { training, ...on(device) }),
        await b.vjp(x, y, { training, ...on(device) }),
      ];
      expect(one.outputs).toEqual(other.outputs);
      expect(one.inputGradients).toEqual(other.inputGradients);
      for (const [name, { data }] of Object.entries(other.gradients)) {
        expect(one.gradients[name]?.data).toEqual(data);
      }
    }
    for (const m of [a, b]) await m.trainOnBatch(x, y, on(device));
    for (const [name, { data }] of Object.entries(b.getWeights())) {
      expect(a.getWeights()[name]?.data).toEqual(data);
    }
  };

  it.each(LAYER_NORMS)('layerNormalization over %j', async (axis, shape, dims, joined) => {
    const m = alone(layerNorm(axis));
    expect(m.weights.map((weight) => weight.shape)).toEqual([shape, shape]);
    await compare(m, transposed(layerNorm(-1), dims, joined, m.getWeights()));
  });

  it.each(BATCH_NORMS)('batchNormalization of %j', async (axis, shape, dims, joined) => {
    const m = alone(batchNorm(axis));
    expect(m.weights.map((weight) => weight.shape)).toEqual(Array(4).fill(shape));
    await compare(m, transposed(batchNorm(-1), dims, joined, m.getWeights()));
  });
});

describe.each([
  ...LAYER_NORMS.map(([axis]) => ['layerNormalization', axis, () => layerNorm(axis)] as const),
  ...BATCH_NORMS.map(([axis]) => ['batchNormalization', axis, () => batchNorm(axis)] as const),
])('%s, axis %j', (_kind, _axis, make) => {
  it('has the gradients of finite differences', async () => {
    const m = alone(make());
    const reference = { device: 'reference' } as const;
    const lossAt = async (data: Tensor) => (await m.evaluate(data, y, reference)).loss as number;
    const result = await m.gradients(x, y, reference);
    const slopes = await parameterSlopes(m as never, () => lossAt(x));
    for (const [name, { data }] of Object.entries(result.gradients)) {
      expect(relativeError(data, slopes[name] ?? []), name).toBeLessThan(1e-5);
    }
    const { data } = result.inputGradients as Tensor;
    expect(relativeError(data, await inputSlopes(x, lossAt))).toBeLessThan(1e-5);
    const fast = await m.gradients(x, y, on('cpu'));
    for (const [name, { data: expected }] of Object.entries(result.gradients)) {
      expectClose(fast.gradients[name]?.data ?? [], expected, BOUNDS.gradient);
    }
  });

  it('is saved, and shared by several uses', async () => {
    const norm = make();
    const start = input({ shape: SHAPE });
    const twice = norm.apply(norm.apply(start) as SymbolicTensor) as SymbolicTensor;
    const m = withNoise(model({ inputs: start, outputs: twice, seed: 1 }));
    const again = await load(await m.save());
    expect(await again.predict(x)).toEqual(await m.predict(x));
    const sums = await m.vjp(x, y);
    const once = alone(make());
    once.setWeights(m.getWeights());
    const second = await once.vjp(await once.predict(x), y);
    const first = await once.vjp(x, second.inputGradients as Tensor);
    for (const [name, { data }] of Object.entries(sums.gradients)) {
      const both = Array.from(data, (_, i) =>
        [first, second].reduce((sum, { gradients }) => sum + (gradients[name]?.data[i] ?? 0), 0),
      );
      expectClose(data, both, BOUNDS.gradient);
    }
  });
});

describe('masks', () => {
  const sequence = noiseTensor([3, 4, 2, 2], 820);
  const lengths = [4, 1, 2];
  const spoilt = (value: number) => {
    const data = sequence.data.slice();
    for (const [row, length] of lengths.entries())
      data.fill(value, (row * 4 + length) * 4, (row + 1) * 16);
    return tensor(data, sequence.shape);
  };

  it.each(DEVICES)(
    'count no masked step where steps are rows of statistics, on %s',
    async (device) => {
      const results = [];
      for (const value of [7, Number.NaN]) {
        const m = alone(batchNorm(2), [null, 2, 2]);
        await m.trainOnBatch(spoilt(value), noiseTensor(sequence.shape, 821), {
          lengths,
          ...on(device),
        });
        results.push(m.getWeights());
      }
      expect(results[0]).toEqual(results[1]);
      const m = alone(batchNorm(2), [null, 2, 2]);
      await m.trainOnBatch(sequence, noiseTensor(sequence.shape, 821), on(device));
      expect(m.getWeights()).not.toEqual(results[0]);
    },
  );

  it.each(DEVICES)(
    'do not matter where steps are normalized over: the input is zero there, on %s',
    async (device) => {
      const m = alone(layerNorm([1, 3]), [4, 2, 2]);
      const y = await m.predict(spoilt(Number.NaN), { lengths, ...on(device) });
      expect(y).toEqual(await m.predict(spoilt(0), on(device)));
    },
  );

  it('cannot train a layer whose features are the steps', async () => {
    const m = alone(batchNorm(1), [4, 2, 2]);
    const target = noiseTensor(sequence.shape, 822);
    const details = { layer: 'norm', option: 'axis' };
    await refusal(() => m.trainOnBatch(sequence, target, { lengths }), 'UNSUPPORTED', details);
    // With the moving statistics there is nothing to count.
    const { loss } = await m.evaluate(spoilt(Number.NaN), target, { lengths });
    expect(loss).toBeGreaterThan(0);
    m.freeze('norm');
    await m.gradients(sequence, target, { lengths });
    m.unfreeze('norm');
    await m.trainOnBatch(sequence, target);
  });
});

describe('axes that cannot be', () => {
  it('are named', async () => {
    for (const make of [layerNorm, batchNorm] as ((axis: number) => Layer)[]) {
      for (const axis of [0, -4]) {
        const details = { layer: 'norm', option: 'axis', received: `${axis}` };
        await refusal(() => alone(make(axis)), 'UNSUPPORTED', details);
      }
      for (const axis of [4, -5]) {
        const details = { layer: 'norm', option: 'axis', received: `${axis}` };
        await refusal(() => alone(make(axis)), 'CONFIG', details);
      }
      const unknown = () => alone(make(1), [null, 2]);
      await refusal(unknown, 'SHAPE_MISMATCH', { layer: 'norm', option: 'axis' });
    }
    const twice = () => alone(layerNorm([1, -3]));
    await refusal(twice, 'CONFIG', { layer: 'norm', option: 'axis' });
  });
});
