// Weights and states by name: read, set, frozen, all or none.
import { layers, type Model, sequential, type Tensor, tensor } from 'sluice';
import { beforeEach, describe, expect, it } from 'vitest';
import { detach, STRANGERS, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

let built: Model;
beforeEach(() => {
  built = victim();
});

type Weights = Record<string, Tensor<'float32'>>;

describe('getWeights', () => {
  it('gives copies', () => {
    const copy = built.getWeights();
    copy['gru/kernel']?.data.fill(0);
    expect(built.getWeights()['gru/kernel']).not.toEqual(copy['gru/kernel']);
  });

  it('has the order and the shapes of weights', () => {
    const shapes = Object.entries(built.getWeights()).map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual(built.weights.map(({ name, shape }) => [name, shape]));
  });
});

describe('setWeights', () => {
  it('sets what it is given and leaves the rest', () => {
    const before = built.getWeights();
    built.setWeights({ 'dense/bias': tensor([5]) });
    expect(built.getWeights()).toEqual({ ...before, 'dense/bias': tensor([5]) });
    built.setWeights({});
    expect(built.getWeights()['dense/bias']?.at(0)).toBe(5);
  });

  it('changes what is predicted, back and forth', async () => {
    const x = sequences(2);
    const [weights, first] = [built.getWeights(), await built.predict(x)];
    built.setWeights({ 'gru/kernel': tensor(new Float32Array(36), [3, 12]) });
    expect(await built.predict(x)).not.toEqual(first);
    built.setWeights(weights);
    expect(await built.predict(x)).toEqual(first);
  });

  it('keeps no memory of the caller', async () => {
    const bias = tensor([5]);
    built.setWeights({ 'dense/bias': bias });
    bias.data[0] = 9;
    expect(built.getWeights()['dense/bias']?.at(0)).toBe(5);
  });

  it('names the weight that does not exist and the one that was meant', async () => {
    const call = () => built.setWeights({ 'gru/kernl': tensor([1]) });
    expect(await refusalText(call, 'INVALID_ARGUMENT', { option: 'gru/kernl' })).toContain(
      "setWeights: unknown weight 'gru/kernl', did you mean 'gru/kernel'?",
    );
    for (const name of ['__proto__', 'toString', '', 'gru', 'gru/kernel/']) {
      const weights = Object.fromEntries([[name, tensor([1])]]);
      await refusal(() => built.setWeights(weights), 'INVALID_ARGUMENT', { option: name });
    }
  });

  it('names both shapes', async () => {
    const call = () => built.setWeights({ 'gru/kernel': tensor(new Float32Array(36), [12, 3]) });
    const details = { layer: 'gru', option: 'gru/kernel', expected: '[3,12]', received: '[12,3]' };
    expect(await refusalText(call, 'SHAPE_MISMATCH', details)).toBe(
      "setWeights: 'gru/kernel' has shape [12,3], the model needs [3,12]",
    );
    const flat = () => built.setWeights({ 'gru/kernel': tensor(new Float32Array(36)) });
    await refusal(flat, 'SHAPE_MISMATCH', { received: '[36]' });
  });

  it('sets all or nothing', async () => {
    const before = built.getWeights();
    const call = () => built.setWeights({ 'dense/bias': tensor([5]), 'gru/bias': tensor([1]) });
    await refusal(call, 'SHAPE_MISMATCH');
    expect(built.getWeights()).toEqual(before);
  });

  it('refuses what is no record of float tensors', async () => {
    const strangers = STRANGERS.map(([, value]) => value);
    const none = strangers.filter((value) => Object.prototype.toString.call(value) !== OBJECT);
    for (const weights of [undefined, [tensor([1])], tensor([1]), new Map(), ...none]) {
      const call = () => built.setWeights(weights as Weights);
      await refusal(call, 'INVALID_ARGUMENT', { option: 'weights' });
    }
    const values = [
      undefined,
      [5],
      5,
      Float32Array.of(5),
      tensor(Int32Array.of(5)),
      tensor([true]),
    ];
    for (const value of [...values, ...strangers]) {
      const call = () => built.setWeights({ 'dense/bias': value as Tensor });
      await refusal(call, 'INVALID_ARGUMENT', { option: 'dense/bias' });
    }
  });

  it('refuses memory that is gone', async () => {
    const bias = tensor([5]);
    detach(bias.data);
    const call = () => built.setWeights({ 'dense/bias': bias });
    expect(await refusalText(call, 'INVALID_ARGUMENT')).toContain('detached');
  });

  it('takes numbers that are none, as it takes all others', async () => {
    built.setWeights({ 'dense/bias': tensor([Number.NaN]) });
    const { data } = await built.predict(sequences(2));
    expect([...data]).toEqual([Number.NaN, Number.NaN]);
  });
});

const OBJECT = '[object Object]';

describe('freeze', () => {
  const trained = async (model: Model) => {
    const before = model.getWeights();
    await model.fit(sequences(8), targets(8), { epochs: 2, verbose: 0 });
    const after = model.getWeights();
    return Object.keys(before).filter(
      (name) => String(before[name]?.data) !== String(after[name]?.data),
    );
  };

  it('keeps the weights of a layer, and unfreeze lets them go', async () => {
    built.freeze('gru');
    expect(built.weights.map(({ trainable }) => trainable)).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(await trained(built)).toEqual(['dense/kernel', 'dense/bias']);
    const { gradients } = await built.gradients(sequences(2), targets(2));
    expect(Object.keys(gradients)).toEqual(['dense/kernel', 'dense/bias']);
    built.unfreeze('gru');
    expect(await trained(built)).toHaveLength(5);
  });

  it('of everything leaves nothing to train', async () => {
    built.freeze('gru');
    built.freeze('dense');
    expect(await trained(built)).toEqual([]);
  });

  it('is what the option trainable: false does', async () => {
    const list = [layers.gru({ units: 2, trainable: false }), layers.dense({ units: 1 })];
    const model = sequential(list, { inputShape: [null, 3], seed: 1 });
    model.compile({ loss: 'mse', optimizer: 'sgd' });
    expect(await trained(model)).toEqual(['dense/kernel', 'dense/bias']);
  });

  it('takes layers that have nothing to freeze', () => {
    built.freeze('input');
    expect(built.weights.every(({ trainable }) => trainable)).toBe(true);
  });

  it('names layers that do not exist', async () => {
    for (const call of ['freeze', 'unfreeze'] as const) {
      const typo = await refusalText(() => built[call]('dens'), 'INVALID_ARGUMENT', {
        layer: call,
        option: 'dens',
      });
      expect(typo).toBe(
        `${call}: unknown layer 'dens', did you mean 'dense'? (known: input, gru, dense)`,
      );
      for (const [, layer] of STRANGERS) {
        await refusal(() => built[call](layer as string), 'INVALID_ARGUMENT');
      }
      await refusal(() => built[call]('gru/kernel'), 'INVALID_ARGUMENT');
    }
  });
});

describe('states', () => {
  const stateful = () =>
    sequential([layers.gru({ units: 3, stateful: true })], { inputShape: [null, 3], seed: 1 });

  it('are carried from call to call, set and reset', async () => {
    const model = stateful();
    expect(model.getStates()).toEqual({});
    const whole = await model.predict(sequences(2, 6));
    const carried = model.getStates();
    expect(Object.keys(carried)).toEqual(['gru/state']);
    expect(carried['gru/state']?.data).toEqual(whole.data);
    model.resetStates();
    expect(model.getStates()).toEqual({});

    const x = sequences(2, 6);
    const part = (from: number, to: number) => {
      const rows = [0, 1].flatMap((row) => [
        ...x.data.slice(row * 18 + from * 3, row * 18 + to * 3),
      ]);
      return tensor(rows, [2, to - from, 3]);
    };
    await model.predict(part(0, 2));
    const kept = model.getStates();
    const rest = await model.predict(part(2, 6));
    expect(rest.data).toEqual(whole.data);
    model.setStates(kept);
    expect((await model.predict(part(2, 6))).data).toEqual(whole.data);
  });

  it('are reset row by row', async () => {
    const layer = layers.lstm({ units: 3, stateful: true });
    const model = sequential([layer], { inputShape: [null, 3], seed: 1 });
    const first = await model.predict(sequences(3, 6));
    const carried = model.getStates();
    model.resetStates([1]);
    for (const [name, { data }] of Object.entries(model.getStates())) {
      const before = carried[name]?.data as Float32Array;
      expect([...data]).toEqual([...before].map((v, i) => (i >= 3 && i < 6 ? 0 : v)));
    }
    const again = await model.predict(sequences(3, 6));
    expect(again.data.subarray(3, 6)).toEqual(first.data.subarray(3, 6));
    expect(again.data.subarray(0, 3)).not.toEqual(first.data.subarray(0, 3));
    model.resetStates(Int32Array.of(0, 1, 2));
    expect((await model.predict(sequences(3, 6))).data).toEqual(first.data);
    for (const rows of [[3], [-1], [0.5], ['0'], 1, null, {}]) {
      const call = () => model.resetStates(rows as number[]);
      await refusal(call, 'INVALID_ARGUMENT', { option: 'rows' });
    }
    model.resetStates();
    await refusal(() => model.resetStates([0]), 'INVALID_ARGUMENT', { option: 'rows' });
    model.resetStates([]);
    expect(model.getStates()).toEqual({});
  });

  it('of an lstm are its state and its cell', async () => {
    const layer = layers.lstm({ units: 3, stateful: true });
    const model = sequential([layer], { inputShape: [null, 3], seed: 1 });
    const y = await model.predict(sequences(2, 6));
    const states = model.getStates();
    expect(Object.keys(states)).toEqual(['lstm/state', 'lstm/cell']);
    expect(states['lstm/state']?.data).toEqual(y.data);
    expect(states['lstm/cell']?.data).not.toEqual(y.data);
  });

  it('of another number of rows are refused when they are used', async () => {
    const model = stateful();
    await model.predict(sequences(2));
    const call = () => model.predict(sequences(3));
    const text = await refusalText(call, 'INVALID_ARGUMENT', { layer: 'gru' });
    expect(text).toContain('resetStates()');
    model.resetStates();
    expect((await model.predict(sequences(3))).shape).toEqual([3, 3]);
  });

  it('are refused by name, rank and size', async () => {
    const model = stateful();
    const set = (states: unknown) => () => model.setStates(states as Weights);
    await refusal(set({ gru: tensor([[1, 2, 3]]) }), 'INVALID_ARGUMENT', { received: 'gru' });
    await refusal(set({ 'gru/state': tensor([1, 2, 3]) }), 'INVALID_ARGUMENT');
    await refusal(set({ 'gru/state': tensor([[1, 2]]) }), 'SHAPE_MISMATCH', { layer: 'gru' });
    await refusal(set({ 'gru/state': tensor(Int32Array.of(1, 2, 3), [1, 3]) }), 'INVALID_ARGUMENT');
    for (const [, value] of STRANGERS) {
      await refusal(set({ 'gru/state': value }), 'INVALID_ARGUMENT', { option: 'gru/state' });
    }
    for (const states of [undefined, null, [], tensor([[1, 2, 3]]), new Map()]) {
      await refusal(set(states), 'INVALID_ARGUMENT', { option: 'states' });
    }
    const gone = tensor([[1, 2, 3]]);
    detach(gone.data);
    await refusal(set({ 'gru/state': gone }), 'INVALID_ARGUMENT');
    expect(model.getStates()).toEqual({});
  });

  it('of layers that are not stateful do not exist', async () => {
    await built.predict(sequences(2));
    expect(built.getStates()).toEqual({});
    built.resetStates();
    await refusal(
      () => built.setStates({ 'gru/state': tensor([[1, 2, 3, 4]]) }),
      'INVALID_ARGUMENT',
    );
  });
});
