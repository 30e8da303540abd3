// The fast devices against the oracle: plain loops in double over the same float weights and data.
import fc from 'fast-check';
import { type LossOption, type OptimizerOption, optimizers, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { FAST_DEVICES } from '../support/cuda.js';
import { distance, noise, range } from '../support/numbers.js';
import {
  expectCloseGradients,
  expectCloseOutputs,
  forAll,
  GRADIENT_BOUND,
  hushWarnings,
  type Named,
  OUTPUT_BOUND,
} from '../support/properties.js';
import {
  buildModel,
  type Data,
  dataSpecs,
  inputsOf,
  like,
  maskOptions,
  masksOf,
  modelSpecs,
  type RandomModel,
} from '../support/randomModels.js';

const RUNS = 100;

hushWarnings();

const reference = { device: 'reference' };
const cases = fc.record({ spec: modelSpecs(), data: dataSpecs() });

describe.each(FAST_DEVICES)('%s agrees with the reference', (device) => {
  const here = { device };

  it('in predict', async () => {
    await forAll(cases, RUNS, async ({ spec, data }) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks = maskOptions(masksOf(m, data), data.masks);
      expectCloseOutputs(
        await m.predict(x, { ...masks, ...here }),
        await m.predict(x, { ...masks, ...reference }),
      );
    });
  });

  it('in predict with states that are carried on', async () => {
    await forAll(cases, RUNS, async ({ spec, data }) => {
      using m = buildModel(spec, { isStateful: true });
      const x = inputsOf(m, data, spec.features);
      const masks = maskOptions(masksOf(m, data), data.masks);
      await m.predict(x, { ...masks, ...here });
      const fast = await m.predict(x, { ...masks, ...here });
      const states = m.getStates();
      m.resetStates();
      await m.predict(x, { ...masks, ...reference });
      expectCloseOutputs(fast, await m.predict(x, { ...masks, ...reference }));
      expectCloseOutputs(states, m.getStates());
    });
  });

  it('in vjp, with dropout and without', async () => {
    await forAll(fc.tuple(cases, fc.boolean()), RUNS, async ([{ spec, data }, training]) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks = maskOptions(masksOf(m, data), data.masks);
      const cotangents = like(await m.predict(x, masks), data.seed);
      const fast = await m.vjp(x, cotangents, { ...masks, training, ...here });
      const exact = await m.vjp(x, cotangents, { ...masks, training, ...reference });
      expectCloseOutputs(fast.outputs, exact.outputs);
      expectCloseGradients(
        { ...fast.gradients, ...(fast.inputGradients as Data) },
        { ...exact.gradients, ...(exact.inputGradients as Data) },
        cotangents,
      );
    });
  });

  it('in loss, metrics and gradients, with weights of rows', async () => {
    await forAll(fc.tuple(cases, trainings), RUNS, async ([{ spec, data }, training]) => {
      using m = buildModel(spec);
      const { x, y, options, lossOf } = await labelled(m, spec.features, data, training);
      m.compile({ loss: lossOf, metrics: ['mae', 'mse'] });
      const weights = rowWeights(m, data.rows, training.isWeighted);
      const call = { ...options, ...weights };
      const logs = await m.evaluate(x, y, { ...call, ...here });
      const exactLogs = await m.evaluate(x, y, { ...call, ...reference });
      expect(Object.keys(logs)).toEqual(Object.keys(exactLogs));
      const error = distance(Object.values(logs), Object.values(exactLogs));
      expect(error).toBeLessThanOrEqual(OUTPUT_BOUND);
      const fast = await m.gradients(x, y, { ...call, ...here });
      const exact = await m.gradients(x, y, { ...call, ...reference });
      // The loss' own gradients are about one over the number of values that it is a mean of.
      const ofOutputs = { loss: tensor([1 / data.rows / data.steps]) };
      expectCloseGradients(
        { ...fast.gradients, ...(fast.inputGradients as Data) },
        { ...exact.gradients, ...(exact.inputGradients as Data) },
        ofOutputs,
      );
    });
  });

  it('in the weights that training arrives at', async () => {
    await forAll(fc.tuple(cases, trainings), RUNS, async ([{ spec, data }, training]) => {
      const arrive = async (place: string) => {
        using m = buildModel(spec);
        const { x, y, options, lossOf } = await labelled(m, spec.features, data, training);
        m.compile({ loss: lossOf, optimizer: training.optimizer, device: place });
        const losses: number[] = [];
        for (const _ of range(4)) losses.push((await m.trainOnBatch(x, y, options)).loss as number);
        return { losses, weights: m.getWeights() };
      };
      const fast = await arrive(device);
      const exact = await arrive('reference');
      const error = distance(fast.losses, exact.losses);
      expect(error).toBeLessThanOrEqual(GRADIENT_BOUND);
      expectWeights(fast.weights, exact.weights);
    });
  });
});

function expectWeights(actual: Named, expected: Named): void {
  for (const [name, value] of Object.entries(actual)) {
    const error = distance(value?.data ?? [], expected[name]?.data ?? []);
    expect(error, name).toBeLessThanOrEqual(GRADIENT_BOUND);
  }
}

interface Training {
  losses: LossOption[];
  optimizer: OptimizerOption;
  isWeighted: boolean;
}

/**
 * An epsilon that is not small: without, a gradient is divided by its own size, and one that cancels
 * to nothing but rounding errors moves a weight by the whole learning rate.
 */
const EPSILON = 0.01;

const trainings: fc.Arbitrary<Training> = fc.record({
  losses: fc.array(fc.constantFrom<LossOption>('mse', 'mae', 'huber', 'binaryCrossentropy'), {
    minLength: 1,
    maxLength: 3,
  }),
  optimizer: fc.constantFrom<OptimizerOption>(
    optimizers.sgd({ learningRate: 0.1 }),
    optimizers.sgd({ learningRate: 0.03, momentum: 0.9, nesterov: true, clipNorm: 0.5 }),
    optimizers.rmsprop({ learningRate: 0.01, momentum: 0.5, epsilon: EPSILON }),
    optimizers.rmsprop({ learningRate: 0.01, epsilon: EPSILON, epsilonMode: 'torch' }),
    optimizers.adam({ learningRate: 0.01, epsilon: EPSILON, clipVariableNorm: 0.3 }),
    optimizers.adamw({
      learningRate: 0.01,
      epsilon: EPSILON,
      epsilonMode: 'torch',
      clipValue: 0.2,
    }),
  ),
  isWeighted: fc.boolean(),
});

/** Data with targets, and a loss an output. */
async function labelled(
  m: RandomModel,
  features: number,
  data: Parameters<typeof masksOf>[1],
  { losses }: Training,
) {
  const x = inputsOf(m, data, features);
  const options = maskOptions(masksOf(m, data), data.masks);
  // Between 0 and 1, so that they may be probabilities as well.
  const y = like(await m.predict(x, options), data.seed, (value) => 0.5 + 0.45 * value);
  const lossOf = Object.fromEntries(
    m.outputNames.map((name, i) => [name, losses[i % losses.length] as LossOption]),
  );
  return { x, y, options, lossOf };
}

/** A weight for each row, some of them zero. */
function rowWeights(m: RandomModel, rows: number, isWeighted: boolean) {
  if (!isWeighted) return {};
  const weights = noise(rows, 5).map((value) => Math.max(0, value + 0.5));
  return { sampleWeight: Object.fromEntries(m.outputNames.map((name) => [name, weights])) };
}
