// A model that was saved and loaded is the same model.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  input,
  layers,
  load,
  losses,
  metrics,
  model,
  optimizers,
  type Tensor,
  tensor,
} from 'sluice';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../lib/formats/safetensors.js';
import { failureOf } from '../support/failure.js';
import { doctored, safetensorsFile, takeApart } from '../support/files.js';
import { detach, STRANGERS, sequences, targets, victim } from '../support/hostile.js';
import { refusal } from '../support/refusal.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Every kind of layer, two inputs, states, sharing, and outputs as a record. */
function everything() {
  const x = input({ shape: [null, 3], name: 'series' });
  const s = input({ shape: [2], name: 'station' });
  const state = layers.dense({ units: 4, activation: 'tanh' }).apply(s);
  const scaled = layers.normalization({ mean: [1, 2, 3], variance: 4 }).apply(x);
  const [sequence, last] = layers
    .gru({ units: 4, returnSequences: true, returnState: true, resetAfter: false })
    .apply(scaled, { initialState: state });
  const shared = layers.dense({ units: 4, activation: { name: 'leakyRelu', alpha: 0.1 } });
  const twice = shared.apply(shared.apply(layers.reverse().apply(sequence)));
  const both = layers
    .bidirectional({
      layer: layers.gru({ units: 2, updateGate: 'replace', maskedOutput: 'repeat' }),
      backwardLayer: layers.gru({ units: 3, goBackwards: true }),
    })
    .apply(twice);
  const kept = layers.gru({ units: 2, stateful: true, name: 'kept' }).apply(sequence);
  const joined = layers.concatenate().apply([both, last, kept]);
  const dropped = layers.dropout({ rate: 0.5 }).apply(joined);
  const level = layers.activation({ activation: 'softplus' }).apply(dropped);
  const kind = layers.dense({ units: 3, kernelInitializer: { name: 'normal', stddev: 0.2 } });
  return model({
    inputs: [x, s],
    outputs: { level, kind: kind.apply(dropped) },
    seed: 2 ** 53 - 1,
    name: 'everything',
  });
}

const DATA = {
  series: sequences(5),
  station: tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 0], [5, 2]),
};

describe('save and load', () => {
  it('keep layers, weights, names, seed, losses, metrics and optimizer', async () => {
    const built = everything();
    built.compile({
      optimizer: optimizers.adamw({ learningRate: 0.01, clipNorm: 1, epsilonMode: 'torch' }),
      loss: { level: losses.huber({ delta: 0.5 }), kind: 'sparseCategoricalCrossentropy' },
      lossWeights: { level: 0.25 },
      metrics: { level: ['mae', metrics.binaryAccuracy({ threshold: 0.5 })], kind: ['accuracy'] },
    });
    built.freeze('kept');
    const again = await load<{ level: Tensor<'float32'>; kind: Tensor<'float32'> }>(
      await built.save(),
    );
    expect(again.name).toBe('everything');
    expect(again.seed).toBe(2 ** 53 - 1);
    expect(again.inputNames).toEqual(['series', 'station']);
    expect(again.outputNames).toEqual(['level', 'kind']);
    expect(again.weights).toEqual(built.weights);
    expect(again.getWeights()).toEqual(built.getWeights());
    expect(again.summary()).toBe(built.summary());
    expect(again.learningRate).toBe(0.01);
    expect(await again.predict(DATA)).toEqual(await built.predict(DATA));
    // Each went through the data once, so both have carried the same states.
    expect(again.getStates()).toEqual(built.getStates());
    const y = { level: tensor(new Float32Array(5 * 11), [5, 11]), kind: tensor(new Int32Array(5)) };
    expect(await again.trainOnBatch(DATA, y)).toEqual(await built.trainOnBatch(DATA, y));
    expect(again.getWeights()).toEqual(built.getWeights());
    // The second file says what the first one said, but for the weights.
    const [first, second] = [takeApart(await built.save()), takeApart(await again.save())];
    expect(second).toEqual(first);
  });

  it('keep the form of the outputs', async () => {
    const x = input({ shape: [3] });
    const out = layers.dense({ units: 1 }).apply(x);
    const one = tensor([[1, 2, 3]]);
    for (const outputs of [out, [out], { y: out }]) {
      const built = model({ inputs: x, outputs });
      const again = await load(await built.save());
      expect(await again.predict(one)).toEqual(await built.predict(one));
    }
  });

  it('keep values that are no numbers', async () => {
    const built = victim();
    const odd = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0, Number.MIN_VALUE);
    built.setWeights({ 'dense/kernel': tensor(odd, [4, 1]) });
    const again = await load(await built.save());
    expect(again.getWeights()['dense/kernel']?.data).toEqual(odd);
  });

  it('do not say that a model was compiled if it was not', async () => {
    const x = input({ shape: [3] });
    const built = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(x) });
    const again = await load(await built.save());
    await refusal(() => again.fit(tensor([[1, 2, 3]]), tensor([[1]])), 'CONFIG');
  });

  it('go through a path, a file URL, bytes, a Buffer, and memory of any kind', async () => {
    const built = victim();
    const x = sequences(3);
    const expected = await built.predict(x);
    const path = join(folder, 'modèle 1.safetensors');
    expect(await built.save(path)).toBeUndefined();
    const bytes = await built.save();
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    const offset = new Uint8Array(bytes.length + 3).subarray(3);
    offset.set(bytes);
    const file = await readFile(path);
    for (const source of [path, pathToFileURL(path), bytes, bytes.buffer, file, shared, offset]) {
      const again = await load(source as string);
      expect(await again.predict(x)).toEqual(expected);
      again.dispose();
    }
  });

  it('read bytes at the call, whatever happens to them afterwards', async () => {
    const built = victim();
    for (const spoil of [detach, (bytes: Uint8Array) => bytes.fill(0)]) {
      const bytes = await built.save();
      const loading = load(bytes);
      spoil(bytes);
      expect((await loading).getWeights()).toEqual(built.getWeights());
    }
  });

  it('write during fit what a whole step left', async () => {
    const built = victim();
    const files: Promise<Uint8Array>[] = [];
    const weights: unknown[] = [];
    await built.fit(sequences(64), targets(64), {
      batchSize: 8,
      verbose: 0,
      callbacks: [
        {
          onBatchEnd() {
            files.push(built.save());
            weights.push(built.getWeights());
          },
        },
      ],
    });
    const loaded = await Promise.all(files.map(async (file) => load(await file)));
    expect(loaded.map((again) => again.getWeights())).toEqual(weights);
  });

  it('are refused after dispose', async () => {
    const built = victim();
    built.dispose();
    await refusal(() => built.save(), 'DISPOSED');
    await refusal(() => built.save(join(folder, 'disposed')), 'DISPOSED');
    expect(await readdir(folder)).not.toContain('disposed');
  });
});

