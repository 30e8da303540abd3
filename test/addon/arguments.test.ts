// Every function with arguments and receivers that it was not made for: an error, never a crash.
import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  addon,
  COMPILE,
  caught,
  expectCode,
  expectRejection,
  OPTIONS,
  slot,
  smallModel,
  trainable,
} from './support.js';

const { Batch, CancelToken, Model, Session, SessionPool } = addon;

function instances() {
  const { model, batch } = trainable();
  return {
    Model: model,
    Batch: batch,
    CancelToken: new CancelToken(),
    Session: new Session(model),
    SessionPool: new SessionPool(model, 3),
  };
}

// Everything that is no argument of anything here.
const STRANGERS: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['true', true],
  ['NaN', Number.NaN],
  ['-1', -1],
  ['1.5', 1.5],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['2^60', 2 ** 60],
  ['a string', 'predict'],
  ['a symbol', Symbol('s')],
  ['a bigint', 10n],
  ['a function', () => 1],
  ['an object', {}],
  ['an array', [1, 2]],
  ['a proxy', new Proxy({}, {})],
  ['a Date', new Date(0)],
  ['a Float64Array', new Float64Array(8)],
  ['an ArrayBuffer', new ArrayBuffer(8)],
  ['a DataView', new DataView(new ArrayBuffer(8))],
  ['a number object', new Number(1)],
];

type Method = (...args: unknown[]) => unknown;

/** All methods and getters of a class as functions to be called on any receiver. */
function functionsOf(Class: { prototype: object }): [string, Method][] {
  return Object.entries(Object.getOwnPropertyDescriptors(Class.prototype))
    .filter(([name]) => name !== 'constructor')
    .map(([name, { get, value }]) => [name, (get ?? value) as Method]);
}

const CLASSES = Object.entries({ Model, Batch, CancelToken, Session, SessionPool });

/** The error of a call that throws or returns a promise that rejects; null where it is accepted. */
async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return error;
  }
}

describe.each(CLASSES)('%s', (name, Class) => {
  it('refuses foreign receivers', async () => {
    const all: Record<string, object> = instances();
    const foreign = [
      ...STRANGERS.map(([, value]) => value),
      ...Object.keys(all)
        .filter((other) => other !== name)
        .map((other) => all[other]),
      Class,
      Class.prototype,
      Object.create(Class.prototype),
      Object.create(all[name] as object),
      new Proxy(all[name] as object, {}),
    ];
    for (const [, method] of functionsOf(Class)) {
      for (const receiver of foreign) {
        const error = await failureOf(() => method.call(receiver));
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
    }
  });

  it('must be called with new', () => {
    expectCode(() => (Class as unknown as Method)(), 'INVALID_ARGUMENT');
    expectCode(() => (Class as unknown as Method).call({}), 'INVALID_ARGUMENT');
  });

  it('survives strange arguments everywhere', async () => {
    for (const [method, call] of functionsOf(Class)) {
      for (const [, first] of STRANGERS) {
        for (const [, second] of STRANGERS) {
          if (method === 'dispose') continue;
          const receiver = instances()[name as 'Model'];
          const args = [first, second, first, second, first, second];
          const error = await failureOf(() => call.apply(receiver, args));
          if (error !== null)
            expect(error).toHaveProperty('code', expect.stringMatching(/^[A-Z_]+$/));
        }
      }
    }
  });

  it('survives strange arguments of its constructor', () => {
    if (name === 'CancelToken') return;
    for (const [, first] of STRANGERS) {
      for (const [, second] of STRANGERS) {
        const construct = Class as unknown as new (...args: unknown[]) => object;
        expect(caught(() => new construct(first, second, first)).code).toMatch(
          /^(INVALID_ARGUMENT|CONFIG)$/,
        );
      }
    }
  });

  it('may be subclassed', () => {
    class Derived extends CancelToken {}
    const token = new Derived();
    token.cancel();
    expect(token.cancelled).toBe(true);
    expect(Reflect.construct(CancelToken, [], Object)).toBeInstanceOf(Object);
  });
});

describe('numbers', () => {
  it('must be whole and in range', () => {
    const model = smallModel();
    const slots = [slot('input', [5, 3])];
    for (const rows of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 53, '2', 2n]) {
      expectCode(() => new Batch(model, rows as number, slots), 'INVALID_ARGUMENT');
    }
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53 + 2]) {
      expectCode(() => new Model({ nodes: [], outputs: [] }, seed), 'INVALID_ARGUMENT');
    }
  });

  it('that ask for more memory than there is give OUT_OF_MEMORY', () => {
    const model = smallModel();
    const most = 2 ** 31 - 1;
    expectCode(() => new Batch(model, most, [slot('input', [most, 3])]), 'OUT_OF_MEMORY');
    expectCode(() => new Batch(model, 2 ** 24, [slot('input', [2 ** 18, 3])]), 'OUT_OF_MEMORY');
    expect(caught(() => new Batch(model, 1, [slot('input', [2 ** 31, 3])])).code).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it('name the argument and what was received', () => {
    const error = caught(() => addon.setThreads(-1));
    expect(error).toMatchObject({
      message: expect.stringContaining('threads'),
      details: { option: 'threads', received: '-1' },
    });
    expect(error.details).not.toHaveProperty('layer');
  });
});

