// sequential and model: what they build, and what they refuse.
import { input, layers, Model, model, SymbolicTensor, sequential, setSeed, tensor } from 'sluice';
import { afterAll, describe, expect, it } from 'vitest';
import { afterHole, STRANGERS } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

const dense = (units = 2) => layers.dense({ units });
const loose = { sequential, model } as unknown as Record<
  'sequential' | 'model',
  (...args: unknown[]) => Model
>;

describe('sequential', () => {
  it('chains layers', async () => {
    const list = [
      layers.gru({ units: 4, returnSequences: true }),
      layers.gru({ units: 3 }),
      dense(),
    ];
    const built = sequential(list, { inputShape: [null, 5], seed: 1, name: 'chain' });
    expect(built).toBeInstanceOf(Model);
    expect(built.name).toBe('chain');
    const { shape } = await built.predict(tensor(new Float32Array(2 * 7 * 5), [2, 7, 5]));
    expect(shape).toEqual([2, 2]);
  });

  it('refuses what is no list of layers', async () => {
    for (const list of [
      undefined,
      [],
      dense(),
      'gru',
      {},
      ...STRANGERS.map(([, value]) => value),
    ]) {
      const call = () => loose.sequential(list, { inputShape: [3] });
      await refusal(call, 'INVALID_ARGUMENT', { option: 'layers' });
    }
  });

  it('refuses what is no layer, naming its place', async () => {
    const others = [undefined, { units: 3 }, layers.gru, input({ shape: [3] })];
    for (const other of [...others, ...STRANGERS.map(([, value]) => value)]) {
      const call = () => loose.sequential([dense(), other], { inputShape: [3] });
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'sequential', option: 'layers[1]' });
    }
    const call = () => sequential(afterHole(dense()), { inputShape: [3] });
    await refusal(call, 'INVALID_ARGUMENT', { option: 'layers[0]' });
  });

  it('refuses layers that give several values, saying where they belong', async () => {
    const layer = layers.gru<boolean>({ units: 2, returnState: true });
    const call = () => sequential([layer], { inputShape: [null, 3] });
    const text = await refusalText(call, 'CONFIG', { layer: 'gru' });
    expect(text).toBe('sequential: layer 0 (gru) returns 2 values, use model({ inputs, outputs })');
  });

  it('refuses wrong options', async () => {
    const call = (options: unknown) => () => loose.sequential([dense()], options);
    await refusal(call(undefined), 'INVALID_ARGUMENT', { option: 'inputShape' });
    await refusal(call({ inputshape: [3] }), 'INVALID_ARGUMENT', { option: 'inputshape' });
    await refusal(call({ inputShape: 3 }), 'INVALID_ARGUMENT', { option: 'inputShape' });
    for (const seed of [-1, 0.5, 2 ** 53, '1', null, 1n]) {
      await refusal(call({ inputShape: [3], seed }), 'INVALID_ARGUMENT', { option: 'seed' });
    }
    for (const name of ['', 'a/b', 5, null]) {
      await refusal(call({ inputShape: [3], name }), 'INVALID_ARGUMENT', { option: 'name' });
    }
  });
});

