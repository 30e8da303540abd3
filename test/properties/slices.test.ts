// An update in slices is the update of the whole batch: gradients add up, dropout draws by the row.
import fc from 'fast-check';
import { tensor } from 'sluice';
import { describe, it } from 'vitest';
import { expectClose } from '../support/numbers.js';
import { expectSameBits, forAll, GRADIENT_BOUND, type Named } from '../support/properties.js';
import {
  buildModel,
  dataSpecs,
  inputsOf,
  like,
  lossOf,
  maskOptions,
  masksOf,
  modelSpecs,
} from '../support/randomModels.js';

const cases = fc.record({
  spec: modelSpecs(),
  data: dataSpecs(fc.integer({ min: 1, max: 12 })),
  batchSize: fc.integer({ min: 1, max: 5 }),
  accumulateSteps: fc.integer({ min: 2, max: 4 }),
  device: fc.constantFrom('cpu', 'reference'),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** Weights and losses after two epochs. */
async function train(
  { spec, data, device }: Case,
  split: { batchSize: number; accumulateSteps?: number },
  isStateful = false,
): Promise<Named> {
  using m = buildModel(spec, { isStateful });
  m.compile({ loss: lossOf(m, 'mse'), optimizer: 'sgd', metrics: ['mae'], device });
  const x = inputsOf(m, data, spec.features);
  const masks = maskOptions(masksOf(m, data), data.masks);
  const y = like(await m.predict(x, masks), 3);
  m.resetStates();
  const weights = Float32Array.from({ length: data.rows }, (_, row) => row % 3);
  const sampleWeight = Object.fromEntries(m.outputNames.map((name) => [name, weights]));
  const { history } = await m.fit(x, y, { ...masks, ...split, sampleWeight, epochs: 2 });
  const logs = tensor(Object.values(history).flat());
  return { ...m.getWeights(), ...m.getStates(), logs };
}

describe('accumulateSteps', () => {
  it('gives the updates of the larger batches', async () => {
    await forAll(cases, 80, async (one) => {
      const { batchSize, accumulateSteps } = one;
      const sliced = await train(one, { batchSize, accumulateSteps });
      const whole = await train(one, { batchSize: batchSize * accumulateSteps });
      for (const [name, value] of Object.entries(whole)) {
        expectClose(sliced[name]?.data ?? [], value?.data ?? [], GRADIENT_BOUND);
      }
    });
  });

  it('gives each row of a stateful model its own state', async () => {
    await forAll(cases, 60, async (one) => {
      const { rows } = one.data;
      const batchSize = Math.ceil(rows / one.accumulateSteps);
      const sliced = await train(one, { batchSize, accumulateSteps: one.accumulateSteps }, true);
      const whole = await train(one, { batchSize: rows }, true);
      for (const [name, value] of Object.entries(whole)) {
        expectClose(sliced[name]?.data ?? [], value?.data ?? [], GRADIENT_BOUND);
      }
    });
  });

  it('changes nothing where a batch is one slice', async () => {
    await forAll(cases, 30, async (one) => {
      const { rows } = one.data;
      expectSameBits(
        await train(one, { batchSize: rows, accumulateSteps: 3 }),
        await train(one, { batchSize: rows }),
      );
    });
  });
});