describe('options objects', () => {
  it('must have every member and no other', async () => {
    for (const key of Object.keys(OPTIONS)) {
      const { model, batch } = trainable();
      const { [key as 'seed']: _, ...rest } = OPTIONS;
      const missing = model.run('predict', batch, rest as typeof OPTIONS);
      await expectRejection(missing, 'INVALID_ARGUMENT');
      await expect(missing).rejects.toThrow(`options.${key}`);
    }
    const { model, batch } = trainable();
    const extra = model.run('predict', batch, { ...OPTIONS, sed: 1 } as typeof OPTIONS);
    await expect(extra).rejects.toThrow("'sed'");
  });

  it('are checked member by member', async () => {
    const { model, batch } = trainable();
    const wrong = {
      device: 1,
      cancel: {},
      training: 1,
      seed: 2 ** 53 + 2,
      step: -1,
      strict: null,
      memory: 'much',
    };
    for (const [key, value] of Object.entries({ ...wrong, microBatch: 0.5, requireFinite: 'no' })) {
      const run = model.run('predict', batch, { ...OPTIONS, [key]: value } as typeof OPTIONS);
      await expectRejection(run, 'INVALID_ARGUMENT');
      await expect(run).rejects.toThrow(`options.${key}`);
    }
    await model.run('predict', batch, { ...OPTIONS, seed: 2 ** 53, step: 2 ** 53 });
  });

  it('of compile are checked down to the leaves', () => {
    const model = smallModel();
    const [loss] = COMPILE.losses;
    const { optimizer } = COMPILE;
    const specs = [
      {},
      { ...COMPILE, more: 1 },
      { ...COMPILE, losses: [] },
      { ...COMPILE, losses: [{ ...loss, kind: 'mse' }] },
      { ...COMPILE, losses: [{ ...loss, weight: Number.NaN }] },
      { ...COMPILE, losses: new Proxy([], {}) },
      { ...COMPILE, metrics: [[{ kind: 'meanSquaredError' }]] },
      { ...COMPILE, optimizer: { ...optimizer, epsilonMode: 'tensorflow' } },
      { ...COMPILE, optimizer: { ...optimizer, nesterov: 0 } },
      { ...COMPILE, optimizer: { ...optimizer, learningRate: Number.POSITIVE_INFINITY } },
    ];
    for (const spec of specs) {
      expectCode(() => model.compile(spec as typeof COMPILE), 'INVALID_ARGUMENT');
    }
  });

  it('let exceptions of getters pass as they are', async () => {
    const { model, batch } = trainable();
    const mine = new RangeError('mine');
    const throwing = Object.defineProperty({ ...OPTIONS }, 'seed', {
      enumerable: true,
      get() {
        throw mine;
      },
    });
    await expect(model.run('predict', batch, throwing)).rejects.toBe(mine);
    expect(caught(() => new Model(throwing as never, 1))).toBe(mine);
  });
});

