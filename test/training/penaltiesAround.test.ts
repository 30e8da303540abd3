// Penalties and constraints of the layers around recurrent ones.
import {
  type ConstraintOption,
  input,
  type Layer,
  layers,
  type Model,
  model,
  optimizers,
  type SymbolicTensor,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { inputSlopes, parameterSlopes } from '../support/differences.js';
import { BOUNDS, DEVICES, on, relativeError } from '../support/golden.js';
import { expectClose, noise, noiseTensor, range, sizeOf, sum } from '../support/numbers.js';
import { refusal } from '../support/refusal.js';

const [ROWS, STEPS, FEATURES] = [3, 5, 4];
const BOTH = { l1: 0.03, l2: 0.02 };
const ACTIVITY = { l1: 0.02, l2: 0.05 };

/** What `weights` says of each weight: kernelRegularizer and so on. */
const ofEach = (weights: readonly string[], what: string, value: unknown) =>
  Object.fromEntries(weights.map((weight) => [`${weight}${what}`, value]));

interface Kind {
  make: (options: object) => Layer;
  /** Names of its options, and of the parameters each is about. */
  weights: Record<string, string[]>;
  hasActivity: boolean;
  ids?: boolean;
  shape?: number[];
}

const HEADS = ['query', 'key', 'value', 'attention_output'];
const NORM = { gamma: ['gamma'], beta: ['beta'] };
const KERNEL_AND_BIAS = { kernel: ['kernel'], bias: ['bias'] };
const DEPTHWISE = { depthwise: ['kernel'], bias: ['bias'] };
const IMAGE = [4, 3, 2];
const KINDS: Record<string, Kind> = {
  conv1d: {
    make: (o) => layers.conv1d({ filters: 3, kernelSize: 2, activation: 'tanh', ...o }),
    weights: KERNEL_AND_BIAS,
    hasActivity: true,
  },
  'conv1d that keeps the steps': {
    make: (o) => layers.conv1d({ filters: 3, kernelSize: 2, padding: 'causal', ...o }),
    weights: KERNEL_AND_BIAS,
    hasActivity: true,
  },
  conv2d: {
    make: (o) => layers.conv2d({ filters: 2, kernelSize: 2, ...o }),
    weights: KERNEL_AND_BIAS,
    hasActivity: true,
    shape: IMAGE,
  },
  depthwiseConv1d: {
    make: (o) => layers.depthwiseConv1d({ kernelSize: 2, padding: 'same', ...o }),
    weights: DEPTHWISE,
    hasActivity: true,
  },
  depthwiseConv2d: {
    make: (o) => layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, ...o }),
    weights: DEPTHWISE,
    hasActivity: true,
    shape: IMAGE,
  },
  multiHeadAttention: {
    make: (o) => layers.multiHeadAttention({ numHeads: 2, keyDim: 3, ...o }),
    weights: {
      kernel: HEADS.map((part) => `${part}/kernel`),
      bias: HEADS.map((part) => `${part}/bias`),
    },
    hasActivity: true,
  },
  embedding: {
    make: (o) => layers.embedding({ inputDim: 6, outputDim: 3, ...o }),
    weights: { embeddings: ['embeddings'] },
    hasActivity: false,
    ids: true,
  },
  layerNormalization: {
    make: (o) => layers.layerNormalization(o),
    weights: NORM,
    hasActivity: false,
  },
  batchNormalization: {
    make: (o) => layers.batchNormalization(o),
    weights: NORM,
    hasActivity: false,
  },
};
const NAMES = Object.keys(KINDS);
const kindOf = (name: string) => KINDS[name] as Kind;

function dataOf(name: string): Tensor {
  const { ids, shape = [STEPS, FEATURES] } = kindOf(name);
  if (!ids) return noiseTensor([ROWS, ...shape], 701);
  const numbers = Int32Array.from(noise(ROWS * STEPS, 702), (v) => Math.floor((v + 1) * 3));
  return tensor(numbers, [ROWS, STEPS]);
}

type Built = Model<Tensor<'float32'>>;

