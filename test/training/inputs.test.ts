// Masks and lengths: how they are handed in. What they do to a layer is tested with the layers.
import { input, layers, type MaskOptions, model, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { linear, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { noiseTensor } from '../support/numbers.js';

const ROWS = 4;
const STEPS = 5;
const x = noiseTensor([ROWS, STEPS, 2], 61);

function twoSequences() {
  const a = input({ shape: [null, 2], name: 'a' });
  const b = input({ shape: [null, 2], name: 'b' });
  const outputs = layers
    .concatenate()
    .apply([layers.gru({ units: 3 }).apply(a), layers.gru({ units: 3 }).apply(b)]);
  return model({ inputs: [a, b], outputs, seed: 1 });
}

describe('lengths and masks', () => {
  const m = smallGru();
  const lengths = [5, 0, 2, 3];
  const bytes = Uint8Array.from({ length: ROWS * STEPS }, (_, i) =>
    i % STEPS < (lengths[Math.floor(i / STEPS)] as number) ? 1 : 0,
  );

  it('say the same of right padding, in any form that holds numbers', async () => {
    const expected = await m.predict(x, { lengths });
    expect(expected).not.toEqual(await m.predict(x));
    const forms: MaskOptions[] = [
      { lengths: Int32Array.from(lengths) },
      { lengths: Float32Array.from(lengths) },
      { lengths: tensor(Int32Array.from(lengths)) },
      { lengths: { [m.inputNames[0] as string]: lengths } },
      { mask: tensor(bytes, [ROWS, STEPS]) },
      { mask: tensor(Int32Array.from(bytes), [ROWS, STEPS]) },
      // Any byte but 0 counts.
      {
        mask: tensor(
          bytes.map((byte) => 255 * byte),
          [ROWS, STEPS],
        ),
      },
      { mask: { [m.inputNames[0] as string]: tensor(bytes, [ROWS, STEPS]) } },
    ];
    for (const options of forms) expect(await m.predict(x, options)).toEqual(expected);
  });

  it('come by name where there are several sequences, for some of them', async () => {
    const two = twoSequences();
    const data = { a: x, b: x };
    const plain = await two.predict(data);
    const some = await two.predict(data, { lengths: { b: lengths } });
    for (let row = 0; row < ROWS; row++) {
      for (let unit = 0; unit < 3; unit++) expect(some.at(row, unit)).toBe(plain.at(row, unit));
    }
    expect(some).not.toEqual(plain);
    const mixed = { lengths: { b: lengths }, mask: { a: tensor(bytes, [ROWS, STEPS]) } };
    const both = await two.predict(data, { lengths: { a: lengths, b: lengths } });
    expect(await two.predict(data, mixed)).toEqual(both);
  });

  it('reach every call', async () => {
    m.compile({ loss: 'mse', device: 'reference' });
    const y = noiseTensor([ROWS, 1], 62);
    const expected = (await m.evaluate(x, y, { lengths })).loss;
    expect(expected).not.toBe((await m.evaluate(x, y)).loss);
    expect((await m.gradients(x, y, { lengths })).loss).toBe(expected);
    const { outputs } = await m.vjp(x, y, { lengths });
    expect(outputs).toEqual(await m.predict(x, { lengths }));
    const before = m.getWeights();
    const { history } = await m.fit(x, y, { lengths, shuffle: false });
    expect(history.loss).toEqual([expected]);
    m.setWeights(before);
    expect(await m.trainOnBatch(x, y, { lengths })).toEqual({ loss: expected });
  });

  it('follow their rows when these are shuffled', async () => {
    const y = noiseTensor([ROWS, 1], 62);
    m.compile({ loss: 'mse' });
    const before = m.getWeights();
    const { loss } = await m.evaluate(x, y, { lengths });
    // At a rate of zero an epoch is an evaluation, in the order of the shuffle.
    m.learningRate = 0;
    const { history } = await m.fit(x, y, { lengths, batchSize: 1, epochs: 4 });
    for (const value of history.loss as number[]) expect(value).toBeCloseTo(loss as number, 6);
    expect(m.getWeights()).toEqual(before);
  });
});

describe('refused', () => {
  const m = smallGru();
  const wrong: [string, unknown, string, RegExp][] = [
    [
      'a length beyond the steps',
      { lengths: [1, 2, 6, 3] },
      'INVALID_ARGUMENT',
      /from 0 to 5 for lengths\[2\], received 6/,
    ],
    ['a negative length', { lengths: [1, -1, 2, 3] }, 'INVALID_ARGUMENT', /lengths\[1\]/],
    ['half a step', { lengths: [1, 1.5, 2, 3] }, 'INVALID_ARGUMENT', /lengths\[1\]/],
    ['no number', { lengths: [1, Number.NaN, 2, 3] }, 'INVALID_ARGUMENT', /lengths\[1\]/],
    [
      'too few lengths',
      { lengths: [1, 2, 3] },
      'SHAPE_MISMATCH',
      /lengths has 3 rows, the inputs have 4/,
    ],
    [
      'lengths of two axes',
      { lengths: tensor([[1], [2], [3], [4]]) },
      'INVALID_ARGUMENT',
      /one number a row/,
    ],
    ['one length for all', { lengths: 3 }, 'INVALID_ARGUMENT', /lengths/],
    ['words', { lengths: ['1', '2', '3', '4'] }, 'INVALID_ARGUMENT', /lengths/],
    [
      'a mask of floats',
      { mask: noiseTensor([ROWS, STEPS]) },
      'INVALID_ARGUMENT',
      /a bool tensor for mask/,
    ],
    ['nested arrays as a mask', { mask: [[true]] }, 'INVALID_ARGUMENT', /wrap it in tensor/],
    [
      'a mask of other rows',
      { mask: tensor(new Uint8Array(15), [3, 5]) },
      'SHAPE_MISMATCH',
      /mask: expected \[4,5\]/,
    ],
    [
      'a mask of other steps',
      { mask: tensor(new Uint8Array(24), [4, 6]) },
      'SHAPE_MISMATCH',
      /\[4,6\]/,
    ],
    [
      'both',
      { lengths: [1, 1, 1, 1], mask: tensor(new Uint8Array(20), [4, 5]) },
      'INVALID_ARGUMENT',
      /not both/,
    ],
    [
      'an unknown input',
      { lengths: { serie: [1, 1, 1, 1] } },
      'INVALID_ARGUMENT',
      /unknown name in lengths 'serie'/,
    ],
  ];

  it.each(wrong)('%s', async (_name, options, code, message) => {
    await expectFailure(m.predict(x, options as MaskOptions), code as 'INVALID_ARGUMENT', message);
  });

  it('one value for several sequences', async () => {
    const work = twoSequences().predict({ a: x, b: x }, { lengths: [1, 1, 1, 1] });
    await expectFailure(work, 'INVALID_ARGUMENT', /a record by name \{ a, b \} for lengths/);
  });

  it('lengths of what is no sequence', async () => {
    const work = linear().predict(noiseTensor([2, 2]), { lengths: [1, 1] });
    await expectFailure(work, 'INVALID_ARGUMENT', /no input is a sequence/);
  });
});