describe('process-wide functions', () => {
  it('answer', () => {
    expect(addon.devices()).toContainEqual({
      name: 'reference',
      available: true,
      description: expect.stringMatching(/./),
    });
    expect(addon.devices().map(({ name }) => name)).toContain('cpu');
    expect(addon.buildInfo()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      compiler: expect.stringMatching(/./),
      napi: 8,
    });
    const { limit, available, source } = addon.memory();
    expect(available).toBeGreaterThan(0);
    expect(limit).toBeGreaterThanOrEqual(available);
    expect(limit).toBeLessThanOrEqual(totalmem());
    expect(source === 'machine').toBe(limit === totalmem());
    const cpu = addon.cpu();
    expect(cpu?.targets[0]).toBe(cpu?.target);
    expect(addon.devices()[0]?.description).toContain(`${cpu?.target}, ${cpu?.blas.name}`);
    expect(cpu?.targets).not.toEqual(expect.arrayContaining(cpu?.unused ?? []));
    expect(cpu?.blas).toEqual({
      name: 'OpenBLAS',
      version: expect.stringMatching(/^\d+\.\d+/),
      build: expect.stringMatching(/^(openmp|pthread)$/),
      core: expect.stringMatching(/./),
      config: expect.stringMatching(/^OpenBLAS /),
    });
    const before = addon.threads();
    expect(before.count).toBeGreaterThanOrEqual(1);
    addon.setThreads(3);
    expect(addon.threads()).toMatchObject({ count: 3, requested: 3 });
    addon.setThreads(0);
    expect(addon.threads()).toEqual(before);
    for (const count of [-1, 1.5, 1e9, '2', undefined]) {
      expectCode(() => addon.setThreads(count as number), 'INVALID_ARGUMENT');
    }
  });

  it('look for a library once, among places that are described in full', () => {
    const place = { name: 'here', file: null, reason: 'not there' };
    const file = { name: 'a file', file: '/nowhere/none.so', reason: null };
    for (const places of [
      {},
      [1],
      [{}],
      [{ ...place, more: 1 }],
      [{ ...place, file: 5 }],
      [null],
    ]) {
      expectCode(() => addon.addLibrary('tpu', places as never), 'INVALID_ARGUMENT');
    }
    expectCode(() => addon.addLibrary(1 as never, []), 'INVALID_ARGUMENT');
    expect(addon.addLibrary('tpu', [place, file])).toEqual([
      { status: 'absent', reason: 'not there' },
      { status: 'failed', reason: expect.stringContaining('No such file') },
    ]);
    expect(addon.addLibrary('tpu', [])).toEqual([]);
    const reason = expect.stringMatching(/^here: not there; a file: .*No such file/);
    expect(addon.devices()).toContainEqual({ name: 'tpu', available: false, description: reason });
    expectCode(() => addon.requireDevice('tpu:3'), 'DEVICE_UNAVAILABLE');
    expect(addon.requireDevice('reference')).toBe(undefined);
    const choice = { device: 'cpu', reason: expect.stringMatching(/^tpu is not available: here/) };
    expect(addon.chooseDevice('tpu')).toEqual({ ...choice, isFirst: true });
    expect(addon.chooseDevice('tpu')).toEqual({ ...choice, isFirst: false });
  });

  it('refuse other precisions than there are', async () => {
    const { model, batch } = trainable();
    const run = model.run('predict', batch, { ...OPTIONS, precision: 'float64' as 'float32' });
    await expectRejection(run, 'INVALID_ARGUMENT');
    const explain = () => model.explain('predict', 1, 1, 'cpu', 'fast', 'half' as 'float32', false);
    expectCode(explain, 'INVALID_ARGUMENT');
  });
});
