// Dropout and zoneout inside recurrent layers: one step of training with the masks that this library
// draws, against Keras with the same masks put into it, and the equations for zoneout.
import { optimizers, type Tensor } from 'sluice';
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

describe.each(DEVICES)('a step of training on %s', (device) => {
  it.each(goldenCases('layers/dropout'))('%s', async (id) => {
    const golden = new GoldenCase(id);
    const before = golden.group('weight');
    using model = build(golden.description, before, 0);
    // The rate 1 makes what the weights lose their gradients.
    const optimizer = optimizers.sgd({ learningRate: 1 });
    model.compile({ optimizer, loss: 'mse', ...on(device) });
    const { loss } = await model.trainOnBatch(golden.tensor('input/x'), golden.tensor('target'));
    expect(loss).toBeCloseTo(golden.numbers('loss')[0] as number, 6);
    const after = model.getWeights();
    for (const [name, gradient] of Object.entries(golden.group('gradient'))) {
      const { data } = after[name] as Tensor;
      const lost = (before[name] as Tensor).data.map((w, i) => w - (data[i] as number));
      expect(relativeError(lost, gradient.data), name).toBeLessThanOrEqual(BOUNDS.gradient);
    }
    golden.expectAllRead();
  });
});
