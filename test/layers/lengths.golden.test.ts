// Lengths of rows, one direction and both, against PyTorch's packed sequences.
import { describe, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases } from '../support/golden.js';

const CASES = goldenCases('layers/lengths');

describe.each(DEVICES)('lengths on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(CASES)('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});