describe('sources and targets that are none', () => {
  it('no bytes and no path', async () => {
    const none = STRANGERS.filter(([name]) => name !== 'an ArrayBuffer');
    for (const [, source] of [...none, ['', 5], ['', []], ['', new Float32Array(8)]]) {
      await refusal(() => load(source as string), 'INVALID_ARGUMENT', { option: 'source' });
      const path = () => victim().save(source as string);
      await refusal(path, 'INVALID_ARGUMENT', { option: 'path' });
    }
  });

  it('bytes in memory that is gone', async () => {
    const bytes = await victim().save();
    detach(bytes);
    await refusal(() => load(bytes), 'INVALID_ARGUMENT', { option: 'source' });
  });

  it('a file that is not there, a folder, a folder that is not there: as Node says it', async () => {
    const missing = join(folder, 'no', 'model');
    expect(await failureOf(load(missing))).toMatchObject({ code: 'ENOENT', path: missing });
    expect(await failureOf(load(folder))).toMatchObject({ code: 'EISDIR' });
    expect(await failureOf(victim().save(missing))).toMatchObject({ code: 'ENOENT' });
    expect(await failureOf(victim().save(folder))).toMatchObject({
      code: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST/),
    });
    expect(await failureOf(load(new URL('http://example.com/model')))).toBeInstanceOf(TypeError);
    expect(await failureOf(load('a\0b'))).toBeInstanceOf(TypeError);
  });

  it('files of other kinds', async () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13);
    const zip = Uint8Array.from(Buffer.from('PK\x03\x04 and more of it'));
    const text = new Uint8Array(Buffer.from('{"nodes": [], "and": "so on"}'));
    for (const content of [new Uint8Array(0), png, zip, text, new Uint8Array(64)]) {
      await refusal(() => load(content), 'FORMAT');
      const path = join(folder, 'foreign');
      await writeFile(path, content);
      await refusal(() => load(path), 'FORMAT');
    }
  });

  it('safetensors files of other programs, saying what they are', async () => {
    const golden = join(__dirname, '..', 'golden', 'torch-gru');
    const [name = ''] = await readdir(golden);
    const error = await refusal(() => load(join(golden, name)), 'FORMAT');
    expect(error.message).toContain('is not a model of sluice');
    const bare = safetensorsFile({}, new Uint8Array(0));
    expect((await refusal(() => load(bare), 'FORMAT')).message).toContain('not a model of sluice');
  });
});

describe('the version of the format', () => {
  const withVersion = async (version: string) =>
    doctored(await victim().save(), (_record, { __metadata__: metadata }) => {
      (metadata as Record<string, string>)['sluice.format'] = version;
    });

  it('is written', async () => {
    const { metadata } = readSafetensors(await victim().save());
    expect(metadata['sluice.format']).toBe('1');
    expect(metadata['sluice.version']).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('of the future is named, with who wrote it and what to do', async () => {
    for (const version of ['2', '10', '9007199254740991']) {
      const file = await withVersion(version);
      const { message } = await refusal(() => load(file), 'FORMAT');
      expect(message).toContain(`format version ${version}`);
      expect(message).toContain('update the package');
    }
  });

  it('has to be a whole number', async () => {
    for (const version of ['', '0', '-1', '1.5', '1e0', ' 1', '0x1', 'one', '9007199254740993']) {
      const file = await withVersion(version);
      expect((await refusal(() => load(file), 'FORMAT')).message).toContain('is not a number');
    }
  });
});
