// Penalties on weights and activities: what they add to the loss and to gradients, and when.
import {
  input,
  layers,
  load,
  type Model,
  model,
  optimizers,
  type RegularizerOption,
  sequential,
  Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { inputSlopes, parameterSlopes } from '../support/differences.js';
import { linear, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { expectClose, noiseTensor, rowsOf, sum } from '../support/numbers.js';

const DEVICES = ['cpu', 'reference'];
const ROWS = 3;
const STEPS = 4;
const x = noiseTensor([ROWS, STEPS, 2], 201);

const BOTH = { l1: 0.03, l2: 0.02 };
/** Every option of a recurrent layer, each with factors of its own. */
const RECURRENT = {
  kernelRegularizer: { l1: 0.03, l2: 0.02 },
  recurrentRegularizer: { l2: 0.05 },
  biasRegularizer: { l1: 0.04 },
  activityRegularizer: { l1: 0.02, l2: 0.03 },
};
const DENSE = { kernelRegularizer: { l2: 0.1 }, activityRegularizer: { l2: 0.05 } };

function penalty({ l1 = 0, l2 = 0 }: { l1?: number; l2?: number }, values: Iterable<number>) {
  return sum([...values].map((value) => l1 * Math.abs(value) + l2 * value * value));
}

const KINDS = {
  gru: () => layers.gru({ units: 3, returnSequences: true, ...RECURRENT }),
  lstm: () => layers.lstm({ units: 3, returnSequences: true, ...RECURRENT }),
  simpleRnn: () => layers.simpleRnn({ units: 3, returnSequences: true, ...RECURRENT }),
  bidirectional: () =>
    layers.bidirectional({
      layer: layers.gru({ units: 3, returnSequences: true, ...RECURRENT }),
      backwardLayer: layers.gru({
        units: 3,
        returnSequences: true,
        goBackwards: true,
        biasRegularizer: 'l2',
        activityRegularizer: { l2: 0.2 },
      }),
    }),
};
type Kind = keyof typeof KINDS;

/** [rows, steps, 2] -> [rows, steps, 2]; no weight is near zero, where |w| has its corner. */
function penalized(kind: Kind): Model {
  const m = sequential([KINDS[kind](), layers.dense({ units: 2, ...DENSE })], {
    inputShape: [null, 2],
    seed: 6,
  });
  setAwayFromZero(m);
  return m;
}

function setAwayFromZero(m: Pick<Model, 'weights' | 'setWeights'>) {
  const entries = m.weights.map(({ name, shape }, i) => {
    const { data } = noiseTensor(shape, 210 + i);
    return [
      name,
      tensor(
        data.map((v) => 0.6 * v + 0.1 * Math.sign(v)),
        shape,
      ),
    ];
  });
  m.setWeights(Object.fromEntries(entries));
}

describe('the loss', () => {
  const y = noiseTensor([4, 3], 202);
  const rows = noiseTensor([4, 2], 203);

  it.each(DEVICES)('has the penalties of weights on top, on %s', async (device) => {
    const plain = linear();
    const m = sequential(
      [layers.dense({ units: 3, name: 'linear', kernelRegularizer: BOTH, biasRegularizer: 'l2' })],
      { inputShape: [2] },
    );
    m.setWeights(plain.getWeights());
    for (const each of [plain, m]) each.compile({ loss: 'mse', metrics: ['mae'], device });
    const expected = await plain.evaluate(rows, y);
    const { 'linear/kernel': kernel, 'linear/bias': bias } = m.getWeights();
    const added = penalty(BOTH, kernel?.data ?? []) + penalty({ l2: 0.01 }, bias?.data ?? []);
    expect(added).toBeGreaterThan(0.01);
    for (const batchSize of [4, 3, 1]) {
      const { loss, mae } = await m.evaluate(rows, y, { batchSize });
      expectClose(loss as number, (expected.loss as number) + added, 1e-7);
      expectClose(mae as number, expected.mae as number, 1e-7);
    }
    // Neither weights of rows nor weights of losses touch them.
    const sampleWeight = [0, 2, 3, 0];
    const weighted = await plain.evaluate(rows, y, { sampleWeight });
    m.compile({ loss: 'mse', lossWeights: [2], device });
    const { loss } = await m.evaluate(rows, y, { sampleWeight });
    expectClose(loss as number, 2 * (weighted.loss as number) + added, 1e-7);
  });

  it.each(DEVICES)('has those of activities, divided by the rows, on %s', async (device) => {
    const plain = linear();
    const m = sequential([layers.dense({ units: 3, name: 'linear', activityRegularizer: BOTH })], {
      inputShape: [2],
    });
    m.setWeights(plain.getWeights());
    for (const each of [plain, m]) each.compile({ loss: 'mse', device });
    const { loss: without } = await plain.evaluate(rows, y);
    const added = penalty(BOTH, (await m.predict(rows)).data) / 4;
    expect(added).toBeGreaterThan(0.01);
    for (const batchSize of [4, 3, 1]) {
      const { loss } = await m.evaluate(rows, y, { batchSize });
      expectClose(loss as number, (without as number) + added, 1e-7);
    }
  });

  it('counts each output of a layer, and each use of a shared one', async () => {
    const start = input({ shape: [null, 2] });
    const shared = layers.lstm<true>({
      units: 2,
      returnState: true,
      activityRegularizer: BOTH,
      kernelRegularizer: 'l1',
    });
    const outputs = [...shared.apply(start), ...shared.apply(layers.reverse().apply(start))];
    const m = model({ inputs: start, outputs, seed: 2 });
    m.compile({ loss: 'mse' });
    const values = await m.predict(x);
    // What is predicted is what was wanted: the penalties are all of the loss.
    const { loss } = await m.evaluate(x, values);
    const activities = values.map(({ data }) => penalty(BOTH, data) / ROWS);
    // The weights are there once.
    const weights = penalty({ l1: 0.01 }, m.getWeights()['lstm/kernel']?.data ?? []);
    expectClose(loss as number, sum(activities) + weights, 1e-7);
  });

  it('of one of several outputs is without penalties', async () => {
    const start = input({ shape: [2] });
    const dense = (name: string) => layers.dense({ units: 1, name, kernelRegularizer: 'l1' });
    const outputs = { a: dense('a').apply(start), b: dense('b').apply(start) };
    const m = model({ inputs: start, outputs, seed: 2 });
    m.compile({ loss: 'mse' });
    const logs = await m.evaluate(rows, await m.predict(rows));
    expect(logs).toMatchObject({ a_loss: 0, b_loss: 0 });
    expect(logs.loss).toBeGreaterThan(0.001);
  });

  it('does not see masked steps', async () => {
    const lengths = [4, 0, 2];
    const data = x.data.slice();
    for (const [row, length] of lengths.entries())
      data.fill(Number.NaN, (row * STEPS + length) * 2, (row + 1) * STEPS * 2);
    const gru = layers.gru({
      units: 2,
      returnSequences: true,
      maskedOutput: 'repeat',
      activityRegularizer: BOTH,
    });
    const m = sequential([gru, layers.dense({ units: 2, activityRegularizer: { l2: 1 } })], {
      inputShape: [null, 2],
      seed: 1,
    });
    setAwayFromZero(m);
    m.compile({ loss: 'mse' });
    const at = async (series: Tensor) => {
      const { loss } = await m.evaluate(series, noiseTensor([ROWS, STEPS, 2], 204), { lengths });
      const { gradients } = await m.gradients(series, noiseTensor([ROWS, STEPS, 2], 204), {
        lengths,
      });
      return { loss, gradients };
    };
    const { loss, gradients } = await at(x);
    expect(await at(new Tensor(data, x.shape))).toEqual({ loss, gradients });
    // What the layer answers there counts nowhere: the penalty is that of the others.
    const same = sequential([layers.dense({ units: 2, activityRegularizer: BOTH })], {
      inputShape: [null, 2],
    });
    same.setWeights({
      'dense/kernel': tensor([
        [1, 0],
        [0, 1],
      ]),
      'dense/bias': tensor([9, 9]),
    });
    same.compile({ loss: 'mse' });
    const answers = await same.predict(x);
    const counted = lengths.flatMap((length, row) => [
      ...answers.data.subarray(row * STEPS * 2, (row * STEPS + length) * 2),
    ]);
    const { loss: alone } = await same.evaluate(x, answers, { lengths });
    expectClose(alone as number, penalty(BOTH, counted) / ROWS, 1e-6);
  });

  it('is not finite where a penalty is not', async () => {
    const m = linear();
    const huge = sequential(
      [layers.dense({ units: 3, name: 'linear', kernelRegularizer: { l2: 1e300 } })],
      { inputShape: [2] },
    );
    huge.setWeights({
      'linear/kernel': tensor([
        [1e30, 0, 0],
        [0, 0, 0],
      ]),
    });
    huge.compile({ loss: 'mse' });
    const before = huge.getWeights();
    const zero = tensor([[0, 0]]);
    const call = huge.trainOnBatch(zero, await m.predict(zero));
    await expectFailure(call, 'NON_FINITE', /penalty of the regularizers/);
    expect(huge.getWeights()).toEqual(before);
  });
});

describe('gradients', () => {
  const y = noiseTensor([ROWS, STEPS, 2], 205);

  it.each(
    (Object.keys(KINDS) as Kind[]).flatMap((kind) => [
      [kind, 'all steps', {}] as const,
      [kind, 'lengths', { lengths: [2, 4, 0] }] as const,
    ]),
  )('of %s are those of loss and penalties, %s', async (kind, _name, options) => {
    const m = penalized(kind);
    m.compile({ loss: 'mse', device: 'reference' });
    const lossAt = async (series: Tensor) => (await m.evaluate(series, y, options)).loss as number;
    const result = await m.gradients(x, y, options);
    expect(result.loss).toBe(await lossAt(x));
    const compare = (actual: Tensor | undefined, expected: number[]) => {
      const size = Math.max(...expected.map(Math.abs));
      const off = expected.map((slope, i) => Math.abs(slope - (actual?.data[i] as number)));
      expect(Math.max(...off) / size).toBeLessThan(1e-5);
    };
    for (const [name, slopes] of Object.entries(await parameterSlopes(m, () => lossAt(x)))) {
      compare(result.gradients[name], slopes);
    }
    compare(result.inputGradients as Tensor, await inputSlopes(x, lossAt));
    // A loss of the call's own has them as well; vjp, which has no loss, does not.
    expect(await m.gradients(x, y, { ...options, loss: 'mse' })).toEqual(result);
    const cotangent = tensor(new Float32Array(y.data.length), y.shape);
    const { gradients } = await m.vjp(x, cotangent, options);
    for (const { data } of Object.values(gradients)) expect(Math.max(...data)).toBe(0);
  });

  it('agree on both devices', async () => {
    const m = penalized('gru');
    const [series, targets] = [noiseTensor([300, 5, 2], 206), noiseTensor([300, 5, 2], 207)];
    const [cpu, reference] = [
      await m.gradients(series, targets, { loss: 'mse' }),
      await m.gradients(series, targets, { loss: 'mse', device: 'reference' }),
    ];
    expectClose(cpu.loss, reference.loss, 1e-6);
    for (const [name, { data }] of Object.entries(reference.gradients)) {
      expectClose(cpu.gradients[name]?.data ?? [], data, 5e-6);
    }
  });

  it('leave out the penalties of frozen layers, and so does the loss', async () => {
    const m = penalized('gru');
    m.freeze('dense');
    const only = sequential([KINDS.gru(), layers.dense({ units: 2, ...DENSE, trainable: false })], {
      inputShape: [null, 2],
    });
    const kernel = penalty(DENSE.kernelRegularizer, m.getWeights()['dense/kernel']?.data ?? []);
    only.setWeights(m.getWeights());
    const frozen = await m.gradients(x, y, { loss: 'mse' });
    expect(await only.gradients(x, y, { loss: 'mse' })).toEqual(frozen);
    m.unfreeze('dense');
    const thawed = await m.gradients(x, y, { loss: 'mse' });
    expectClose(thawed.loss, frozen.loss + kernel, 1e-7);
    expect(thawed.gradients['gru/kernel']).toEqual(frozen.gradients['gru/kernel']);
  });
});

describe('training', () => {
  const y = noiseTensor([7, STEPS, 2], 208);
  const series = noiseTensor([7, STEPS, 2], 209);

  it('pulls weights that nothing else needs to zero', async () => {
    const dense = layers.dense({ units: 3, kernelRegularizer: { l1: 0.05 } });
    const m = sequential([dense], { inputShape: [2], seed: 1 });
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
    const zeros = tensor([[0, 0]]);
    const target = tensor([[0, 0, 0]]);
    const size = () => penalty({ l1: 1 }, m.getWeights()['dense/kernel']?.data ?? []);
    const before = size();
    for (let step = 0; step < 100; step++) await m.trainOnBatch(zeros, target);
    expect(before).toBeGreaterThan(1);
    expect(size()).toBeLessThan(before / 2);
  });

  it.each(['gru', 'bidirectional'] as const)(
    'of %s counts a penalty once an update, however the batch is cut',
    async (kind) => {
      const models = [penalized(kind), penalized(kind)];
      const histories = [];
      for (const [i, m] of models.entries()) {
        m.compile({ optimizer: 'sgd', loss: 'mse' });
        const cut = i === 0 ? { batchSize: 7 } : { batchSize: 2, accumulateSteps: 4 };
        histories.push(await m.fit(series, y, { epochs: 3, shuffle: false, verbose: 0, ...cut }));
      }
      expectClose(histories[1]?.history.loss ?? [], histories[0]?.history.loss ?? [], 1e-6);
      const [whole, parts] = models.map((m) => m.getWeights());
      for (const [name, { data }] of Object.entries(whole ?? {})) {
        expectClose(parts?.[name]?.data ?? [], data, 1e-6);
      }
    },
  );

  it('reports the mean over the rows of an epoch, validation likewise', async () => {
    const m = penalized('simpleRnn');
    m.compile({ optimizer: optimizers.sgd({ learningRate: 1e-30 }), loss: 'mse' });
    const { loss: expected } = await m.evaluate(series, y);
    const { history } = await m.fit(series, y, {
      epochs: 1,
      batchSize: 3,
      verbose: 0,
      validationData: [series, y],
    });
    expectClose(history.loss?.[0] as number, expected as number, 1e-6);
    expectClose(history.val_loss?.[0] as number, expected as number, 1e-6);
  });
});

describe('a model with penalties', () => {
  it('is the same after save and load', async () => {
    const m = penalized('bidirectional');
    m.compile({ optimizer: 'sgd', loss: 'mse' });
    const again = await load(await m.save());
    const y = noiseTensor([ROWS, STEPS, 2], 211);
    expect(await again.evaluate(x, y)).toEqual(await m.evaluate(x, y));
    await again.trainOnBatch(x, y);
    await m.trainOnBatch(x, y);
    expect(again.getWeights()).toEqual(m.getWeights());
  });

  it('streams as one without', async () => {
    const m = sequential([KINDS.gru()], { inputShape: [null, 2], seed: 1 });
    const plain = sequential([layers.gru({ units: 3, returnSequences: true })], {
      inputShape: [null, 2],
    });
    plain.setWeights(m.getWeights());
    const [a, b] = [m.stream(), plain.stream()];
    for (const step of rowsOf(x)) {
      const one = Float32Array.from(step.slice(0, 2));
      expect(a.push(one)).toEqual(b.push(one));
    }
  });

  it('without factors is one without', async () => {
    const none: RegularizerOption = { l1: 0, l2: 0 };
    const m = sequential(
      [layers.gru({ units: 3, kernelRegularizer: none }), layers.dense({ units: 1 })],
      {
        inputShape: [null, 2],
        seed: 1,
      },
    );
    const plain = smallGru();
    const y = noiseTensor([ROWS, 1], 212);
    expect(await m.gradients(x, y, { loss: 'mse' })).toEqual(
      await plain.gradients(x, y, { loss: 'mse' }),
    );
  });
});