/** Of this layer alone; no weight is near zero, where |w| has its corner. */
function build(name: string, options: object): Built {
  const { ids, make, shape = [null, FEATURES] } = kindOf(name);
  const x = ids ? input({ shape: [null], dtype: 'int32' }) : input({ shape });
  const y = make({ name: 'it', ...options }).apply(x) as SymbolicTensor;
  const m = model({ inputs: x, outputs: y, seed: 5 });
  const weights = m.weights
    .filter(({ trainable }) => trainable)
    .map(({ name: full, shape: extents }, i) => {
      const values = noise(sizeOf(extents), 710 + i).map((v) => 0.6 * v + 0.1 * Math.sign(v));
      return [full, tensor(values, extents)] as const;
    });
  m.setWeights(Object.fromEntries(weights));
  return m;
}

const penaltyOf = ({ l1, l2 }: typeof BOTH, values: Iterable<number>) =>
  sum(Array.from(values, (v) => l1 * Math.abs(v) + l2 * v * v));

describe.each(NAMES)('the penalties of %s', (name) => {
  const { weights, hasActivity } = kindOf(name);
  const options = {
    ...ofEach(Object.keys(weights), 'Regularizer', BOTH),
    // Without a corner, which a value may cross.
    ...(hasActivity ? { activityRegularizer: { l2: 0.05 } } : {}),
  };
  const x = dataOf(name);

  it.each(DEVICES)('on weights are on top of the loss, on %s', async (device) => {
    for (const [option, parts] of Object.entries(weights)) {
      const m = build(name, { [`${option}Regularizer`]: BOTH });
      m.compile({ loss: 'mse' });
      const { loss } = await m.evaluate(x, await m.predict(x, on(device)), on(device));
      const values = parts.flatMap((part) => [...(m.getWeights()[`it/${part}`]?.data ?? [])]);
      expectClose(loss as number, penaltyOf(BOTH, values), 1e-6);
      m.freeze('it');
      const frozen = await m.evaluate(x, await m.predict(x, on(device)), on(device));
      expect(frozen.loss).toBeLessThan(1e-12);
    }
  });

  it('have the gradients of finite differences', async () => {
    const m = build(name, options);
    m.compile({ loss: 'mse', device: 'reference' });
    const y = noiseTensor((await m.predict(x)).shape, 703);
    const lossAt = async (data: Tensor) => (await m.evaluate(data, y)).loss as number;
    const result = await m.gradients(x, y, { training: false });
    expectClose(result.loss, await lossAt(x), 1e-12);
    const slopes = await parameterSlopes(m as never, () => lossAt(x));
    for (const [parameter, { data }] of Object.entries(result.gradients)) {
      expect(relativeError(data, slopes[parameter] ?? []), parameter).toBeLessThan(1e-5);
    }
    if (!kindOf(name).ids) {
      const ofInput = await inputSlopes(x as Tensor<'float32'>, lossAt);
      const { data } = result.inputGradients as Tensor;
      expect(relativeError(data, ofInput)).toBeLessThan(1e-5);
    }
    const fast = await m.gradients(x, y, { training: false, ...on('cpu') });
    expectClose(fast.loss, result.loss, 1e-6);
    for (const [parameter, { data }] of Object.entries(result.gradients)) {
      expectClose(fast.gradients[parameter]?.data ?? [], data, BOUNDS.gradient);
    }
  });
});

