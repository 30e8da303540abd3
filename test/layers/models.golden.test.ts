// Graphs of several layers, inputs and outputs against Keras: dense and normalization among them.
import { describe, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

const CASES = goldenCases('layers/models');
const MASKED = maskedCases('layers/models');

describe.each(DEVICES)('models on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(MASKED)('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});
