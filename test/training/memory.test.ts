// memory: 'low' changes what is kept, and nothing else.
import { describe, expect, it } from 'vitest';
import { layers, sequential } from '../../lib/index.js';
import { noiseTensor } from '../support/numbers.js';

const [B, T, I, H] = [6, 30, 3, 20];
const x = noiseTensor([B, T, I], 1);
const y = noiseTensor([B, 1], 2);
const lengths = [30, 0, 7, 1, 29, 16];

function model() {
  const gru = layers.gru({ units: H, returnSequences: true, resetAfter: false });
  const both = layers.bidirectional({ layer: layers.gru({ units: H }) });
  const m = sequential([gru, both, layers.dense({ units: 1 })], { inputShape: [T, I], seed: 3 });
  m.compile({ loss: 'mse', optimizer: 'adam' });
  return m;
}

describe("memory: 'low'", () => {
  it.each([
    { name: 'all steps', call: {} },
    { name: 'ragged', call: { lengths } },
  ])('gives the gradients of fast, bit for bit: $name', async ({ call }) => {
    const m = model();
    const fast = await m.gradients(x, y, { ...call, memory: 'fast' });
    const low = await m.gradients(x, y, { ...call, memory: 'low' });
    expect(low).toEqual(fast);
  });

  it('trains to the same weights', async () => {
    const [a, b] = [model(), model()];
    b.compile({ loss: 'mse', optimizer: 'adam', memory: 'low' });
    for (const m of [a, b]) await m.fit(x, y, { epochs: 2, batchSize: 4, shuffle: false });
    expect(b.getWeights()).toEqual(a.getWeights());
  });
});
