// The normalization layer: statistics that are given, adapted, saved, inverted, and refused.
import { layers, load, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { detach, STRANGERS } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

type Layer = ReturnType<typeof layers.normalization>;

/** A model of this layer alone. */
const alone = (layer: Layer, inputShape: (number | null)[] = [2]) =>
  sequential([layer], { inputShape });

const outputs = async (layer: Layer, x: Tensor) => [...(await alone(layer).predict(x)).data];

const DATA = tensor([
  [1, 10],
  [3, 10],
  [5, 40],
  [7, 60],
]);

describe('statistics', () => {
  it('that are given, one a feature or one for all', async () => {
    const layer = layers.normalization({ mean: [1, 2], variance: [4, 9] });
    expect(await outputs(layer, tensor([[3, 5]]))).toEqual([1, 1]);
    const same = layers.normalization({ mean: 1, variance: 4 });
    expect(await outputs(same, tensor([[3, 5]]))).toEqual([1, 2]);
    const tensors = { mean: tensor([1, 2]), variance: tensor([4, 9]) };
    expect(await outputs(layers.normalization(tensors), tensor([[3, 5]]))).toEqual([1, 1]);
  });

  it('that are not given leave the values alone', async () => {
    expect(await outputs(layers.normalization(), tensor([[3, -5]]))).toEqual([3, -5]);
  });

  it('of data give mean 0 and variance 1', async () => {
    const values = await outputs(layers.normalization().adapt(DATA), DATA);
    for (const feature of [0, 1]) {
      const column = values.filter((_, i) => i % 2 === feature);
      const mean = column.reduce((sum, value) => sum + value, 0) / 4;
      const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4;
      expect(mean).toBeCloseTo(0, 6);
      expect(variance).toBeCloseTo(1, 6);
    }
  });

  it('are taken over all axes but the last, and exactly so far from zero', () => {
    const layer = layers
      .normalization()
      .adapt(tensor([[[16777216, 0]], [[16777218, 0]], [[16777220, 3]], [[16777222, 3]]]));
    const built = alone(layer, [null, 2]);
    const weights = built.getWeights();
    expect(weights['normalization/mean']?.data).toEqual(Float32Array.of(16777219, 1.5));
    expect(weights['normalization/variance']?.data).toEqual(Float32Array.of(5, 2.25));
  });

  it('of a feature that never changes are harmless', async () => {
    const layer = layers.normalization().adapt(
      tensor([
        [2, 1],
        [2, 3],
      ]),
    );
    expect(await outputs(layer, tensor([[2, 2]]))).toEqual([0, 0]);
  });

  it('of whole numbers and of a later call', async () => {
    const layer = layers.normalization().adapt(DATA);
    expect(layer.adapt(tensor(Int32Array.of(0, 0, 2, 4), [2, 2]))).toBe(layer);
    expect(await outputs(layer, tensor([[1, 4]]))).toEqual([0, 1]);
  });

  it('belong to the models built afterwards', async () => {
    const layer = layers.normalization({ mean: 0, variance: 1 });
    const before = alone(layer);
    layer.adapt(DATA);
    const after = alone(layer);
    expect([...(await before.predict(tensor([[4, 30]]))).data]).toEqual([4, 30]);
    expect([...(await after.predict(tensor([[4, 30]]))).data]).toEqual([0, 0]);
  });

  it('are saved, are not trained, and can be set', async () => {
    const list = [layers.normalization().adapt(DATA), layers.dense({ units: 1 })];
    const built = sequential(list, { inputShape: [2], seed: 1 });
    built.compile({ optimizer: 'sgd', loss: 'mse' });
    const before = built.getWeights();
    await built.fit(DATA, tensor([[1], [2], [3], [4]]), { epochs: 2, verbose: 0 });
    const again = await load(await built.save());
    for (const name of ['normalization/mean', 'normalization/variance']) {
      expect(built.getWeights()[name]).toEqual(before[name]);
      expect(again.getWeights()[name]).toEqual(before[name]);
    }
    expect(built.getWeights()['dense/kernel']).not.toEqual(before['dense/kernel']);
    built.setWeights({ 'normalization/mean': tensor([0, 0]) });
    expect(built.getWeights()['normalization/mean']?.data).toEqual(Float32Array.of(0, 0));
  });

  it('are not those of the caller to change', async () => {
    const mean = tensor([1, 2]);
    const layer = layers.normalization({ mean, variance: 1 });
    mean.data.fill(100);
    expect(await outputs(layer, tensor([[1, 2]]))).toEqual([0, 0]);
  });
});

describe('invert', () => {
  it('undoes what the other way round does', async () => {
    const there = layers.normalization().adapt(DATA);
    const back = layers.normalization({ invert: true }).adapt(DATA);
    const built = sequential([there, back], { inputShape: [2] });
    const { data } = await built.predict(DATA);
    data.forEach((value, i) => {
      expect(value).toBeCloseTo(DATA.data[i] as number, 4);
    });
  });

  it('scales up and shifts back', async () => {
    const layer = layers.normalization({ mean: [1, 2], variance: [4, 9], invert: true });
    expect(await outputs(layer, tensor([[1, 1]]))).toEqual([3, 5]);
  });
});

describe('what is refused', () => {
  it('one statistic without the other', async () => {
    for (const options of [{ mean: 1 }, { variance: 1 }]) {
      const text = await refusalText(() => layers.normalization(options), 'INVALID_ARGUMENT');
      expect(text).toContain('mean and variance together or neither');
    }
  });

  it('statistics of another number of features, when the model is built', async () => {
    const layer = layers.normalization({ mean: [1, 2, 3], variance: 1, name: 'scale' });
    const details = { layer: 'scale', option: 'mean', expected: '2', received: '3' };
    const text = await refusalText(() => alone(layer), 'SHAPE_MISMATCH', details);
    expect(text).toBe('scale: mean has 3 values, the input has 2 features');
  });

  it('statistics in memory that is gone', async () => {
    const mean = tensor([1, 2]);
    detach(mean.data);
    await refusal(() => layers.normalization({ mean, variance: 1 }), 'INVALID_ARGUMENT');
  });

  it('data that is no tensor of numbers', async () => {
    const layer = layers.normalization();
    const others = [undefined, [[1, 2]], new Float32Array(4), tensor([[true]])];
    for (const data of [...others, ...STRANGERS.map(([, value]) => value)]) {
      await refusal(() => layer.adapt(data as Tensor), 'INVALID_ARGUMENT', { option: 'data' });
    }
    const gone = tensor([[1, 2]]);
    detach(gone.data);
    await refusal(() => layer.adapt(gone), 'INVALID_ARGUMENT', { option: 'data' });
  });

  it('data without rows or features', async () => {
    const layer = layers.normalization({ name: 'scale' });
    const empty = [
      tensor([1, 2, 3]),
      tensor(5),
      tensor(new Float32Array(0), [0, 2]),
      tensor(new Float32Array(0), [2, 0]),
      tensor(new Float32Array(0), [2, 0, 3]),
    ];
    for (const data of empty) {
      const text = await refusalText(() => layer.adapt(data), 'SHAPE_MISMATCH', { layer: 'scale' });
      expect(text).toContain('[rows, ..., features]');
    }
  });

  it('data without a finite mean and variance, naming the feature', async () => {
    const layer = layers.normalization({ name: 'scale' });
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e30]) {
      const data = tensor([
        [1, 1],
        [2, bad],
        [3, 0],
      ]);
      const text = await refusalText(() => layer.adapt(data), 'NON_FINITE', { layer: 'scale' });
      expect(text).toContain('in feature 1');
    }
    expect(await outputs(layer, tensor([[7, 8]]))).toEqual([7, 8]);
  });
});
