// Attention layers: what hides what, shapes, files, and what they refuse.
import { input, layers, load, type Model, model, sequential, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import type { AttentionLayer } from '../../lib/layers/attention.js';
import { DEVICES } from '../support/golden.js';
import { distance, noiseTensor, range } from '../support/numbers.js';
import { expectSameBits } from '../support/properties.js';
import { randomWeights } from '../support/randomModels.js';
import { refusal, refusalText } from '../support/refusal.js';

type Floats = Tensor<'float32'>;

const MAKE: Record<string, (options?: { useCausalMask?: boolean }) => AttentionLayer> = {
  attention: (options) => layers.attention({ useScale: true, ...options }),
  'attention, concat': (options) =>
    layers.attention({ scoreMode: 'concat', useScale: true, ...options }),
  additiveAttention: (options) => layers.additiveAttention(options),
  multiHeadAttention: (options) =>
    layers.multiHeadAttention({ numHeads: 2, keyDim: 3, valueDim: 2, ...options }),
};
const NAMES = Object.keys(MAKE);

/** A query of four features, and a value of as many; with a key, the value has three. */
function over(layer: AttentionLayer, hasKey = false): Model {
  const query = input({ shape: [null, 4], name: 'query' });
  const value = input({ shape: [null, hasKey ? 3 : 4], name: 'value' });
  const key = input({ shape: [null, 4], name: 'key' });
  const inputs = hasKey ? [query, value, key] : [query, value];
  const m = model({ inputs, outputs: layer.apply(inputs), seed: 1 });
  m.setWeights(randomWeights(m, 3));
  return m;
}

const bits = (...values: number[]) => Uint8Array.from(values);
const QUERY = noiseTensor([2, 3, 4], 1);
const VALUE = noiseTensor([2, 5, 4], 2);
/** Holes, and a row without any. */
const HIDDEN = tensor(bits(1, 0, 1, 1, 0, 0, 0, 0, 0, 0), [2, 5]);

function withPadding(x: Floats, mask: Tensor, value: number): Floats {
  const width = x.shape[2] as number;
  return tensor(
    x.data.map((v, i) => (mask.data[Math.floor(i / width)] ? v : value)),
    x.shape,
  );
}

describe.each(NAMES)('%s', (name) => {
  const make = MAKE[name] as (typeof MAKE)[string];

  it.each(DEVICES)('on %s: NaN in hidden values reaches nothing', async (device) => {
    using m = over(make());
    const options = { mask: { value: HIDDEN }, device };
    const clean = { query: QUERY, value: withPadding(VALUE, HIDDEN, 7) };
    const bad = { query: QUERY, value: withPadding(VALUE, HIDDEN, Number.NaN) };
    const y = (await m.predict(clean, options)) as Floats;
    expect(y.data.every(Number.isFinite)).toBe(true);
    expectSameBits({ y: (await m.predict(bad, options)) as Floats }, { y });
    const cotangent = noiseTensor([2, 3, 4], 6);
    const [a, b] = [await m.vjp(bad, cotangent, options), await m.vjp(clean, cotangent, options)];
    expectSameBits(a.gradients, b.gradients);
    expectSameBits(a.inputGradients as never, b.inputGradients as never);
    for (const { data } of Object.values(a.inputGradients as Record<string, Floats>)) {
      expect(data.every(Number.isFinite)).toBe(true);
    }
  });

  it('takes hidden values for values that are not there', async () => {
    using m = over(make());
    const short = tensor(VALUE.data.slice(0, 12), [1, 3, 4]);
    const long = tensor(VALUE.data.slice(0, 20), [1, 5, 4]);
    const query = tensor(QUERY.data.slice(0, 12), [1, 3, 4]);
    const y = (await m.predict({ query, value: short })) as Tensor;
    const masked = await m.predict({ query, value: long }, { lengths: { value: [3] } });
    expect(distance((masked as Tensor).data, y.data)).toBeLessThan(1e-6);
  });

  it('gives masked queries zero, and no gradient', async () => {
    using m = over(make());
    const mask = tensor(bits(1, 0, 1, 0, 0, 0), [2, 3]);
    const x = { query: QUERY, value: VALUE };
    const { outputs, inputGradients } = await m.vjp(x, noiseTensor([2, 3, 4], 6), {
      mask: { query: mask },
    });
    const zero = ({ data }: Tensor, at: number) =>
      data.slice(4 * at, 4 * at + 4).every((v) => v === 0);
    const gradient = (inputGradients as Record<string, Floats>).query as Floats;
    for (const at of range(6)) {
      expect(zero((outputs as unknown as Tensor[])[0] ?? (outputs as never), at)).toBe(
        !mask.data[at],
      );
      expect(zero(gradient, at)).toBe(!mask.data[at]);
    }
  });

  it('with useCausalMask: no position sees later ones', async () => {
    using m = over(make({ useCausalMask: true }));
    const changed = tensor(
      VALUE.data.map((v, i) => (Math.floor(i / 4) % 5 >= 2 ? v + 1 : v)),
      [2, 5, 4],
    );
    const y = ((await m.predict({ query: QUERY, value: VALUE })) as Tensor).data;
    const z = ((await m.predict({ query: QUERY, value: changed })) as Tensor).data;
    const isSame = (row: number, t: number) =>
      range(4).every((d) => y[(row * 3 + t) * 4 + d] === z[(row * 3 + t) * 4 + d]);
    for (const row of [0, 1]) {
      expect(range(3).map((t) => isSame(row, t))).toEqual([true, true, false]);
    }
  });

  it('hides what the mask of the key hides, whatever stands there', async () => {
    using m = over(make(), true);
    const value = noiseTensor([2, 5, 3], 7);
    const x = (v: Floats, k: Floats) => ({ query: QUERY, value: v, key: k });
    const options = { mask: { key: HIDDEN } };
    const y = (await m.predict(x(value, VALUE), options)) as Floats;
    const bad = [withPadding(value, HIDDEN, Number.NaN), withPadding(VALUE, HIDDEN, Number.NaN)];
    const z = (await m.predict(x(bad[0] as Floats, bad[1] as Floats), options)) as Floats;
    expectSameBits({ y: z }, { y });
    const cotangent = noiseTensor([...y.shape], 6);
    const { gradients, inputGradients } = await m.vjp(
      x(bad[0] as Floats, bad[1] as Floats),
      cotangent,
      options,
    );
    for (const { data } of Object.values({ ...gradients, ...(inputGradients as object) })) {
      expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    }
    // Part by the one mask, part by the other.
    const two = {
      value: tensor(bits(1, 0, 1, 1, 1, 0, 0, 0, 1, 1), [2, 5]),
      key: tensor(bits(1, 1, 1, 1, 0, 1, 1, 1, 0, 0), [2, 5]),
    };
    const both = { value: HIDDEN, key: HIDDEN };
    const joined = (await m.predict(x(value, VALUE), { mask: two })) as Floats;
    const expected = (await m.predict(x(value, VALUE), { mask: both })) as Floats;
    expectSameBits({ y: joined }, { y: expected });
  });

  it('needs as many keys as values', async () => {
    using m = over(make(), true);
    const x = { query: QUERY, value: noiseTensor([2, 5, 3]), key: noiseTensor([2, 6, 4]) };
    const details = { layer: name.split(',')[0] as string, expected: '5', received: '6' };
    const text = await refusalText(() => m.predict(x), 'SHAPE_MISMATCH', details);
    expect(text).toContain('one value has 5 positions, another 6');
  });

  it('attends to itself in a sequential model, and is not stepped', async () => {
    using m = sequential([make()], { inputShape: [null, 4], seed: 1 });
    expect(((await m.predict(QUERY)) as Tensor).shape).toEqual([2, 3, 4]);
    const text = await refusalText(() => m.stream(), 'UNSUPPORTED');
    expect(text).toContain('cannot be stepped here: it needs the whole sequence');
  });

  it('is saved and loaded', async () => {
    using m = over(make(), true);
    using again = await load(await m.save());
    const x = { query: QUERY, value: noiseTensor([2, 5, 3]), key: VALUE };
    const y = (await m.predict(x)) as Floats;
    expectSameBits({ y: (await again.predict(x)) as Floats }, { y });
  });

  it('refuses inputs that do not fit', async () => {
    const series = (features: number) => input({ shape: [null, features] });
    const call =
      (...inputs: unknown[]) =>
      () =>
        make().apply(inputs as never);
    await refusal(call(series(4)), 'INVALID_ARGUMENT');
    await refusal(call(series(4), series(4), series(4), series(4)), 'INVALID_ARGUMENT');
    await refusal(call(series(4), 3), 'INVALID_ARGUMENT');
    const flat = [input({ shape: [4] }), series(4)] as const;
    const build = (inputs: readonly ReturnType<typeof input>[]) => () =>
      model({ inputs: [...inputs], outputs: make().apply(inputs) });
    await refusal(build(flat), 'SHAPE_MISMATCH', { received: '[null,4]' });
    if (name !== 'multiHeadAttention') {
      await refusal(build([series(4), series(5)]), 'SHAPE_MISMATCH', { received: '5' });
    }
  });
});

describe('weights', () => {
  const named = (layer: AttentionLayer) => {
    using m = over(layer, true);
    return Object.fromEntries(m.weights.map(({ name, shape }) => [name, shape]));
  };

  it("have Keras' names and layouts", () => {
    expect(named(layers.attention())).toEqual({});
    expect(named(layers.attention({ useScale: true, scoreMode: 'concat' }))).toEqual({
      'attention/scale': [],
      'attention/concat_score_weight': [],
    });
    expect(named(layers.additiveAttention())).toEqual({ 'additiveAttention/scale': [4] });
    expect(named(layers.multiHeadAttention({ numHeads: 2, keyDim: 5, valueDim: 6 }))).toEqual({
      'multiHeadAttention/query/kernel': [4, 2, 5],
      'multiHeadAttention/query/bias': [2, 5],
      'multiHeadAttention/key/kernel': [4, 2, 5],
      'multiHeadAttention/key/bias': [2, 5],
      'multiHeadAttention/value/kernel': [3, 2, 6],
      'multiHeadAttention/value/bias': [2, 6],
      'multiHeadAttention/attention_output/kernel': [2, 6, 4],
      'multiHeadAttention/attention_output/bias': [4],
    });
  });

  it('that are scalars begin with 1', () => {
    using m = sequential([layers.attention({ useScale: true })], { inputShape: [null, 4] });
    const { data, shape } = m.getWeights()['attention/scale'] as Tensor;
    expect([[...data], shape]).toEqual([[1], []]);
  });
});

describe('dropout', () => {
  it('leaves weights out in training alone', async () => {
    const layer = layers.multiHeadAttention({ numHeads: 2, keyDim: 3, dropout: 0.5 });
    using m = over(layer);
    const x = { query: QUERY, value: VALUE };
    const cotangent = noiseTensor([2, 3, 4], 6);
    const outputs = async (options: object) =>
      ((await m.vjp(x, cotangent, options)).outputs as unknown as Floats).data;
    const plain = ((await m.predict(x)) as Floats).data;
    expect(await outputs({})).toEqual(plain);
    expect(await outputs({ training: true })).not.toEqual(plain);
    expect(await outputs({ training: true })).toEqual(await outputs({ training: true }));
  });
});

describe('a decoder with attention', () => {
  it('learns which step it is asked for', async () => {
    // Each query names one of four steps; the answer is what stands there.
    const rows = 96;
    const series = noiseTensor([rows, 4, 2], 3);
    const keyed = tensor(
      Float32Array.from({ length: rows * 4 * 6 }, (_, i) => {
        const [step, feature] = [Math.floor(i / 6) % 4, i % 6];
        if (feature < 4) return feature === step ? 1 : 0;
        return series.data[Math.floor(i / 6) * 2 + feature - 4] as number;
      }),
      [rows, 4, 6],
    );
    const asked = range(rows).map((row) => row % 4);
    const query = tensor(
      asked.flatMap((step) => range(4).map((k) => (k === step ? 1 : 0))),
      [rows, 1, 4],
    ) as Floats;
    const y = tensor(
      asked.flatMap((step, row) => [
        ...series.data.slice((row * 4 + step) * 2, (row * 4 + step) * 2 + 2),
      ]),
      [rows, 1, 2],
    ) as Floats;
    const [q, s] = [input({ shape: [1, 4], name: 'q' }), input({ shape: [4, 6], name: 's' })];
    const out = layers.multiHeadAttention({ numHeads: 1, keyDim: 8, valueDim: 4 }).apply([q, s]);
    using m = model({ inputs: [q, s], outputs: layers.dense({ units: 2 }).apply(out), seed: 2 });
    m.compile({ optimizer: 'adam', loss: 'mse' });
    const before = (await m.evaluate({ q: query, s: keyed }, y)).loss as number;
    await m.fit({ q: query, s: keyed }, y, { epochs: 300, batchSize: 24, seed: 1 });
    const { loss } = await m.evaluate({ q: query, s: keyed }, y);
    expect(loss).toBeLessThan(before / 20);
  });
});
