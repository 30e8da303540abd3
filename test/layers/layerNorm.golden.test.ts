// layerNorm and clip inside recurrent layers against their equations.
import { describe, expect, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

describe.each(DEVICES)('layerNorm and clip on %s', (device) => {
  it.each(goldenCases('layers/layerNorm'))('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(maskedCases('layers/layerNorm'))('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});

describe('these comparisons', () => {
  it.each([
    ['layer-norm/gru-sequences', { layerNormEpsilon: 0.02 }],
    ['layer-norm/lstm-clip', { clip: 0.6 }],
  ])('tell %s from the same with %o', async (id, changes) => {
    const golden = new GoldenCase(id);
    Object.assign(golden.description.layers[0]?.options ?? {}, changes);
    await expect(expectGolden(golden, 'cpu')).rejects.toThrow('predict, output 0');
  });
});
