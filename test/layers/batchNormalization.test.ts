// Statistics of batches and moving ones: who uses which, how they move, and what counts.
import { layers, type Model, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { DEVICES, on } from '../support/golden.js';
import { noiseTensor } from '../support/numbers.js';

const F = 3;
const x = noiseTensor([8, F], 91);
const y = noiseTensor([8, F], 92);

function build(
  options: Parameters<typeof layers.batchNormalization>[0] = {},
  inputShape: (number | null)[] = [F],
) {
  const m = sequential([layers.batchNormalization({ name: 'norm', ...options })], { inputShape });
  m.compile({ loss: 'mse', optimizer: 'sgd' });
  return m;
}

const part = (m: Model<never>, name: string) =>
  m.getWeights()[`norm/${name}`]?.data as Float32Array;
const values = (m: unknown, name: string) => [...part(m as Model<never>, name)];

/** Mean and variance of each feature over these rows. */
function moments({ data }: Tensor, rows: readonly number[]) {
  const mean = Array.from({ length: F }, (_, f) =>
    average(rows.map((row) => data[row * F + f] as number)),
  );
  const variance = mean.map((m, f) =>
    average(rows.map((row) => ((data[row * F + f] as number) - m) ** 2)),
  );
  return { mean, variance };
}
const average = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
const all = [0, 1, 2, 3, 4, 5, 6, 7];

function expectClose(actual: ArrayLike<number>, expected: readonly number[]) {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5);
}

describe.each(DEVICES)('batchNormalization on %s', (device) => {
  it('moves its statistics by each step of training, and by nothing else', async () => {
    const m = build({ momentum: 0.75 });
    const { mean, variance } = moments(x, all);
    let [movedMean, movedVariance] = [mean.map(() => 0), mean.map(() => 1)];
    for (let step = 0; step < 3; step++) {
      await m.trainOnBatch(x, y, on(device));
      movedMean = movedMean.map((v, f) => 0.75 * v + 0.25 * (mean[f] as number));
      movedVariance = movedVariance.map((v, f) => 0.75 * v + 0.25 * (variance[f] as number));
      expectClose(values(m, 'moving_mean'), movedMean);
      expectClose(values(m, 'moving_variance'), movedVariance);
    }
    const before = m.getWeights();
    await m.predict(x, on(device));
    await m.evaluate(x, y, on(device));
    await m.gradients(x, y, { training: true, ...on(device) });
    expect(m.getWeights()).toEqual(before);
  });

  it('normalizes by the batch while training, by the moving statistics after it', async () => {
    const m = build({ epsilon: 0.01 });
    const { mean, variance } = moments(x, all);
    const normalized = (means: readonly number[], variances: readonly number[]) =>
      [...x.data].map(
        (v, i) => (v - (means[i % F] as number)) / Math.sqrt((variances[i % F] as number) + 0.01),
      );
    const training = await m.vjp(x, y, { training: true, ...on(device) });
    expectClose((training.outputs as Tensor).data, normalized(mean, variance));
    m.setWeights({
      'norm/moving_mean': tensor([1, 2, 3]),
      'norm/moving_variance': tensor([4, 5, 6]),
    });
    expectClose((await m.predict(x, on(device))).data, normalized([1, 2, 3], [4, 5, 6]));
  });

  it('uses the moving statistics and leaves them alone where it is frozen', async () => {
    const m = build({ trainable: false });
    const before = m.getWeights();
    const { outputs } = await m.vjp(x, y, { training: true, ...on(device) });
    expect(outputs).toEqual(await m.predict(x, on(device)));
    await m.trainOnBatch(x, y, on(device));
    expect(m.getWeights()).toEqual(before);

    const thawed = build();
    thawed.freeze('norm');
    await thawed.trainOnBatch(x, y, on(device));
    expect(values(thawed, 'moving_mean')).toEqual([0, 0, 0]);
  });

  it('counts the steps that are not masked', async () => {
    const sequence = tensor(x.data, [2, 4, F]);
    const lengths = [3, 2];
    const counted = [0, 1, 2, 4, 5];
    const { mean, variance } = moments(x, counted);
    const spoilt = tensor(x.data.slice(), [2, 4, F]);
    for (const row of [3, 6, 7]) spoilt.data.fill(Number.NaN, row * F, row * F + F);
    const m = build({ momentum: 0 }, [null, F]);
    const target = tensor(y.data, [2, 4, F]);
    await m.trainOnBatch(spoilt, target, { lengths, ...on(device) });
    expectClose(values(m, 'moving_mean'), mean);
    expectClose(values(m, 'moving_variance'), variance);

    const masked = sequential(
      [layers.masking(), layers.batchNormalization({ name: 'norm', momentum: 0 })],
      {
        inputShape: [null, F],
      },
    );
    masked.compile({ loss: 'mse', optimizer: 'sgd' });
    const zeroed = tensor(sequence.data.slice(), [2, 4, F]);
    for (const row of [3, 6, 7]) zeroed.data.fill(0, row * F, row * F + F);
    await masked.trainOnBatch(zeroed, target, on(device));
    expect(masked.getWeights()).toEqual(m.getWeights());
  });

  it('has statistics of their own for the parts of an accumulated batch', async () => {
    const m = build({ momentum: 0.5 });
    await m.fit(x, y, {
      batchSize: 5,
      accumulateSteps: 2,
      shuffle: false,
      epochs: 1,
      ...on(device),
    });
    const [first, second] = [moments(x, [0, 1, 2, 3, 4]), moments(x, [5, 6, 7])];
    const mixed = (a: readonly number[], b: readonly number[], start: number) =>
      a.map((v, f) => 0.5 * start + 0.5 * ((5 * v + 3 * (b[f] as number)) / 8));
    expectClose(values(m, 'moving_mean'), mixed(first.mean, second.mean, 0));
    expectClose(values(m, 'moving_variance'), mixed(first.variance, second.variance, 1));
  });

  it('keeps its statistics when a step fails', async () => {
    const m = build();
    const before = m.getWeights();
    const spoilt = tensor(y.data.slice().fill(Number.NaN), [8, F]);
    await expect(m.trainOnBatch(x, spoilt, on(device))).rejects.toMatchObject({
      code: 'NON_FINITE',
    });
    expect(m.getWeights()).toEqual(before);
  });
});

