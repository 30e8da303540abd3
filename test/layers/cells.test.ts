// Cells: recurrences written out by hand are those of the layers, and may be what no layer is.
import {
  input,
  layers,
  load,
  type Model,
  model,
  type SymbolicTensor,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { RecurrentCell } from '../../lib/layers/cells.js';
import type { RecurrentLayer } from '../../lib/layers/recurrent.js';
import { inputSlopes, parameterSlopes } from '../support/differences.js';
import { BOUNDS, DEVICES, on, relativeError } from '../support/golden.js';
import { expectClose, noiseTensor, range } from '../support/numbers.js';
import { randomWeights } from '../support/randomModels.js';
import { refusal, refusalText } from '../support/refusal.js';

const [ROWS, STEPS, FEATURES, UNITS] = [3, 4, 2, 5];

type Options = Record<string, unknown>;
type Make = (options: Options) => unknown;
const KINDS: Record<string, { states: number; layer: Make; cell: Make }> = {
  gru: { states: 1, layer: layers.gru as never, cell: layers.gruCell as never },
  lstm: { states: 2, layer: layers.lstm as never, cell: layers.lstmCell as never },
  simpleRnn: { states: 1, layer: layers.simpleRnn as never, cell: layers.simpleRnnCell as never },
  minGru: { states: 1, layer: layers.minGru as never, cell: layers.minGruCell as never },
};
const NAMES = Object.keys(KINDS);

/** Of a kind with any number of states. */
type Applied = { initialState?: SymbolicTensor[] };
const cellOf = (kind: string, options: Options = {}) =>
  KINDS[kind]?.cell({ units: UNITS, name: 'r', ...options }) as RecurrentCell;
const applied = (layer: unknown, x: SymbolicTensor, call: Applied) =>
  [(layer as RecurrentLayer).apply(x, call as never)].flat() as SymbolicTensor[];
const starts = (kind: string) =>
  range(KINDS[kind]?.states ?? 0).map((s) => input({ shape: [UNITS], name: `start${s}` }));

interface Built {
  m: Model<Tensor<'float32'>[]>;
  /** What it is given for a sequence [B,T,F]. */
  data: (x: Tensor<'float32'>) => Tensor<'float32'>[];
}

/** All steps and the last states, by the layer. */
function byLayer(kind: string, options: Options, given: boolean): Built {
  const x = input({ shape: [STEPS, FEATURES] });
  const states = given ? starts(kind) : [];
  const all = { units: UNITS, name: 'r', returnSequences: true, returnState: true, ...options };
  const outputs = applied(KINDS[kind]?.layer(all), x, given ? { initialState: states } : {});
  const m = model({ inputs: [x, ...states], outputs, seed: 3 });
  return { m, data: (sequence) => [sequence] };
}

/** The same by its cell. */
function byHand(kind: string, options: Options, given: boolean): Built {
  const xs = range(STEPS).map((t) => input({ shape: [FEATURES], name: `x${t}` }));
  const cell = cellOf(kind, options);
  const first = given ? starts(kind) : [];
  let states = first;
  const outputs: SymbolicTensor[] = [];
  for (const x of xs) {
    const call = states.length > 0 ? { initialState: states } : {};
    const [output, ...after] = applied(cell, x, call);
    outputs.push(output as SymbolicTensor);
    states = after;
  }
  const m = model({ inputs: [...xs, ...first], outputs: [...outputs, ...states], seed: 3 });
  return { m, data: (sequence) => range(STEPS).map((t) => step(sequence, t)) };
}

/** [B,T,F] -> [B,F] */
function step({ data, shape }: Tensor<'float32'>, t: number): Tensor<'float32'> {
  const [rows = 0, steps = 0, features = 0] = shape;
  const parts = range(rows).flatMap((row) => {
    const start = (row * steps + t) * features;
    return [...data.subarray(start, start + features)];
  });
  return tensor(Float32Array.from(parts), [rows, features]);
}

const x = noiseTensor([ROWS, STEPS, FEATURES], 601);
const given = (kind: string) =>
  range(KINDS[kind]?.states ?? 0).map((s) => noiseTensor([ROWS, UNITS], 610 + s));
/** A cotangent of the sequence and of each last state. */
const cotangents = (kind: string) => [noiseTensor([ROWS, STEPS, UNITS], 620), ...given(kind)];

/** Options of the layers that a single step has as well. */
const VARIANTS: [label: string, kind: string, options: Options][] = [
  ...NAMES.map((kind): [string, string, Options] => [`a ${kind}`, kind, {}]),
  ['a gru as of 2014', 'gru', { resetAfter: false, updateGate: 'replace' }],
  ['a gru with relu', 'gru', { activation: 'relu', recurrentActivation: 'hardSigmoid' }],
  ['an lstm without bias', 'lstm', { useBias: false }],
  ['an lstm with norms and clip', 'lstm', { layerNorm: true, clip: 0.8 }],
  ['a gru with norms', 'gru', { layerNorm: true }],
];

describe.each(DEVICES)('steps by hand on %s', (device) => {
  it.each(
    VARIANTS.flatMap(([label, kind, options]) => [
      [label, 'from zeros', kind, options, false] as const,
      [label, 'from a state', kind, options, true] as const,
    ]),
  )('of %s %s are those of the layer', async (_label, _from, kind, options, isGiven) => {
    const [layer, hand] = [byLayer(kind, options, isGiven), byHand(kind, options, isGiven)];
    const weights = randomWeights(layer.m, 5);
    for (const { m } of [layer, hand]) m.setWeights(weights);
    const states = isGiven ? given(kind) : [];
    const inputs = (built: Built) => [...built.data(x), ...states];

    const [sequence, ...last] = await layer.m.predict(inputs(layer), on(device));
    const predicted = await hand.m.predict(inputs(hand), on(device));
    // Bit for bit: a step does not depend on what comes after it.
    expect(predicted).toEqual([...range(STEPS).map((t) => step(sequence as never, t)), ...last]);

    const [ofSequence, ...ofStates] = cotangents(kind);
    const expected = await layer.m.vjp(inputs(layer), cotangents(kind), on(device));
    const steps = range(STEPS).map((t) => step(ofSequence as never, t));
    const actual = await hand.m.vjp(inputs(hand), [...steps, ...ofStates], on(device));
    for (const [name, { data }] of Object.entries(expected.gradients)) {
      const error = relativeError(actual.gradients[name]?.data ?? [], data);
      expect(error, name).toBeLessThanOrEqual(BOUNDS.gradient);
    }
    const [dx, ...dStates] = expected.inputGradients as Tensor<'float32'>[];
    const slopes = [...range(STEPS).map((t) => step(dx as never, t)), ...dStates];
    for (const [i, { data }] of (actual.inputGradients as Tensor[]).entries()) {
      expect(relativeError(data, slopes[i]?.data ?? [])).toBeLessThanOrEqual(BOUNDS.gradient);
    }
  });

  it.each(NAMES.filter((kind) => kind !== 'minGru'))(
    'of %s have the masks of the layer: one for all steps',
    async (kind) => {
      for (const options of [
        { dropout: 0.4 },
        { recurrentDropout: 0.4 },
        { dropout: 0.3, recurrentDropout: 0.3, recurrentDropConnect: 0.3 },
      ]) {
        const built = [byLayer(kind, options, true), byHand(kind, options, true)] as const;
        const [layer, hand] = built;
        for (const { m } of built) m.setWeights(randomWeights(layer.m, 5));
        const [ofSequence, ...ofStates] = cotangents(kind);
        const steps = range(STEPS).map((t) => step(ofSequence as never, t));
        const training = { training: true, ...on(device) };
        const expected = await layer.m.vjp([x, ...given(kind)], cotangents(kind), training);
        const actual = await hand.m.vjp(
          [...hand.data(x), ...given(kind)],
          [...steps, ...ofStates],
          training,
        );
        const [sequence] = expected.outputs as Tensor<'float32'>[];
        for (const t of range(STEPS)) {
          expect((actual.outputs as Tensor[])[t]).toEqual(step(sequence as never, t));
        }
        for (const [name, { data }] of Object.entries(expected.gradients)) {
          const error = relativeError(actual.gradients[name]?.data ?? [], data);
          expect(error, name).toBeLessThanOrEqual(BOUNDS.gradient);
        }
      }
    },
  );

  it('have a mask of zoneout of their own at each', async () => {
    const cell = layers.gruCell({ units: 40, zoneout: 0.5 });
    const x0 = input({ shape: [FEATURES] });
    const h0 = input({ shape: [40] });
    const [first] = cell.apply(x0, { initialState: h0 });
    const [second] = cell.apply(x0, { initialState: h0 });
    const m = model({ inputs: [x0, h0], outputs: [first, second], seed: 1 });
    const data = [noiseTensor([2, FEATURES], 1), noiseTensor([2, 40], 2)];
    const [a, b] = await m.predict(data, on(device));
    expect(a).toEqual(b);
    const zeros = [noiseTensor([2, 40], 3), noiseTensor([2, 40], 4)];
    const { outputs } = await m.vjp(data, zeros, { training: true, ...on(device) });
    const [drawn, again] = outputs as Tensor[];
    const kept = (t: Tensor | undefined) =>
      [...(t?.data ?? [])].map((v, i) => v === data[1]?.data[i]);
    expect(kept(drawn)).toContain(true);
    expect(kept(drawn)).not.toEqual(kept(again));
  });
});

/** A decoder that reads its own outputs and looks back at all that was encoded, at each step. */
function decoder(kind: string): Model<Tensor<'float32'>[]> {
  const series = input({ shape: [null, FEATURES], name: 'series' });
  const encoded = layers.gru({ units: UNITS, returnSequences: true }).apply(series);
  const cell = cellOf(kind, { name: 'decoder', activityRegularizer: { l2: 0.01 } });
  const [attend, readout] = [layers.attention(), layers.dense({ units: FEATURES })];
  let value = layers.dense({ units: FEATURES }).apply(layers.gru({ units: 2 }).apply(series));
  let states: SymbolicTensor[] = [];
  const outputs: SymbolicTensor[] = [];
  for (const _ of range(3)) {
    const call = states.length > 0 ? { initialState: states } : {};
    const [output, ...after] = applied(cell, value, call) as [SymbolicTensor];
    states = after;
    const query = layers.reshape({ targetShape: [1, UNITS] }).apply(output);
    const context = layers.flatten().apply(attend.apply([query, encoded]));
    value = readout.apply(layers.concatenate().apply([output, context]));
    outputs.push(value);
  }
  const m = model({ inputs: series, outputs, seed: 2 });
  m.setWeights(randomWeights(m, 7));
  return m;
}

describe.each(NAMES)('a decoder of %s, by hand', (kind) => {
  const y = range(3).map((t) => noiseTensor([ROWS, FEATURES], 630 + t));
  const call = { lengths: [4, 1, 3] };

  it('has the gradients of finite differences', async () => {
    const m = decoder(kind);
    m.compile({ loss: ['mse', 'mse', 'mse'], device: 'reference' });
    const lossAt = async (series: Tensor) => (await m.evaluate(series, y, call)).loss as number;
    const result = await m.gradients(x, y, call);
    expectClose(result.loss, await lossAt(x), 1e-12);
    for (const [name, slopes] of Object.entries(await parameterSlopes(m, () => lossAt(x)))) {
      const error = relativeError(result.gradients[name]?.data ?? [], slopes);
      expect(error, name).toBeLessThan(1e-5);
    }
    const slopes = await inputSlopes(x, lossAt);
    expect(relativeError((result.inputGradients as Tensor).data, slopes)).toBeLessThan(1e-5);
    const fast = await m.gradients(x, y, { ...call, ...on('cpu') });
    for (const [name, { data }] of Object.entries(result.gradients)) {
      expectClose(fast.gradients[name]?.data ?? [], data, BOUNDS.gradient);
    }
  });

  it('learns, is the same after save and load, with less memory and any number of threads', async () => {
    const m = decoder(kind);
    m.compile({ optimizer: 'adam', loss: ['mse', 'mse', 'mse'] });
    const again = await load<Tensor<'float32'>[]>(await m.save());
    expect(await again.predict(x, call)).toEqual(await m.predict(x, call));
    const { loss } = await m.evaluate(x, y, call);
    for (const _ of range(10)) {
      await m.trainOnBatch(x, y, call);
      await again.trainOnBatch(x, y, { ...call, memory: 'low' });
    }
    expect(again.getWeights()).toEqual(m.getWeights());
    expect((await m.evaluate(x, y, call)).loss).toBeLessThan(loss as number);
  });
});

describe('a cell', () => {
  it('has the parameters of its layer, once for all uses', () => {
    for (const kind of NAMES) {
      const [layer, hand] = [byLayer(kind, {}, false), byHand(kind, {}, false)];
      expect(hand.m.weights).toEqual(layer.m.weights);
      expect(hand.m.getWeights()).toEqual(layer.m.getWeights());
    }
    const unnamed = layers.gruCell({ units: 1 }).apply(input({ shape: [1] }))[0];
    const names = model({ inputs: inputOf(unnamed), outputs: unnamed }).weights.map((w) => w.name);
    expect(names).toEqual(['gruCell/kernel', 'gruCell/recurrent_kernel', 'gruCell/bias']);
  });

  it('is typed by its states', () => {
    const start = input({ shape: [2] });
    const one = layers.gruCell({ units: 2 }).apply(start, { initialState: start });
    expectTypeOf(one).toEqualTypeOf<[output: SymbolicTensor, state: SymbolicTensor]>();
    const two = layers.lstmCell({ units: 2 }).apply(start, { initialState: [start, start] });
    expectTypeOf(two).toEqualTypeOf<
      [output: SymbolicTensor, state: SymbolicTensor, cell: SymbolicTensor]
    >();
    // @ts-expect-error an LSTM has two states
    expect(() => layers.lstmCell({ units: 2 }).apply(start, { initialState: start })).toThrow();
    // @ts-expect-error not for a single step
    expect(() => layers.gruCell({ units: 2, returnSequences: true })).toThrow();
  });

  it('counts a penalty on weights once, on outputs at each use', async () => {
    const options = { kernelRegularizer: { l2: 0.5 }, activityRegularizer: { l1: 0.25 } };
    const { m, data } = byHand('gru', options, false);
    m.compile({ loss: Array(STEPS + 1).fill('mse') });
    const values = await m.predict(data(x));
    const { loss } = await m.evaluate(data(x), values);
    const total = (numbers: ArrayLike<number>, each: (v: number) => number) =>
      Array.from(numbers).reduce((sum, v) => sum + each(v), 0);
    const weights = total(m.getWeights()['r/kernel']?.data ?? [], (v) => 0.5 * v * v);
    // An output and the state that it is, as a layer with returnState has them.
    const outputs = values.slice(0, STEPS).map(({ data }) => total(data, Math.abs));
    const activities = (0.25 * 2 * total(outputs, (v) => v)) / ROWS;
    expectClose(loss as number, weights + activities, 1e-6);
  });

  it('is a function of the step in a stream: what carries a state there is the layer', async () => {
    const series = input({ shape: [null, FEATURES] });
    const encoded = layers.gru({ units: 3 }).apply(series);
    const [output] = layers.lstmCell({ units: UNITS }).apply(encoded);
    const m = model({ inputs: series, outputs: output, seed: 4 });
    const session = m.stream();
    for (const t of range(STEPS)) {
      const pushed = session.push(step(x, t).data.slice(0, FEATURES));
      const until = tensor(x.data.slice(0, (t + 1) * FEATURES), [1, t + 1, FEATURES]);
      expect(pushed).toEqual((await m.predict(until)).data);
    }
  });

  it('is frozen like any layer', async () => {
    const { m, data } = byHand('gru', { trainable: false }, false);
    m.compile({ optimizer: 'sgd', loss: Array(STEPS + 1).fill('mse') });
    const before = m.getWeights();
    const targets = range(STEPS + 1).map((t) => noiseTensor([ROWS, UNITS], 640 + t));
    await m.trainOnBatch(data(x), targets);
    expect(m.getWeights()).toEqual(before);
  });

  it('refuses options of whole sequences, and says why', async () => {
    const reasons = {
      returnSequences: 'takes one step',
      returnState: 'always returns its states',
      goBackwards: 'no direction',
      stateful: 'what apply is given',
      initialState: 'what apply is given',
      maskedOutput: 'sees no mask',
    };
    for (const kind of NAMES) {
      for (const [option, why] of Object.entries(reasons)) {
        const details = { layer: `${kind}Cell`, option, received: 'true' };
        const text = await refusalText(
          () => cellOf(kind, { [option]: true }),
          'UNSUPPORTED',
          details,
        );
        expect(text).toContain(why);
      }
    }
  });

  it('refuses a sequence, states that do not fit, and places where it cannot be', async () => {
    const [sequence, vector] = [input({ shape: [4, FEATURES] }), input({ shape: [FEATURES] })];
    const build = (outputs: SymbolicTensor[], inputs: SymbolicTensor[]) => () =>
      model({ inputs, outputs });
    const cell = layers.gruCell({ units: 3, name: 'cell' });
    await refusal(build(cell.apply(sequence), [sequence]), 'SHAPE_MISMATCH', {
      layer: 'cell',
      expected: '[batch,features]',
      received: '[null,4,2]',
    });
    await refusal(build(cell.apply(vector, { initialState: vector }), [vector]), 'SHAPE_MISMATCH', {
      layer: 'cell',
      option: 'initialState',
      expected: '3',
      received: '2',
    });
    const [h] = cell.apply(vector);
    const twice = cell.apply(layers.dense({ units: 4 }).apply(h));
    await refusal(build(twice, [vector]), 'SHAPE_MISMATCH', { layer: 'cell_shared_1' });
    for (const initialState of [[], [h, h], [vector, 3], 'zeros', null]) {
      const call = () => cell.apply(vector, { initialState } as never);
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'cell' });
    }
    await refusal(() => sequential([cell], { inputShape: [2] }), 'CONFIG', { layer: 'cell' });
    const wrapped = () => layers.bidirectional({ layer: cell as never });
    await refusal(wrapped, 'INVALID_ARGUMENT', { layer: 'bidirectional', option: 'layer' });
    const distributed = () => layers.timeDistributed({ layer: cell });
    await refusal(distributed, 'INVALID_ARGUMENT', { layer: 'timeDistributed', option: 'layer' });
  });
});

const inputOf = (value: SymbolicTensor) => value.node.inputs[0] as SymbolicTensor;
