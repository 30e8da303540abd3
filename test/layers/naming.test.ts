// Names of layers and parameters: they are part of the file format.
import { input, layers, type Model, model, sequential } from 'sluice';
import { describe, expect, it } from 'vitest';
import { refusal, refusalText } from '../support/refusal.js';

const gru = () => layers.gru({ units: 2, returnSequences: true });
const dense = (name?: string) => layers.dense({ units: 2, ...(name ? { name } : {}) });

const parameters = (built: Model) => built.weights.map(({ name }) => name);

const kernels = (built: Model) =>
  parameters(built)
    .filter((name) => name.endsWith('/kernel'))
    .map((name) => name.slice(0, -'/kernel'.length));

describe('default names', () => {
  it('are the kind, then numbered', () => {
    const built = sequential([gru(), gru(), dense(), gru(), dense()], { inputShape: [null, 3] });
    expect(kernels(built)).toEqual(['gru', 'gru_1', 'dense', 'gru_2', 'dense_1']);
    expect(built.inputNames).toEqual(['input']);
    expect(built.outputNames).toEqual(['dense_1']);
  });

  it('step aside for names that were given, wherever these stand', () => {
    const list = [dense(), dense('dense_1'), dense(), dense('dense'), dense()];
    expect(kernels(sequential(list, { inputShape: [3] }))).toEqual([
      'dense_2',
      'dense_1',
      'dense_3',
      'dense',
      'dense_4',
    ]);
  });

  it('follow the order in which layers were applied', () => {
    const [first, second] = [dense(), dense()];
    const x = input({ shape: [3] });
    const a = second.apply(x);
    const b = first.apply(x);
    expect(kernels(model({ inputs: x, outputs: [b, a] }) as never)).toEqual(['dense', 'dense_1']);
  });

  it('start anew in each model, and layers may be in several', () => {
    const shared = dense();
    const [a, b] = [1, 2].map((seed) => sequential([shared], { inputShape: [3], seed }));
    expect(kernels(a as Model)).toEqual(['dense']);
    expect(kernels(b as Model)).toEqual(['dense']);
    expect(a?.getWeights()['dense/kernel']?.data).not.toEqual(
      b?.getWeights()['dense/kernel']?.data,
    );
  });

  it('are found quickly in a large model', () => {
    const list = Array.from({ length: 3000 }, () => layers.activation({ activation: 'relu' }));
    const built = sequential(list, { inputShape: [3] });
    expect(built.outputNames).toEqual(['activation_2999']);
  });
});

describe('parameters', () => {
  it('of a gru', () => {
    const built = sequential([layers.gru({ units: 4 })], { inputShape: [null, 3] });
    expect(built.weights).toEqual([
      { name: 'gru/kernel', shape: [3, 12], dtype: 'float32', trainable: true },
      { name: 'gru/recurrent_kernel', shape: [4, 12], dtype: 'float32', trainable: true },
      { name: 'gru/bias', shape: [2, 12], dtype: 'float32', trainable: true },
    ]);
  });

  it('of a gru that resets before, and of one without bias', () => {
    const before = layers.gru({ units: 4, resetAfter: false });
    expect(sequential([before], { inputShape: [null, 3] }).weights[2]?.shape).toEqual([12]);
    const bare = layers.gru({ units: 4, useBias: false });
    expect(parameters(sequential([bare], { inputShape: [null, 3] }))).toEqual([
      'gru/kernel',
      'gru/recurrent_kernel',
    ]);
  });

  it('of an lstm, whose forget gates start open, of a minGru and of a simpleRnn', () => {
    const built = sequential([layers.lstm({ units: 2 })], { inputShape: [null, 3] });
    expect(built.weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['lstm/kernel', [3, 8]],
      ['lstm/recurrent_kernel', [2, 8]],
      ['lstm/bias', [8]],
    ]);
    expect([...(built.getWeights()['lstm/bias']?.data ?? [])]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    const shut = layers.lstm({ units: 2, unitForgetBias: false, biasInitializer: 'ones' });
    const bias = sequential([shut], { inputShape: [null, 3] }).getWeights()['lstm/bias'];
    expect(new Set(bias?.data)).toEqual(new Set([1]));
    const minimal = sequential([layers.minGru({ units: 2 })], { inputShape: [null, 3] });
    expect(minimal.weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['minGru/kernel', [3, 4]],
      ['minGru/bias', [4]],
    ]);
    const simple = sequential([layers.simpleRnn({ units: 2 })], { inputShape: [null, 3] });
    expect(simple.weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['simpleRnn/kernel', [3, 2]],
      ['simpleRnn/recurrent_kernel', [2, 2]],
      ['simpleRnn/bias', [2]],
    ]);
  });

  it('of a bidirectional layer have the direction in their names', () => {
    const layer = layers.bidirectional({ layer: layers.gru({ units: 2 }), name: 'both' });
    expect(parameters(sequential([layer], { inputShape: [null, 3] }))).toEqual([
      'both/forward/kernel',
      'both/forward/recurrent_kernel',
      'both/forward/bias',
      'both/backward/kernel',
      'both/backward/recurrent_kernel',
      'both/backward/bias',
    ]);
  });

  it('of a dense and a normalization layer', () => {
    const list = [layers.normalization(), layers.dense({ units: 2 })];
    expect(sequential(list, { inputShape: [3] }).weights).toEqual([
      { name: 'normalization/mean', shape: [3], dtype: 'float32', trainable: false },
      { name: 'normalization/variance', shape: [3], dtype: 'float32', trainable: false },
      { name: 'dense/kernel', shape: [3, 2], dtype: 'float32', trainable: true },
      { name: 'dense/bias', shape: [2], dtype: 'float32', trainable: true },
    ]);
  });

  it('are shared by the uses of one layer within a model', () => {
    const x = input({ shape: [3] });
    const layer = layers.dense({ units: 3, name: 'twice' });
    const built = model({ inputs: x, outputs: layer.apply(layer.apply(x)) });
    expect(parameters(built)).toEqual(['twice/kernel', 'twice/bias']);
    expect(built.outputNames).toEqual(['twice_shared_1']);
  });
});

describe('given names', () => {
  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'émoji 😀', ' ', '0', '日'])(
    '%j works everywhere',
    async (name) => {
      const built = sequential([layers.gru({ units: 2, stateful: true, name })], {
        inputShape: [null, 3],
      });
      expect(Object.keys(built.getWeights())).toContain(`${name}/kernel`);
      built.setWeights(built.getWeights());
      built.freeze(name);
      expect(built.weights.every(({ trainable }) => !trainable)).toBe(true);
      expect(built.summary()).toContain(name);
      expect(built.outputNames).toEqual([name]);
    },
  );

  it('may be as long as 200 bytes', async () => {
    expect(layers.dense({ units: 1, name: '日'.repeat(66) }).name).toHaveLength(66);
    const call = () => layers.dense({ units: 1, name: '日'.repeat(67) });
    await refusal(call, 'INVALID_ARGUMENT', { layer: 'dense', option: 'name' });
    const longest = 'x'.repeat(200);
    expect(kernels(sequential([dense(longest)], { inputShape: [3] }))).toEqual([longest]);
  });

  it('may not be given twice', async () => {
    const call = () => sequential([dense('same'), dense('same')], { inputShape: [3] });
    const text = await refusalText(call, 'CONFIG');
    expect(text).toBe("model: two layers are named 'same'");
    const inputs = [input({ shape: [1], name: 'x' }), input({ shape: [1], name: 'x' })];
    const outputs = layers.concatenate().apply(inputs);
    await refusal(() => model({ inputs, outputs }), 'CONFIG');
  });
});
