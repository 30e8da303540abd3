// Ten steps of every optimizer against keras.optimizers and torch.optim.
import { type Optimizer, optimizers, Tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  BOUNDS,
  build,
  DEVICES,
  GoldenCase,
  goldenCases,
  on,
  relativeError,
} from '../support/golden.js';

/** There is no Adagrad in this release; its data is here for the day when there is. */
const NOT_IN_THIS_RELEASE = [
  'optimizers/keras-adagrad',
  'optimizers/keras-adagrad-large-epsilon',
  'optimizers/torch-adagrad',
  'optimizers/torch-adagrad-large-epsilon',
];

const ALL = goldenCases('training/optimizers');
const CASES = ALL.filter((id) => !NOT_IN_THIS_RELEASE.includes(id));
const LARGE_EPSILON = CASES.filter((id) => id.endsWith('-large-epsilon'));

type Device = (typeof DEVICES)[number];
type Settings = { name: keyof typeof optimizers; epsilonMode?: 'keras' | 'torch' };

function settingsOf({ info }: GoldenCase): Settings {
  return info.optimizer as Settings;
}

function makeOptimizer({ name, ...options }: Settings): Optimizer {
  return optimizers[name](options);
}

/** The case's model, its compiled optimizer, and the batches of all steps one after the other. */
function prepare(golden: GoldenCase, device: Device, optimizer: Optimizer) {
  const { loss, steps } = golden.info as { loss: 'mse'; steps: number };
  const trained = build(golden.description, golden.group('initial'));
  trained.compile({ optimizer, loss, ...on(device) });
  return { trained, steps, x: golden.tensor('x'), y: golden.tensor('y') };
}

/** One batch of the data, which has the steps as its first axis. */
function batchOf({ data, shape }: Tensor, step: number): Tensor {
  const [steps = 1, ...rest] = shape;
  const size = data.length / steps;
  return new Tensor(data.slice(step * size, (step + 1) * size) as Float32Array, rest);
}

/** All batches as one data set. */
function allRows({ data, shape }: Tensor): Tensor {
  const [steps = 1, rows = 1, ...rest] = shape;
  return new Tensor(data, [steps * rows, ...rest]);
}

/** The largest error of all parameters. */
function worstError(actual: Record<string, Tensor>, expected: Record<string, Tensor>): number {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  const errors = Object.entries(actual).map(([name, { data }]) =>
    relativeError(data, (expected[name] as Tensor).data),
  );
  return Math.max(...errors);
}

/** `trainOnBatch` step by step: each loss, and the weights at the end. */
async function walk(golden: GoldenCase, device: Device, optimizer: Optimizer) {
  const { trained, steps, x, y } = prepare(golden, device, optimizer);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { loss } = await trained.trainOnBatch(batchOf(x, step), batchOf(y, step));
    losses.push(loss as number);
  }
  const weights = trained.getWeights();
  trained.dispose();
  return { losses, weights };
}

describe.each(DEVICES)('ten steps on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    const golden = new GoldenCase(id);
    const optimizer = makeOptimizer(settingsOf(golden));
    const { losses, weights } = await walk(golden, device, optimizer);
    const expected = golden.numbers('losses');
    expect(losses).toHaveLength(expected.length);
    losses.forEach((loss, step) => {
      const error = relativeError([loss], [expected[step] as number]);
      expect(error, `loss of step ${step}`).toBeLessThanOrEqual(BOUNDS.trajectory);
    });
    const error = worstError(weights, golden.group('final'));
    expect(error, 'final weights').toBeLessThanOrEqual(BOUNDS.trajectory);
    golden.expectAllRead();
  });

  it.each(CASES)('%s by fit', async (id) => {
    const golden = new GoldenCase(id);
    const optimizer = makeOptimizer(settingsOf(golden));
    const { trained, x, y } = prepare(golden, device, optimizer);
    const batchSize = x.shape[1] as number;
    await trained.fit(allRows(x), allRows(y), { batchSize, shuffle: false, epochs: 1, verbose: 0 });
    const error = worstError(trained.getWeights(), golden.group('final'));
    expect(error, 'final weights').toBeLessThanOrEqual(BOUNDS.trajectory);
    trained.dispose();
  });

  // Where epsilon stands is nearly invisible at its usual size: these cases are there to tell.
  it.each(LARGE_EPSILON)('%s is another path in the other form', async (id) => {
    const golden = new GoldenCase(id);
    const settings = settingsOf(golden);
    const epsilonMode = settings.epsilonMode === 'keras' ? 'torch' : 'keras';
    const other = makeOptimizer({ ...settings, epsilonMode });
    const { weights } = await walk(golden, device, other);
    expect(worstError(weights, golden.group('final'))).toBeGreaterThan(10 * BOUNDS.trajectory);
  });
});

describe('cases that are skipped', () => {
  it('are those of optimizers that this release does not have', () => {
    expect(ALL).toEqual(expect.arrayContaining(NOT_IN_THIS_RELEASE));
    for (const id of NOT_IN_THIS_RELEASE) {
      expect(Object.keys(optimizers)).not.toContain(settingsOf(new GoldenCase(id)).name);
    }
  });
});
