// Masks that the model computes: what they do for layers, losses and metrics, beside those of the data.
import { input, layers, load, model, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { DEVICES, on } from '../support/golden.js';
import { noiseTensor } from '../support/numbers.js';
import { refusal } from '../support/refusal.js';

const [ROWS, STEPS, FEATURES] = [5, 6, 3];
/** Ends, holes, a row without any step. */
const MASK = [
  [1, 1, 1, 0, 0, 0],
  [0, 0, 1, 1, 0, 1],
  [0, 0, 0, 0, 0, 0],
  [1, 1, 1, 1, 1, 1],
  [0, 1, 0, 1, 0, 0],
];
const mask = tensor(Uint8Array.from(MASK.flat()), [ROWS, STEPS]);
const noise = noiseTensor([ROWS, STEPS, FEATURES], 31);

/** Noise where the mask says so, and this value elsewhere. */
function filled(value: number): Tensor<'float32'> {
  const data = noise.data.map((v, i) => (mask.data[Math.floor(i / FEATURES)] ? v : value));
  return tensor(Float32Array.from(data), noise.shape);
}

const behind = (returnSequences: boolean) => [
  layers.bidirectional({ layer: layers.gru({ units: 4, returnSequences }), name: 'both' }),
  layers.dense({ units: 2, name: 'dense' }),
];
const options = { inputShape: [null, FEATURES], seed: 3 };
const plain = (sequences: boolean) => sequential(behind(sequences), options);
const masking = (sequences: boolean, maskValue = 0) =>
  sequential([layers.masking({ maskValue }), ...behind(sequences)], options);

describe.each(DEVICES)('masking on %s', (device) => {
  it.each([0, -1.5, 1e30])(
    'leaves out steps of %d alone, as a mask of the data does',
    async (value) => {
      for (const sequences of [false, true]) {
        const expected = await plain(sequences).predict(filled(Number.NaN), {
          ...on(device),
          mask,
        });
        const actual = await masking(sequences, value).predict(filled(value), on(device));
        expect(actual).toEqual(expected);
      }
    },
  );

  it('joins the mask of the data, whose padding may hold anything', async () => {
    const x = filled(0);
    const lengths = [2, 5, 3, 6, 4];
    const both = mask.data.map((v, i) =>
      i % STEPS < (lengths[Math.floor(i / STEPS)] as number) ? v : 0,
    );
    x.data.fill(Number.NaN, 2 * FEATURES, 3 * FEATURES); // row 0, step 2
    const expected = await plain(true).predict(x, {
      ...on(device),
      mask: tensor(both, mask.shape),
    });
    expect(await masking(true).predict(x, { ...on(device), lengths })).toEqual(expected);
    expect(expected.data.some(Number.isNaN)).toBe(false);
  });

  it('weighs losses and metrics, with weights and in parts', async () => {
    const y = noiseTensor([ROWS, STEPS, 2], 32);
    for (const weights of [{}, { sampleWeight: [1, 0, 2, 3, 0.5] }]) {
      const [one, two] = [plain(true), masking(true)];
      for (const m of [one, two])
        m.compile({ loss: 'mse', metrics: ['mae'], optimizer: 'adam', ...on(device) });
      const fit = {
        ...weights,
        epochs: 2,
        batchSize: 2,
        accumulateSteps: 3,
        shuffle: false,
      } as const;
      const expected = await one.fit(filled(0), y, { ...fit, mask });
      const actual = await two.fit(filled(0), y, fit);
      expect(actual.history).toEqual(expected.history);
      expect(two.getWeights()).toEqual(one.getWeights());
      expect(await two.evaluate(filled(0), y, weights)).toEqual(
        await one.evaluate(filled(0), y, { ...weights, mask }),
      );
    }
  });

  it('gives masked steps no gradient', async () => {
    const y = noiseTensor([ROWS, 2], 33);
    const call = { loss: 'mse', ...on(device) } as const;
    const expected = await plain(false).gradients(filled(0), y, { ...call, mask });
    const actual = await masking(false).gradients(filled(0), y, call);
    expect(actual).toEqual(expected);
  });
});

describe('masking', () => {
  it('lets class -1 stand where it masks', async () => {
    const m = masking(true);
    m.compile({ loss: 'sparseCategoricalCrossentropy', optimizer: 'sgd' });
    const y = tensor(
      Int32Array.from(mask.data, (v) => (v ? 1 : -1)),
      [ROWS, STEPS],
    );
    expect((await m.evaluate(filled(0), y)).loss).toBeGreaterThan(0);
  });

  it('keeps the state of a stream where a step is left out', async () => {
    const m = sequential([layers.masking(), layers.gru({ units: 4 })], options);
    const session = m.stream();
    const zeros = new Float32Array(FEATURES);
    const step = noise.data.subarray(0, FEATURES);
    const first = session.push(step);
    expect(session.push(zeros)).toEqual(first);
    const pushed = session.push(step);
    const x = tensor(Float32Array.from([...step, ...zeros, ...step]), [1, 3, FEATURES]);
    expect(pushed).toEqual((await m.predict(x)).data);
  });

  it('is saved', async () => {
    const m = masking(true, 7);
    const again = await load(await m.save());
    expect(await again.predict(filled(7))).toEqual(await m.predict(filled(7)));
  });

  it('goes on through a concatenation, and ends with the steps', async () => {
    const [x, z] = [input({ shape: [null, 3], name: 'x' }), input({ shape: [null, 3], name: 'z' })];
    const joined = layers.concatenate().apply([layers.masking().apply(x), z]);
    const m = model({ inputs: [x, z], outputs: layers.gru({ units: 2 }).apply(joined) });
    const data = { x: filled(0), z: noise };
    const zeroed = { x: filled(0), z: filled(0) };
    expect(await m.predict(data)).toEqual(await m.predict(zeroed));
  });

  it('needs steps', async () => {
    const call = () => sequential([layers.masking()], { inputShape: [3] });
    await refusal(call, 'SHAPE_MISMATCH', { layer: 'masking', received: '[null,3]' });
  });
});
