// What a model tells about itself and about the machine: summary, explain, names, devices, threads.
import { devices, input, layers, model, sequential, setThreads, threads } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';
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
  it('lists every op with the kernel that runs it', () => {
    const explained = victim().explain({ batch: 32, steps: 10 });
    expect(explained.ops.length).toBeGreaterThan(1);
    for (const op of explained.ops) {
      expect(op).toEqual({
        layer: expect.stringMatching(/./),
        op: expect.stringMatching(/./),
        device: expect.stringMatching(/./),
        kernel: expect.stringMatching(/./),
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
    for (const { kernel } of explained.ops) expect(text).toContain(kernel);
    expect(text).toContain('why not faster');
  });

  it('needs more scratch memory for more rows, and for training', () => {
    const built = victim();
    const bytes = (options: Parameters<typeof built.explain>[0]) =>
      built.explain(options).arenaBytes;
    expect(bytes({ batch: 64 })).toBeGreaterThan(bytes({ batch: 8 }));
    expect(bytes({ batch: 8, mode: 'train' })).toBeGreaterThan(bytes({ batch: 8 }));
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

  it('refuses wrong options', async () => {
    const built = victim();
    const explain = (options: unknown) => () => built.explain(options as object);
    for (const extent of [0, -1, 1.5, 2 ** 31, 2 ** 53, '32', null]) {
      await refusal(explain({ batch: extent }), 'INVALID_ARGUMENT', { option: 'batch' });
      await refusal(explain({ steps: extent }), 'INVALID_ARGUMENT', { option: 'steps' });
    }
    await refusal(explain({ mode: 'fit' }), 'INVALID_ARGUMENT', { option: 'mode' });
    await refusal(explain({ strict: 1 }), 'INVALID_ARGUMENT', { option: 'strict' });
    await refusal(explain({ device: 'tpu' }), 'DEVICE_UNAVAILABLE', { option: 'device' });
    await refusal(explain({ batches: 1 }), 'INVALID_ARGUMENT', { option: 'batches' });
    built.explain({ batch: 2 ** 20, steps: 2 ** 10 });
    const most = { batch: 2 ** 31 - 1, steps: 2 ** 31 - 1 };
    await refusal(explain(most), 'OUT_OF_MEMORY', { layer: 'gru' });
    const bare = sequential([layers.dense({ units: 1 })], { inputShape: [3] });
    await refusal(() => bare.explain({ mode: 'train' }), 'CONFIG');
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

  it('that are none are refused by every call, naming those there are', async () => {
    const built = victim();
    for (const device of ['cuda', 'CPU', 'toString', '__proto__']) {
      const call = () => built.predict(sequences(1), { device });
      const text = await refusalText(call, 'DEVICE_UNAVAILABLE', { option: 'device' });
      expect(text).toMatch(/'cpu'.*'reference'/);
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
