// What a model tells about itself and about the machine: summary, explain, names, devices, threads.
import { devices, input, layers, model, sequential, setThreads, threads } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';
import { addon } from '../addon/support.js';
import { STRANGERS, sequences, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

describe('summary', () => {
  it('is a table of layers, shapes and parameters', () => {
    const list = [
      layers.normalization(),
      layers.gru({ units: 64, trainable: false }),
      layers.dense({ units: 1 }),
    ];
    const built = sequential(list, { inputShape: [100, 10], name: 'weather' });
    expect(built.summary()).toBe(
      [
        'Model: weather',
        'Layer                          Output shape   Parameters',
        '--------------------------------------------------------',
        'input (input)                  [null,100,10]           0',
        'normalization (normalization)  [null,100,10]          20',
        'gru (gru)                      [null,64]          14,592',
        'dense (dense)                  [null,1]               65',
        '--------------------------------------------------------',
        'Total parameters: 14,677 (57.3 KiB)',
        'Trainable: 65 (0.3 KiB)',
        'Not trainable: 14,612 (57.1 KiB)',
      ].join('\n'),
    );
  });

  it('shows all outputs of a layer, and counts shared parameters once', () => {
    const x = input({ shape: [null, 3] });
    const [sequence, state] = layers
      .gru({ units: 2, returnSequences: true, returnState: true })
      .apply(x);
    const shared = layers.dense({ units: 2 });
    const built = model({ inputs: x, outputs: [shared.apply(sequence), shared.apply(state)] });
    const text = built.summary();
    expect(text).toContain('[null,null,2] [null,2]');
    expect(text).toMatch(/dense \(dense\) +\[null,null,2\] +6/);
    expect(text).toMatch(/dense_shared_1 \(dense\) +\[null,2\] +0/);
    expect(text).toContain('Total parameters: 48');
  });
});

describe('explain', () => {
  afterEach(() => setThreads('auto'));

  it('lists every op with the kernel that runs it', () => {
    const explained = victim().explain({ batch: 32, steps: 10 });
    expect(explained.ops.length).toBeGreaterThan(1);
    for (const op of explained.ops) {
      expect(op).toEqual({
        layer: expect.stringMatching(/./),
        op: expect.stringMatching(/./),
        device: expect.stringMatching(/./),
        kernel: expect.stringMatching(/./),
        how: op.how === null ? null : expect.stringMatching(/./),
        detour: null,
        target: addon.cpu()?.target,
        threads: expect.any(Number),
        split: op.threads > 1 ? expect.stringMatching(/./) : null,
        beside: null,
        flop: expect.any(Number),
        bytes: expect.any(Number),
        predictedSeconds: op.flop > 0 ? expect.any(Number) : null,
        predictedGflops: op.flop > 0 ? expect.any(Number) : null,
        measuredSeconds: null,
        measuredGflops: null,
        fallback: op.fallback === null ? null : expect.stringMatching(/./),
      });
    }
    expect(explained.ops.map(({ layer }) => layer)).toEqual(
      expect.arrayContaining(['gru', 'dense']),
    );
    // The weights, with what is left free between them to keep each on lines of its own.
    expect(explained.parameterBytes).toBeGreaterThanOrEqual(113 * 4);
    expect(explained.threads).toBe(threads().count);
    const text = String(explained);
    for (const { kernel, how, target } of explained.ops) {
      expect(text).toContain(kernel);
      expect(text).toContain(how ?? '');
      expect(text).toContain(target);
    }
    expect(text).not.toMatch(/null|undefined|NaN|measured/);
  });

  it('counts operations and bytes', () => {
    const [B, T, I, H, O] = [32, 20, 10, 64, 3];
    const built = sequential([layers.gru({ units: H }), layers.dense({ units: O })], {
      inputShape: [T, I],
    });
    built.compile({ optimizer: 'sgd', loss: 'mse' });
    const { ops } = built.explain({ batch: B, mode: 'train' });
    const of = (name: string) => ops.find(({ op }) => op === name);
    expect(of('gru')?.flop).toBe(6 * B * T * H * (I + H));
    // No gradient by the inputs: only through the recurrent kernel and by the weights.
    expect(of('gruBackward')?.flop).toBe(6 * B * T * H * (H + I + H));
    expect(of('dense')?.flop).toBe(2 * B * H * O);
    expect(of('denseBackward')?.flop).toBe(4 * B * H * O);
    expect(of('loss')).toMatchObject({ flop: 0, predictedSeconds: null, predictedGflops: null });
    // x, the last states, and the weights in whole vectors.
    const least = 4 * (B * T * I + B * H + 3 * H * (I + H));
    expect(of('gru')?.bytes).toBeGreaterThan(least);
    expect(of('denseBackward')?.how).toMatch(/BLAS/);
    expect(of('gru')?.how).toMatch(/own products/);
  });

  it('shares out what is worth it, by rows or by columns', () => {
    setThreads(2);
    const built = sequential([layers.gru({ units: 64 }), layers.dense({ units: 512 })], {
      inputShape: [null, 10],
    });
    const explained = (batch: number) =>
      built.explain({ batch }).ops.map(({ split, threads }) => ({ split, threads }));
    const alone = { split: null, threads: 1 };
    expect(explained(1)).toEqual([alone, alone]);
    expect(explained(32)).toEqual([
      { split: expect.stringMatching(/./), threads: 2 },
      { split: 'columns', threads: 2 },
    ]);
    expect(explained(1024)[1]).toEqual({ split: 'rows', threads: 2 });
    setThreads(1);
    expect(explained(1024)).toEqual([alone, alone]);
  });

  it('tells which layers run side by side', () => {
    setThreads(2);
    const gru = () => layers.gru({ units: 8, returnSequences: true });
    const built = sequential([layers.bidirectional({ layer: gru(), name: 'both' }), gru(), gru()], {
      inputShape: [null, 3],
    });
    const beside = () =>
      built.explain().ops.flatMap(({ op, beside: other }) => (op === 'gru' ? [other] : []));
    expect(beside()).toEqual(['both', 'both', 'gru_1', 'gru']);
    expect(String(built.explain())).toContain(', beside gru_1');
    setThreads(1);
    expect(beside()).toEqual([null, null, null, null]);
  });

  it('needs more scratch memory for more rows, and for training', () => {
    const built = victim();
    const bytes = (options: Parameters<typeof built.explain>[0]) =>
      built.explain(options).arenaBytes;
    expect(bytes({ batch: 64 })).toBeGreaterThan(bytes({ batch: 8 }));
    expect(bytes({ batch: 8, mode: 'train' })).toBeGreaterThan(bytes({ batch: 8 }));
  });

  it('describes the plan of memory: low, asked for here or compiled', () => {
    const built = sequential([layers.gru({ units: 64 })], { inputShape: [null, 10] });
    const compile = (memory: 'fast' | 'low') =>
      built.compile({ optimizer: 'sgd', loss: 'mse', memory });
    const explained = (memory?: 'fast' | 'low') =>
      built.explain({ mode: 'train', ...(memory && { memory }) });
    compile('low');
    const low = explained();
    expect(low.arenaBytes).toBeLessThan(explained('fast').arenaBytes / 2);
    const flopOf = ({ ops }: typeof low) => ops.reduce((sum, { flop }) => sum + flop, 0);
    expect(flopOf(low)).toBeGreaterThan(flopOf(explained('fast')));
    compile('fast');
    expect(explained('low')).toEqual(low);
    // Nothing is kept for a backward pass that there is not.
    expect(built.explain({ memory: 'low' })).toEqual(built.explain({ memory: 'fast' }));
  });

  it('takes the steps of the model where these are fixed', () => {
    const fixed = sequential([layers.gru({ units: 4 })], { inputShape: [7, 3] });
    expect(fixed.explain({ steps: 1000 })).toEqual(fixed.explain({ steps: 7 }));
  });

  it('says on which device, and is strict where asked', async () => {
    const built = victim();
    const { ops } = built.explain({ device: 'reference' });
    expect(ops.every(({ device }) => device === 'reference')).toBe(true);
    expect(built.explain({ device: 'cpu', strict: true }).ops.length).toBe(ops.length);
  });

  it.each([
    ['gru', { resetAfter: false }, /resetAfter/],
    ['gru', { activation: 'relu' }, /tanh and sigmoid/],
    ['gru', { clip: 1 }, /not clipped/],
    ['gru', { layerNorm: true }, /layerNorm/],
    ['lstm', { recurrentActivation: 'hardSigmoid' }, /tanh and sigmoid/],
    ['lstm', { recurrentDropout: 0.5, dropout: 0.5 }, /recurrentDropout/],
  ] as const)('says why %s with %o makes a detour', (kind, options, why) => {
    const built = sequential([layers[kind]({ units: 3, ...options })], { inputShape: [null, 3] });
    built.compile({ optimizer: 'sgd', loss: 'mse' });
    const explained = built.explain({ mode: 'train', strict: true });
    const detours = explained.ops.filter(({ detour }) => detour !== null);
    expect(detours.map(({ op }) => op)).toEqual([kind, `${kind}Backward`]);
    for (const { detour } of detours) expect(detour).toMatch(why);
    expect(String(explained)).toMatch(new RegExp(`^${kind}: ${kind} makes a detour: `, 'm'));
    // Dropout is for training alone.
    const isDropout = 'recurrentDropout' in options;
    expect(built.explain().ops.every(({ detour }) => detour === null)).toBe(isDropout);
  });

  it('knows of no detour of a cell by default, nor of one that has one way', () => {
    const gated = { dropout: 0.5, zoneout: 0.1, recurrentDropConnect: 0.5 };
    for (const layer of [
      layers.gru({ units: 3, updateGate: 'replace', ...gated }),
      layers.lstm({ units: 3, ...gated }),
      layers.minGru({ units: 3, activation: 'relu' }),
      layers.simpleRnn({ units: 3, activation: 'relu', recurrentDropout: 0.5, dropout: 0.5 }),
    ]) {
      const built = sequential([layer], { inputShape: [null, 3] });
      built.compile({ optimizer: 'sgd', loss: 'mse' });
      const { ops } = built.explain({ mode: 'train' });
      expect(ops.filter(({ detour }) => detour !== null)).toEqual([]);
    }
  });

  it('refuses wrong options', async () => {
    const built = victim();
    const explain = (options: unknown) => () => built.explain(options as object);
    for (const extent of [0, -1, 1.5, 2 ** 31, 2 ** 53, '32', null]) {
      await refusal(explain({ batch: extent }), 'INVALID_ARGUMENT', { option: 'batch' });
      await refusal(explain({ steps: extent }), 'INVALID_ARGUMENT', { option: 'steps' });
    }
    await refusal(explain({ mode: 'fit' }), 'INVALID_ARGUMENT', { option: 'mode' });
    await refusal(explain({ strict: 1 }), 'INVALID_ARGUMENT', { option: 'strict' });
    await refusal(explain({ device: 'tpu' }), 'INVALID_ARGUMENT', { option: 'device' });
    await refusal(explain({ precision: 'int8' }), 'INVALID_ARGUMENT', { option: 'precision' });
    await refusal(explain({ batches: 1 }), 'INVALID_ARGUMENT', { option: 'batches' });
    built.explain({ batch: 2 ** 20, steps: 2 ** 10 });
    const most = { batch: 2 ** 31 - 1, steps: 2 ** 31 - 1 };
    await refusal(explain(most), 'OUT_OF_MEMORY', { layer: 'gru' });
    const bare = sequential([layers.dense({ units: 1 })], { inputShape: [3] });
    await refusal(() => bare.explain({ mode: 'train' }), 'CONFIG');
  });
});

describe('measure', () => {
  it('adds what was measured to what explain says, and changes nothing', async () => {
    const built = victim();
    built.compile({ optimizer: 'adam', loss: 'mse' });
    const before = built.getWeights();
    for (const mode of ['predict', 'train'] as const) {
      for (const device of ['cpu', 'reference']) {
        const options = { batch: 3, steps: 5, mode, device };
        const { ops, ...rest } = await built.measure(options);
        const { ops: explained, ...expected } = built.explain(options);
        expect(rest).toEqual(expected);
        for (const [i, op] of ops.entries()) {
          expect(op).toEqual({
            ...explained[i],
            measuredSeconds: expect.any(Number),
            measuredGflops: op.flop > 0 ? expect.any(Number) : null,
          });
          expect(op.measuredSeconds).toBeGreaterThan(0);
        }
      }
    }
    expect(built.getWeights()).toEqual(before);
    const text = String(await built.measure({ batch: 2, steps: 3 }));
    expect(text).toMatch(/GFLOP\/s predicted +measured +µs/);
    expect(text).not.toMatch(/null|undefined|NaN/);
  });

  it('takes several inputs, outputs, states and kinds of targets', async () => {
    const [a, b] = [input({ shape: [null, 3] }), input({ shape: [4] })];
    const state = layers.dense({ units: 5 }).apply(b);
    const carried = layers.gru({ units: 4, stateful: true, returnSequences: true }).apply(a);
    const hidden = layers.gru({ units: 5 }).apply(carried, { initialState: state });
    const classes = layers.dense({ units: 3 }).apply(hidden);
    const built = model({ inputs: [a, b], outputs: [hidden, classes] });
    built.compile({ optimizer: 'sgd', loss: ['mse', 'sparseCategoricalCrossentropy'] });
    for (const mode of ['predict', 'train'] as const) {
      const { ops } = await built.measure({ batch: 2, steps: 4, mode });
      expect(ops.every(({ measuredSeconds }) => Number(measuredSeconds) > 0)).toBe(true);
    }
    expect(built.getStates()).toEqual({});
  });

  it('ends with its signal', async () => {
    const built = victim();
    const controller = new AbortController();
    const call = built.measure({ batch: 4096, steps: 100, signal: controller.signal });
    setImmediate(() => controller.abort('enough'));
    await expect(call).rejects.toMatchObject({ name: 'AbortError', code: 'ABORTED' });
    const signal = AbortSignal.abort();
    await expect(built.measure({ signal })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('refuses what explain refuses, and disposed models', async () => {
    const built = victim();
    const measure = (options: unknown) => () => built.measure(options as object);
    for (const extent of [0, -1, 1.5, 2 ** 31, '32', null]) {
      await refusal(measure({ batch: extent }), 'INVALID_ARGUMENT', { option: 'batch' });
      await refusal(measure({ steps: extent }), 'INVALID_ARGUMENT', { option: 'steps' });
    }
    await refusal(measure({ signal: 1 }), 'INVALID_ARGUMENT', { option: 'signal' });
    await refusal(measure({ device: 'tpu' }), 'INVALID_ARGUMENT', { option: 'device' });
    await refusal(measure({ batch: 2 ** 31 - 1, steps: 2 ** 31 - 1 }), 'OUT_OF_MEMORY');
    await refusal(measure({ batch: 2 ** 26, steps: 2 ** 10 }), 'OUT_OF_MEMORY');
    const call = built.measure({ batch: 64, steps: 100 });
    built.dispose();
    expect((await call).ops.length).toBeGreaterThan(1);
    await refusal(measure({}), 'DISPOSED');
  });
});

describe('devices', () => {
  it('are listed with what they are', () => {
    const list = devices();
    expect(list.map(({ name }) => name)).toEqual(expect.arrayContaining(['cpu', 'reference']));
    for (const { available, description } of list) {
      expect(available).toBeTypeOf('boolean');
      expect(description).toMatch(/./);
    }
  });

  it('that are none are refused by every call, naming those that can be', async () => {
    const built = victim();
    for (const device of ['CPU', 'gpu', 'cuda:', 'cuda:-1', 'cuda:01', 'cuda:1000', '__proto__']) {
      const call = () => built.predict(sequences(1), { device });
      const text = await refusalText(call, 'INVALID_ARGUMENT', { option: 'device' });
      expect(text).toBe(
        "predict: expected 'cpu', 'cuda', 'cuda:N' with N from 0 on, 'auto' or 'reference' for device, " +
          `received '${device}' of type string`,
      );
    }
  });
});

describe('threads', () => {
  afterEach(() => setThreads('auto'));

  it('are counted and set', () => {
    const { affinity, cgroupQuota } = threads();
    expect(affinity).toBeGreaterThanOrEqual(1);
    if (cgroupQuota !== null) expect(cgroupQuota).toBeGreaterThan(0);
    setThreads(3);
    expect(threads()).toMatchObject({ count: 3, requested: 3 });
    setThreads('auto');
    expect(threads().requested).toBeNull();
  });

  it('change no result', async () => {
    const built = victim();
    const expected = await built.predict(sequences(50, 20));
    for (const count of [1, 2, 3, 5]) {
      setThreads(count);
      expect(await built.predict(sequences(50, 20))).toEqual(expected);
    }
  });

  it('that are no number of threads are refused', async () => {
    const counts = [0, -1, 1.5, 1025, 2 ** 31, 2 ** 53, '2', undefined];
    for (const count of [...counts, ...STRANGERS.map(([, value]) => value)]) {
      const call = () => setThreads(count as number);
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'setThreads', option: 'count' });
    }
  });
});