describe('model', () => {
  const x = input({ shape: [null, 3], name: 'series' });
  const s = input({ shape: [2], name: 'station' });

  it('mirrors the form of its outputs', async () => {
    const y = layers.gru({ units: 2 }).apply(x);
    const z = dense(1).apply(y);
    const data = tensor(new Float32Array(12), [2, 2, 3]);
    const single = await model({ inputs: x, outputs: y }).predict(data);
    expect(single.shape).toEqual([2, 2]);
    const list = await model({ inputs: [x], outputs: [y, z] }).predict(data);
    expect(list.map(({ shape }) => shape)).toEqual([
      [2, 2],
      [2, 1],
    ]);
    const record = await model({ inputs: x, outputs: { z, __proto: y } }).predict({ series: data });
    expect(Object.keys(record)).toEqual(['z', '__proto']);
    expect(record.z.shape).toEqual([2, 1]);
    const same = await model({ inputs: x, outputs: { a: y, b: y } }).predict([data]);
    expect(same.a).toEqual(same.b);
  });

  it('leaves out what no output needs', () => {
    const y = layers.gru({ units: 2 }).apply(x);
    dense().apply(y);
    expect(model({ inputs: x, outputs: y }).weights).toHaveLength(3);
  });

  it('names the input that is missing, and the one too many', async () => {
    const h0 = dense(4).apply(s);
    const y = layers.gru({ units: 4 }).apply(x, { initialState: h0 });
    const missing = () => model({ inputs: x, outputs: y });
    expect(await refusalText(missing, 'CONFIG')).toBe(
      "model: the outputs need input 'station', which is not among the inputs",
    );
    const idle = () => model({ inputs: [x, s], outputs: layers.gru({ units: 2 }).apply(x) });
    expect(await refusalText(idle, 'CONFIG')).toBe("model: no output depends on input 'station'");
  });

  it('refuses inputs that are none', async () => {
    const y = dense().apply(s);
    const twice = [s, s];
    const others = [undefined, [], [y], y, twice, afterHole(s), [s, null], tensor([1]), dense()];
    for (const inputs of [...others, ...STRANGERS.map(([, value]) => value)]) {
      const call = () => loose.model({ inputs, outputs: y });
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'model', option: 'inputs' });
    }
  });

  it('refuses outputs that are none', async () => {
    const y = dense().apply(s);
    const others = [undefined, [], {}, [y, null], { y: 1 }, [[y]], afterHole(y), tensor([1])];
    const forged = Object.create(SymbolicTensor.prototype);
    for (const outputs of [...others, forged, ...STRANGERS.map(([, value]) => value)]) {
      const call = () => loose.model({ inputs: s, outputs });
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'model', option: 'outputs' });
    }
    const twice = () => model({ inputs: s, outputs: [y, y] });
    expect(await refusalText(twice, 'CONFIG')).toContain("two outputs are named 'dense'");
  });

  it('refuses wrong options', async () => {
    const outputs = dense().apply(s);
    const call = (more: object) => () => loose.model({ inputs: s, outputs, ...more });
    const typo = await refusalText(call({ input: s }), 'INVALID_ARGUMENT', { option: 'input' });
    expect(typo).toContain("did you mean 'inputs'?");
    await refusal(call({ seed: 1.5 }), 'INVALID_ARGUMENT', { option: 'seed' });
    await refusal(() => loose.model(), 'INVALID_ARGUMENT', { option: 'inputs' });
  });
});

