// Bidirectional layers against torch.nn.GRU and keras.layers.Bidirectional.
import { describe, expect, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

const CASES = goldenCases('layers/bidirectional');
const MASKED = maskedCases('layers/bidirectional');

describe.each(DEVICES)('bidirectional on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(MASKED)('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});

describe('this comparison', () => {
  it('tells the merge modes sum and ave apart', async () => {
    const golden = new GoldenCase('keras-bidirectional/sum');
    Object.assign(golden.description.layers[0]?.options ?? {}, { mergeMode: 'ave' });
    await expect(expectGolden(golden, 'cpu')).rejects.toThrow('predict, output 0');
  });
});
