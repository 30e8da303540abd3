// Attention against Keras.
import { describe, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

const CASES = goldenCases('layers/attention');
const MASKED = maskedCases('layers/attention');

describe.each(DEVICES)('attention on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(MASKED)('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});