describe('batchNormalization', () => {
  it('has the parameters of Keras, in its order', () => {
    const names = (options: object) =>
      build(options).weights.map(({ name }) => name.slice('norm/'.length));
    expect(names({})).toEqual(['gamma', 'beta', 'moving_mean', 'moving_variance']);
    expect(names({ scale: false })).toEqual(['beta', 'moving_mean', 'moving_variance']);
    expect(names({ scale: false, center: false })).toEqual(['moving_mean', 'moving_variance']);
    const trainable = build().weights.filter((weight) => weight.trainable);
    expect(trainable.map(({ name }) => name)).toEqual(['norm/gamma', 'norm/beta']);
  });

  it('moves its statistics once for each use of a shared layer', async () => {
    const norm = layers.batchNormalization({ name: 'norm', momentum: 0.5 });
    const m = sequential([norm, norm], { inputShape: [F] });
    m.compile({ loss: 'mse', optimizer: 'sgd' });
    const { mean } = moments(x, all);
    await m.trainOnBatch(x, y);
    // The second use sees what the first one made, whose mean is 0.
    expectClose(
      values(m, 'moving_mean'),
      mean.map((v) => 0.5 * (0.5 * v)),
    );
  });

  it('has the same bits with any number of threads', async () => {
    const { setThreads, threads } = await import('sluice');
    const big = noiseTensor([400, 70], 93);
    const before = threads().count;
    const weights = [];
    try {
      for (const count of [1, 3]) {
        setThreads(count);
        const m = sequential([layers.batchNormalization(), layers.layerNormalization()], {
          inputShape: [70],
        });
        m.compile({ loss: 'mse', optimizer: 'sgd' });
        await m.trainOnBatch(big, big);
        weights.push(m.getWeights());
      }
    } finally {
      setThreads(before);
    }
    expect(weights[1]).toEqual(weights[0]);
  });
});
