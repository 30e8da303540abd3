// The layers around recurrent ones against Keras.
import { describe, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

describe.each(DEVICES)('layers around recurrent ones on %s', (device) => {
  it.each(goldenCases('layers/around'))('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(maskedCases('layers/around'))('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});