describe('apply', () => {
  const x = input({ shape: [null, 3] });
  const all = {
    gru: layers.gru({ units: 2 }),
    dense: dense(),
    dropout: layers.dropout({ rate: 0 }),
    activation: layers.activation({ activation: 'relu' }),
    bidirectional: layers.bidirectional({ layer: layers.gru({ units: 2 }) }),
    concatenate: layers.concatenate(),
    normalization: layers.normalization(),
    reverse: layers.reverse(),
  };

  it.each(Object.entries(all))('of %s refuses foreign objects', async (kind, layer) => {
    const apply = layer.apply.bind(layer) as (value: unknown) => unknown;
    const forged = Object.create(SymbolicTensor.prototype);
    const hollow = Reflect.construct(SymbolicTensor, [{ id: 0, layer: {}, inputs: [] }, 0]);
    const others = [undefined, tensor([[1]]), [[1, 2]], forged, hollow, layer, [x], afterHole(x)];
    for (const value of [...others, ...STRANGERS.map(([, stranger]) => stranger)]) {
      const details = { layer: kind, option: 'the input of apply' };
      await refusal(() => apply(value), 'INVALID_ARGUMENT', details);
    }
  });

  it('says what to do with data, and with layers that give several values', async () => {
    const { dense: layer } = all as unknown as { dense: { apply(value: unknown): unknown } };
    const data = await refusalText(() => layer.apply(tensor([[1]])), 'INVALID_ARGUMENT');
    expect(data).toContain('data goes to the methods of a model');
    const several = layers.gru({ units: 2, returnState: true }).apply(x);
    const text = await refusalText(() => layer.apply(several), 'INVALID_ARGUMENT');
    expect(text).toContain('take one of them');
  });

  it('refuses a wrong initial state, and options that it does not have', async () => {
    type Apply = (value: unknown, call?: unknown) => unknown;
    for (const kind of ['gru', 'bidirectional'] as const) {
      const apply = all[kind].apply.bind(all[kind]) as Apply;
      const typo = () => apply(x, { initalState: x });
      expect(await refusalText(typo, 'INVALID_ARGUMENT')).toContain("did you mean 'initialState'?");
      for (const call of [null, 5, [x], x]) {
        await refusal(() => apply(x, call), 'INVALID_ARGUMENT', { layer: kind });
      }
      for (const [, stranger] of STRANGERS) {
        await refusal(() => apply(x, { initialState: stranger }), 'INVALID_ARGUMENT');
      }
      await refusal(() => apply(x, { initialState: tensor([[1, 2]]) }), 'INVALID_ARGUMENT');
    }
    const both = all.bidirectional.apply.bind(all.bidirectional) as Apply;
    for (const initialState of [x, [], [x], [x, x, x], afterHole(x), [x, null]]) {
      await refusal(() => both(x, { initialState }), 'INVALID_ARGUMENT');
    }
  });

  it('of an input is refused', async () => {
    const { layer } = x.node;
    await refusal(() => layer.apply(x), 'INVALID_ARGUMENT', { layer: 'input' });
  });

  it('of a layer to its own result makes a chain, not a cycle', () => {
    const start = input({ shape: [2] });
    const layer = dense(2);
    let value = start;
    for (let i = 0; i < 50; i++) value = layer.apply(value);
    const built = model({ inputs: start, outputs: value });
    expect(built.weights).toHaveLength(2);
  });
});

describe('a graph that was tampered with', () => {
  it('is refused where it became a cycle', async () => {
    const start = input({ shape: [2] });
    const a = dense(2).apply(start);
    const b = dense(2).apply(a);
    (a.node.inputs as SymbolicTensor[])[0] = b;
    await refusal(() => model({ inputs: start, outputs: b }), 'CONFIG');
    (a.node.inputs as SymbolicTensor[])[0] = a;
    (a.node.inputs as SymbolicTensor[]).push(start);
    const error = await refusal(() => model({ inputs: start, outputs: a }), 'CONFIG');
    expect(error.details.layer).toBe('dense');
  });
});

describe('seeds', () => {
  afterAll(() => setSeed(Date.now()));
  const kernel = (seed?: number) => {
    const options = { inputShape: [3], ...(seed === undefined ? {} : { seed }) };
    return sequential([dense(4)], options).getWeights()['dense/kernel']?.data;
  };

  it('decide the weights', () => {
    expect(kernel(5)).toEqual(kernel(5));
    expect(kernel(5)).not.toEqual(kernel(6));
    expect(kernel(0)).not.toEqual(kernel(2 ** 53 - 1));
    expect(kernel()).not.toEqual(kernel());
  });

  it('of setSeed are drawn in the order of building', () => {
    setSeed(42);
    const first = [kernel(), kernel(), kernel()];
    setSeed(42);
    const [a, , c] = [kernel(), kernel(7), kernel(), kernel()];
    expect([a, c]).toEqual(first.slice(0, 2));
    expect(new Set(first.map(String)).size).toBe(3);
    setSeed(43);
    expect(kernel()).not.toEqual(first[0]);
  });

  it('that are none are refused', async () => {
    for (const seed of [-1, 1.5, 2 ** 53, Number.NaN, '42', null, undefined, 42n]) {
      const call = () => setSeed(seed as number);
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'setSeed', option: 'seed' });
    }
  });
});
