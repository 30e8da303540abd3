// Values and gradients of the losses against keras.losses: weights, masks, extreme logits.
import { input, type LossOption, layers, losses, model, type Tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  BOUNDS,
  DEVICES,
  expectGradients,
  GoldenCase,
  goldenCases,
  on,
  outputError,
} from '../support/golden.js';

const CASES = goldenCases('training/losses');

function lossOf({ info }: GoldenCase): LossOption {
  const { loss, options } = info as { loss: LossOption; options: { delta?: number } };
  if (loss === 'huber') return losses.huber(options);
  // All our cross-entropies take logits; the other losses have no options.
  expect(options).toEqual(String(loss).endsWith('rossentropy') ? { fromLogits: true } : {});
  return loss;
}

/** A model that hands the prediction on, so that the input's gradient is that of the loss. */
function identity({ shape }: Tensor) {
  const isSequence = shape.length === 3;
  const x = input({ shape: isSequence ? [null, shape[2] as number] : shape.slice(1) });
  return model({ inputs: x, outputs: layers.activation({ activation: 'linear' }).apply(x) });
}

async function expectLoss(golden: GoldenCase, device: (typeof DEVICES)[number]): Promise<void> {
  const [prediction, target] = [golden.tensor('prediction'), golden.tensor('target')];
  const options = {
    ...(golden.has('mask') ? { mask: golden.tensor('mask') } : {}),
    ...(golden.has('weight') ? { sampleWeight: golden.tensor('weight') } : {}),
    ...on(device),
  };
  const built = identity(prediction);
  const loss = lossOf(golden);

  const result = await built.gradients(prediction, target, { ...options, loss });
  const value = golden.numbers('value');
  expect(outputError([result.loss], value), 'value').toBeLessThanOrEqual(BOUNDS.output);
  const gradient = golden.tensor('gradient');
  const ofInput = result.inputGradients as Tensor;
  expectGradients('gradient', { prediction: ofInput }, { prediction: gradient });

  built.compile({ optimizer: 'sgd', loss });
  const evaluated = await built.evaluate(prediction, target, options);
  const error = outputError([evaluated.loss as number], value);
  expect(error, 'value of evaluate').toBeLessThanOrEqual(BOUNDS.output);
  golden.expectAllRead();
  built.dispose();
}

describe.each(DEVICES)('losses on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectLoss(new GoldenCase(id), device);
  });
});

describe('these comparisons', () => {
  it('tell two values of delta apart', async () => {
    const golden = new GoldenCase('losses/huber-rows');
    Object.assign(golden.info, { options: { delta: 1.01 } });
    await expect(expectLoss(golden, 'cpu')).rejects.toThrow('value');
  });
});
