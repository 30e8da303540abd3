// Convolution and pooling against Keras.
import { describe, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

const CASES = goldenCases('layers/convolution');
const MASKED = maskedCases('layers/convolution');

describe.each(DEVICES)('convolution and pooling on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(MASKED)('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});
