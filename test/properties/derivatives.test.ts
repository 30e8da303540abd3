// Gradients against the loss itself: along a random direction in weights and inputs together, by the
// oracle, which computes the loss in double. One direction sees every one of the gradients.
import fc from 'fast-check';
import { type LossOption, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { noise } from '../support/numbers.js';
import { forAll, hushWarnings } from '../support/properties.js';
import {
  buildModel,
  type Data,
  dataSpecs,
  inputsOf,
  like,
  maskOptions,
  masksOf,
  modelSpecs,
} from '../support/randomModels.js';

/** Half of a central difference's stretch. */
const STEP = 1e-3;

/** The values moved along a direction, as far as floats allow, and how far that was. */
function moved(values: Data, seed: number, distance: number) {
  const names = Object.keys(values);
  return Object.fromEntries(
    names.map((name, k) => {
      const { data, shape } = values[name] as Tensor<'float32'>;
      const direction = noise(data.length, seed + 13 * k);
      return [
        name,
        tensor(
          data.map((x, i) => x + distance * (direction[i] as number)),
          shape,
        ),
      ];
    }),
  ) as Data;
}

/** Σ gradient · (to − from): what a loss would change by if it were linear; and Σ of the terms' sizes. */
function change(gradients: Data, from: Data, to: Data): { sum: number; size: number } {
  let sum = 0;
  let size = 0;
  for (const [name, { data }] of Object.entries(gradients)) {
    for (const [i, gradient] of data.entries()) {
      const difference = (to[name]?.data[i] as number) - (from[name]?.data[i] as number);
      sum += gradient * difference;
      size += Math.abs(gradient * difference);
    }
  }
  return { sum, size };
}

hushWarnings();

describe('the gradients of random models', () => {
  const losses = fc.constantFrom<LossOption>('mse', 'huber', 'binaryCrossentropy');
  const cases = fc.record({
    spec: modelSpecs({ isSmooth: true }),
    data: dataSpecs(fc.integer({ min: 1, max: 4 })),
    losses: fc.array(losses, { minLength: 1, maxLength: 3 }),
    seed: fc.nat({ max: 1e6 }),
  });

  it('are what the loss changes by', async () => {
    await forAll(cases, 120, async ({ spec, data, losses: kinds, seed }) => {
      using m = buildModel(spec);
      const device = 'reference';
      const loss = Object.fromEntries(
        m.outputNames.map((name, i) => [name, kinds[i % kinds.length] as LossOption]),
      );
      const lossWeights = m.outputNames.map((_, i) => 1 / (1 + i));
      m.compile({ loss, lossWeights: toRecord(m.outputNames, lossWeights), device });
      const x = inputsOf(m, data, spec.features);
      const options = maskOptions(masksOf(m, data), data.masks);
      const y = like(await m.predict(x, options), seed, (value) => 0.5 + 0.45 * value);
      const weights = m.getWeights();
      const trainable = Object.fromEntries(
        m.weights
          .filter((w) => w.trainable)
          .map(({ name }) => [name, weights[name] as Tensor<'float32'>]),
      );
      const at = async (distance: number) => {
        const point = {
          weights: moved(trainable, seed, distance),
          x: moved(x, seed + 1, distance),
        };
        m.setWeights(point.weights);
        const { loss: value } = await m.evaluate(point.x, y, options);
        return { ...point, value: value as number };
      };
      const { gradients, inputGradients } = await m.gradients(x, y, options);
      expect(Object.keys(gradients)).toEqual(Object.keys(trainable));
      const between = async (distance: number) => {
        const [low, high] = [await at(-distance), await at(distance)];
        const ofWeights = change(gradients, low.weights, high.weights);
        const ofInputs = change(inputGradients as Data, low.x, high.x);
        return {
          error: high.value - low.value - ofWeights.sum - ofInputs.sum,
          size: ofWeights.size + ofInputs.size,
        };
      };
      const [whole, half] = [await between(STEP), await between(STEP / 2)];
      m.setWeights(weights);
      // The third derivative adds the cube of the step to the error: an LSTM without bounds has a large
      // one. Eight times the half step's takes it away and leaves three times a gradient's own error.
      expect(Math.abs(whole.error - 8 * half.error) / 3).toBeLessThanOrEqual(1e-5 * whole.size);
    });
  });
});

function toRecord(names: readonly string[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] as number]));
}