describe.each(DEVICES)('a penalty on activities on %s', (device) => {
  const added = async (m: Built, x: Tensor, lengths?: number[]) => {
    const call = { ...on(device), ...(lengths ? { lengths } : {}) };
    m.compile({ loss: 'mse' });
    return (await m.evaluate(x, await m.predict(x, call), call)).loss as number;
  };
  const spoilt = (x: Tensor, lengths: readonly number[]) => {
    const data = (x as Tensor<'float32'>).data.slice();
    const width = data.length / ROWS / STEPS;
    for (const [row, length] of lengths.entries())
      data.fill(Number.NaN, (row * STEPS + length) * width, (row + 1) * STEPS * width);
    return tensor(data, x.shape);
  };

  it('is that of the output, divided by the rows', async () => {
    for (const name of NAMES.filter((each) => each.includes('onv'))) {
      const m = build(name, { activityRegularizer: ACTIVITY });
      const values = (await m.predict(dataOf(name), on(device))).data;
      expectClose(await added(m, dataOf(name)), penaltyOf(ACTIVITY, values) / ROWS, 1e-6);
    }
  });

  it('does not see masked steps, whatever stands in them', async () => {
    const lengths = [4, 0, 2];
    const x = dataOf('conv1d');
    const counted = (data: Float32Array, width: number) =>
      lengths.flatMap((length, row) => [
        ...data.subarray(row * STEPS * width, (row * STEPS + length) * width),
      ]);
    const m = build('conv1d that keeps the steps', { activityRegularizer: ACTIVITY });
    const { data } = await m.predict(x, { lengths, ...on(device) });
    const expected = penaltyOf(ACTIVITY, counted(data, 3)) / ROWS;
    expectClose(await added(m, x, lengths), expected, 1e-6);
    expect(await added(m, spoilt(x, lengths), lengths)).toBe(await added(m, x, lengths));
    const heads = build('multiHeadAttention', { activityRegularizer: ACTIVITY });
    const before = await added(heads, x, lengths);
    expect(before).toBeGreaterThan(0.01);
    expect(await added(heads, spoilt(x, lengths), lengths)).toBe(before);
  });

  it('is that of all four projections of an attention of several heads', async () => {
    const m = build('multiHeadAttention', { activityRegularizer: ACTIVITY });
    const x = dataOf('multiHeadAttention');
    const weights = m.getWeights();
    const projections = HEADS.slice(0, 3).map((part) => {
      const [kernel, bias] = [weights[`it/${part}/kernel`], weights[`it/${part}/bias`]];
      const project = sequential([layers.dense({ units: 6 })], { inputShape: [null, FEATURES] });
      project.setWeights({
        'dense/kernel': tensor(kernel?.data as Float32Array, [FEATURES, 6]),
        'dense/bias': tensor(bias?.data as Float32Array, [6]),
      });
      return project;
    });
    const outputs = [m, ...projections].map(async (each) => (await each.predict(x)).data);
    const all = (await Promise.all(outputs)).map((data) => penaltyOf(ACTIVITY, data) / ROWS);
    expectClose(await added(m, x), sum(all), 1e-6);
  });
});

/** What is left of a weight, its vectors lying along an axis. */
function constrained(
  { data, shape }: Tensor,
  { axis, longest }: { axis: number; longest: number },
): number[] {
  const at = axis < 0 ? axis + shape.length : axis;
  const [length, inner] = [shape[at] as number, sizeOf(shape.slice(at + 1))];
  const result = Array.from(data);
  for (const vector of range(data.length / length)) {
    const first = Math.floor(vector / inner) * length * inner + (vector % inner);
    const places = range(length).map((i) => first + i * inner);
    const norm = Math.sqrt(sum(places.map((i) => (data[i] as number) ** 2)));
    for (const i of places) result[i] = ((data[i] as number) * Math.min(norm, longest)) / norm;
  }
  return result;
}

describe.each(NAMES)('the constraints of %s', (name) => {
  const { weights } = kindOf(name);
  const options = Object.keys(weights);

  it.each(DEVICES)('bring weights back after an update, on %s', async (device) => {
    const x = dataOf(name);
    for (const axis of [0, -1]) {
      const constraint: ConstraintOption = { name: 'maxNorm', maxValue: 0.3, axis };
      const [plain, m] = [
        build(name, {}),
        build(name, ofEach(options, 'Constraint', constraint)),
      ] as const;
      const y = noiseTensor((await m.predict(x)).shape, 704);
      for (const each of [plain, m]) {
        each.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
        await each.trainOnBatch(x, y, on(device));
      }
      const updated = plain.getWeights();
      for (const parameter of Object.values(weights)
        .flat()
        .map((part) => `it/${part}`)) {
        const expected = constrained(updated[parameter] as Tensor, { axis, longest: 0.3 });
        expectClose(m.getWeights()[parameter]?.data ?? [], expected, 1e-6);
        expect(Array.from(updated[parameter]?.data ?? [])).not.toEqual(expected);
      }
    }
  });

  it('must name an axis that the weight has', async () => {
    for (const option of options) {
      const call = () => build(name, { [`${option}Constraint`]: { name: 'unitNorm', axis: 5 } });
      await refusal(call, 'CONFIG', { layer: 'it', option: `${option}Constraint`, received: '5' });
    }
  });
});
