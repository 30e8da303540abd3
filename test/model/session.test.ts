// Streaming: one step at a time, with a state that can be read, set, saved and restored.
import { input, layers, model, sequential, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { detach, STRANGERS, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';
import { pushed, STEPS, stepOf, stepwise } from '../support/streams.js';

describe('push', () => {
  it('in sequence is predict, bit for bit', async () => {
    const built = stepwise();
    const { data } = await built.predict(sequences(1, STEPS));
    expect(pushed(built.stream()).flat()).toEqual([...data]);
  });

  it('keeps sessions apart', () => {
    const built = stepwise();
    const [a, b] = [built.stream(), built.stream()];
    const mixed = Array.from({ length: STEPS }, (_, t) => [
      a.push(stepOf(t)),
      b.push(stepOf(t, 1)),
    ]);
    const alone = built.stream();
    expect(mixed.map(([first]) => [...(first ?? [])])).toEqual(pushed(alone));
  });

  it('returns fresh memory, or writes to what it is given', () => {
    const session = stepwise().stream();
    const [first, second] = [session.push(stepOf(0)), session.push(stepOf(1))];
    expect(first).not.toBe(second);
    session.reset();
    const out = new Float32Array(8).subarray(3, 5);
    expect(session.push(stepOf(0), out)).toBe(out);
    expect(out).toEqual(first);
    session.push(stepOf(1), out);
    expect(out).toEqual(second);
  });

  it('takes views at any place, and may write over its input', () => {
    const session = sequential([layers.gru({ units: 3 })], { inputShape: [null, 3] }).stream();
    const expected = session.push(stepOf(0));
    for (let offset = 0; offset < 4; offset++) {
      session.reset();
      const memory = new Float32Array(8);
      const view = memory.subarray(offset, offset + 3);
      view.set(stepOf(0));
      expect(session.push(view, view)).toEqual(expected);
      session.reset();
      memory.set(stepOf(0), 0);
      expect(session.push(memory.subarray(0, 3), memory.subarray(1, 4))).toEqual(expected);
    }
  });

  it('takes several inputs and outputs in the form of the model', () => {
    const a = input({ shape: [null, 2], name: 'a' });
    const b = input({ shape: [null, 1], name: 'b' });
    const joined = layers.concatenate().apply([a, b]);
    const sequence = layers.gru({ units: 3, returnSequences: true }).apply(joined);
    const y = layers.dense({ units: 1 }).apply(sequence);
    const session = model({ inputs: [a, b], outputs: { sequence, y } }).stream();
    const [one, two] = [Float32Array.of(1, 2), Float32Array.of(3)];
    const first = session.push({ a: one, b: two });
    expect(Object.keys(first)).toEqual(['sequence', 'y']);
    session.reset();
    expect(session.push([one, two])).toEqual(first);
    session.reset();
    const out = { sequence: new Float32Array(3), y: new Float32Array(1) };
    expect(session.push({ b: two, a: one }, out)).toBe(out);
    expect(out).toEqual(first);
  });

  it('follows IEEE, and reset ends it', () => {
    const session = stepwise().stream();
    const expected = session.push(stepOf(0));
    expect([...session.push(Float32Array.of(Number.NaN, 0, 0))].every(Number.isNaN)).toBe(true);
    expect([...session.push(stepOf(1))].every(Number.isNaN)).toBe(true);
    session.reset();
    expect(session.push(stepOf(0))).toEqual(expected);
  });

  it('sees the weights of the last finished step, during fit too', async () => {
    const built = victim();
    const session = built.stream();
    const seen: number[] = [];
    const expected: number[] = [];
    await built.fit(sequences(32), targets(32), {
      batchSize: 8,
      verbose: 0,
      callbacks: [
        {
          async onBatchEnd() {
            session.reset();
            seen.push(session.push(stepOf(0))[0] as number);
            expected.push((await built.predict(tensor(stepOf(0), [1, 1, 3]))).at(0, 0));
          },
        },
      ],
    });
    expect(seen).toEqual(expected);
    expect(new Set(seen).size).toBe(4);
  });

  it('refuses steps of another size or type, and stays as it was', async () => {
    const session = stepwise().stream();
    session.push(stepOf(0));
    const before = session.state;
    const message = await refusalText(() => session.push(new Float32Array(2)), 'INVALID_ARGUMENT');
    expect(message).toBe(
      'sequential: expected a Float32Array with 3 values for x, ' +
        'received a Float32Array with 2 values',
    );
    const gone = new Float32Array(3);
    detach(gone);
    const shared = new Float32Array(new SharedArrayBuffer(12)) as never;
    const others = [undefined, [1, 2, 3], new Float64Array(3), tensor([1, 2, 3]), gone, shared];
    for (const x of [...others, ...STRANGERS.map(([, value]) => value)]) {
      await refusal(() => session.push(x as Float32Array), 'INVALID_ARGUMENT');
    }
    const outs = [null, new Float32Array(3), new Float64Array(2), [0, 0], 'out'];
    for (const out of outs) {
      const call = () => session.push(stepOf(1), out as Float32Array);
      await refusal(call, 'INVALID_ARGUMENT', { option: 'out' });
    }
    expect(session.state).toEqual(before);
  });

  it('refuses records with wrong names', async () => {
    const a = input({ shape: [null, 2], name: 'a' });
    const b = input({ shape: [null, 1], name: 'b' });
    const outputs = layers.gru({ units: 2 }).apply(layers.concatenate().apply([a, b]));
    const session = model({ inputs: [a, b], outputs, name: 'two' }).stream();
    const [one, two] = [Float32Array.of(1, 2), Float32Array.of(3)];
    await refusal(() => session.push({ a: one, c: two }), 'INVALID_ARGUMENT', { option: 'c' });
    await refusal(() => session.push({ a: one }), 'INVALID_ARGUMENT', { option: 'x.b' });
    await refusal(() => session.push([one]), 'INVALID_ARGUMENT', { option: 'x' });
    await refusal(() => session.push([two, one]), 'INVALID_ARGUMENT', { option: 'x.a' });
    await refusal(() => session.push(one), 'INVALID_ARGUMENT', { option: 'x' });
  });
});

describe('stream', () => {
  it('names the layer that needs the whole sequence', async () => {
    const layer = layers.gru({ units: 2, returnSequences: true });
    const both = layers.bidirectional({ layer, name: 'both' });
    const models = {
      both: sequential([both], { inputShape: [null, 3] }),
      reverse: sequential([layers.reverse(), layer], { inputShape: [null, 3] }),
      gru: sequential([layers.gru({ units: 2, goBackwards: true })], { inputShape: [null, 3] }),
    };
    for (const [name, built] of Object.entries(models)) {
      const error = await refusal(() => built.stream(), 'UNSUPPORTED', { layer: name });
      expect(error.message).toContain(name);
    }
    const x = input({ shape: [3, 2] });
    const joined = layers.concatenate({ axis: 1, name: 'longer' }).apply([x, x]);
    const longer = model({ inputs: [x], outputs: layers.gru({ units: 2 }).apply(joined) });
    await refusal(() => longer.stream(), 'UNSUPPORTED', { layer: 'longer' });
    const rows = sequential([layers.dense({ units: 1 })], { inputShape: [3] });
    await refusal(() => rows.stream(), 'UNSUPPORTED', { layer: 'input' });
  });

  it('knows four kinds of weights', async () => {
    const built = victim();
    for (const weights of ['float32', 'float16', 'bfloat16', 'int8'] as const) {
      built.stream({ weights }).dispose();
    }
    for (const weights of ['float64', 32, null]) {
      const call = () => built.stream({ weights } as never);
      await refusal(call, 'INVALID_ARGUMENT', { option: 'weights' });
    }
    await refusal(() => built.stream({ restor: 1 } as never), 'INVALID_ARGUMENT');
  });
});

describe('a session', () => {
  it('refuses everything after dispose, and dispose itself is harmless', async () => {
    const built = victim();
    const session = built.stream();
    session.dispose();
    session.dispose();
    session[Symbol.dispose]();
    const calls = [
      () => session.push(stepOf(0)),
      () => session.state,
      () => session.reset(),
      () => session.snapshot(),
      () => {
        session.state = new Float32Array(4);
      },
    ];
    for (const call of calls) await refusal(call, 'DISPOSED');
    expect(built.stream().push(stepOf(0))).toHaveLength(1);
  });

  it('outlives its model', async () => {
    const built = victim();
    const session = built.stream();
    const first = session.push(stepOf(0));
    built.dispose();
    await refusal(() => built.stream(), 'DISPOSED');
    session.push(stepOf(1));
    const { layout, state } = session.snapshot();
    expect(layout).toEqual([['gru/state', 4]]);
    expect(state).toHaveLength(4);
    session.reset();
    expect(session.push(stepOf(0))).toEqual(first);
  });
});
