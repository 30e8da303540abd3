// Model files that were cut off or changed at random: they load as a model or are refused.
import fc from 'fast-check';
import { input, layers, load, type Model, model, SluiceError } from 'sluice';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { doctored, put } from '../support/files.js';
import { Bystander, sequences, victim } from '../support/hostile.js';

let file: Uint8Array;
beforeAll(async () => {
  file = await victim().save();
});

const bystander = new Bystander();
afterEach(() => bystander.check());

/** What loading bytes comes to; anything but a model and FORMAT ends the test. */
async function outcome(bytes: Uint8Array): Promise<'loaded' | 'refused'> {
  let loaded: Model;
  try {
    loaded = await load(bytes);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'FORMAT') return 'refused';
    // A flipped digit may ask for more than there is; to say so is right.
    if (error instanceof SluiceError && error.code === 'OUT_OF_MEMORY') return 'refused';
    throw error;
  }
  // What loads has to run, and to be saved as something that loads again.
  const [name = ''] = loaded.inputNames;
  const error = await loaded.predict({ [name]: sequences(2) }).catch((reason) => reason);
  // A number of steps may have become fixed.
  if (error instanceof Error) expect(error).toMatchObject({ code: 'SHAPE_MISMATCH' });
  const again = await load(await loaded.save());
  expect(again.getWeights()).toEqual(loaded.getWeights());
  again.dispose();
  loaded.dispose();
  return 'loaded';
}

describe('a file that was damaged', () => {
  it('is refused wherever it was cut off', async () => {
    for (let length = 0; length < file.length; length++) {
      expect(await outcome(file.slice(0, length))).toBe('refused');
    }
    expect(await outcome(file)).toBe('loaded');
  });

  it('is refused where anything was added', async () => {
    for (const extra of [1, 4, 8, 4096]) {
      expect(await outcome(new Uint8Array(Buffer.concat([file, Buffer.alloc(extra)])))).toBe(
        'refused',
      );
    }
  });

  it('loads as a model or is refused, whichever bytes were changed', async () => {
    const outcomes = { loaded: 0, refused: 0 };
    const flips = fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(flips, async (changes) => {
        const bytes = file.slice();
        for (const [at, bits] of changes) bytes[at] = (bytes[at] as number) ^ bits;
        outcomes[await outcome(bytes)]++;
      }),
      { seed: 20240229, numRuns: 3000 },
    );
    // Most of a file is its description; flips among the weights only change numbers.
    expect(outcomes.loaded).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });

  it('loads as a model or is refused, whichever character of the header was replaced', async () => {
    const end = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
    const characters = fc.constantFrom(...'{}[]",:0123456789-.eE \\tnulfase_/ABXxz\u0000\u007f');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: end - 1 }), characters, async (at, character) => {
        const bytes = file.slice();
        bytes[at] = character.charCodeAt(0);
        await outcome(bytes);
      }),
      { seed: 7, numRuns: 3000 },
    );
  });

  it('loads as a model or is refused, whichever value of its description was replaced', async () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(-1, 0, 0.5, 2 ** 31, 2 ** 53, 1e308, '', '__proto__', 'gru', 'dense', 'a\0b'),
    );
    for (const [source, numRuns] of [
      [file, 1500],
      [await everyLayer().save(), 4000],
    ] as const) {
      const paths = pathsOf(JSON.parse(readModel(source)));
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...paths), values, async (path, value) => {
          await outcome(doctored(source, (record) => put(record, path, value)));
        }),
        { seed: 11, numRuns },
      );
    }
  });
});

/** One input, one output, and in between one of each kind, and one that is used twice. */
function everyLayer(): Model {
  const x = input({ shape: [null, 3] });
  const shared = layers.dense({ units: 3, activation: 'softplus' });
  const scaled = layers.normalization({ mean: 1, variance: 2 }).apply(x);
  const twice = shared.apply(shared.apply(layers.dropout({ rate: 0.5 }).apply(scaled)));
  const inner = layers.gru({ units: 2, stateful: true, kernelInitializer: 'heNormal' });
  const both = layers.bidirectional({ layer: inner }).apply(layers.reverse().apply(twice));
  const start = layers.dense({ units: 4 }).apply(both);
  const last = layers.gru({ units: 4 }).apply(twice, { initialState: start });
  const joined = layers.concatenate().apply([both, last]);
  return model({
    inputs: x,
    outputs: layers.activation({ activation: 'elu' }).apply(joined),
    seed: 1,
  });
}

function readModel(bytes: Uint8Array): string {
  let text = '';
  doctored(bytes, (record) => {
    text = JSON.stringify(record);
  });
  return text;
}

/** Paths to all values within a value, containers included. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  const inside =
    value !== null && typeof value === 'object'
      ? Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))
      : [];
  return path.length > 0 ? [path, ...inside] : inside;
}
