// LSTM and simple RNN against keras.layers.LSTM and SimpleRNN and PyTorch, cells against those of Keras.
import { describe, expect, it } from 'vitest';
import { DEVICES, expectGolden, GoldenCase, goldenCases, maskedCases } from '../support/golden.js';

describe.each(DEVICES)('LSTM and simple RNN on %s', (device) => {
  it.each(goldenCases('layers/cells'))('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device);
  });

  it.each(maskedCases('layers/cells'))('%s with NaN in the padding', async (id) => {
    await expectGolden(new GoldenCase(id), device, { padding: Number.NaN });
  });
});

describe('these comparisons', () => {
  it('tell the activation of the gates from another one', async () => {
    const golden = new GoldenCase('cells/lstm-sequences');
    const options = golden.description.layers[0]?.options ?? {};
    options.recurrentActivation = 'hardSigmoid';
    await expect(expectGolden(golden, 'cpu')).rejects.toThrow('predict, output 0');
  });
});
