// The options of every call, of optimizers, losses, metrics and callbacks: names and types.
import { callbacks, losses, type Model, metrics, optimizers } from 'sluice';
import { beforeAll, describe, expect, it } from 'vitest';
import { failureOf } from '../support/failure.js';
import {
  afterHole,
  Bystander,
  STRANGERS,
  sequences,
  THROWING,
  targets,
  victim,
} from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

type Call = (options: unknown) => unknown;

interface Options {
  call: Call;
  /** Wrong values by option. */
  wrong: Record<string, readonly unknown[]>;
  /** Options that have to be there. */
  valid?: Record<string, unknown>;
}

let built: Model;
beforeAll(() => {
  built = victim();
});
const bystander = new Bystander();

const BOOLEAN = [0, 1, 'true', null];
const COUNT = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3', 2 ** 53, 3n, null];
const FROM_ZERO = COUNT.slice(1);
const AT_LEAST_ZERO = [-1, Number.NaN, Number.POSITIVE_INFINITY, '0.1', null];
const FRACTION = [-0.1, 1, 1.5, Number.NaN, '0.5', null];

const SETTINGS = {
  device: [5, '', null, 'gpu', 'CUDA', 'cuda:', ['cpu']],
  precision: ['float64', 'TF32', 16, null],
  strict: BOOLEAN,
  memory: ['slow', 1, null],
};
const CALL = { ...SETTINGS, signal: [{}, 'abort', null, new AbortController()] };
const INFERENCE = { ...CALL, batchSize: COUNT };
const RUN = { ...CALL, terminateOnNaN: BOOLEAN };

const CLIP = {
  clipValue: AT_LEAST_ZERO,
  clipVariableNorm: AT_LEAST_ZERO,
  clipNorm: AT_LEAST_ZERO,
};
const EPSILON = {
  epsilon: [0, -1, Number.NaN, '1'],
  epsilonMode: ['Keras', 'tensorflow', 1, null],
};
const ADAM = {
  learningRate: AT_LEAST_ZERO,
  beta1: FRACTION,
  beta2: FRACTION,
  ...EPSILON,
  ...CLIP,
};
const MONITOR = {
  monitor: ['', 5, null],
  mode: ['least', 1, null],
  minDelta: AT_LEAST_ZERO,
};

const x = sequences(4);
const y = targets(4);

const ALL: Record<string, Options> = {
  predict: { call: (options) => built.predict(x, options as object), wrong: INFERENCE },
  evaluate: {
    call: (options) => built.evaluate(x, y, options as object),
    wrong: { ...RUN, ...INFERENCE },
  },
  trainOnBatch: { call: (options) => built.trainOnBatch(x, y, options as object), wrong: CALL },
  gradients: {
    call: (options) => built.gradients(x, y, options as object),
    wrong: { ...CALL, training: BOOLEAN, loss: ['mean', 5, null, [], ['mse', 'mse'], { mse: 1 }] },
  },
  vjp: {
    call: (options) => built.vjp(x, y, options as object),
    wrong: { ...CALL, training: BOOLEAN },
  },
  fit: {
    call: (options) => built.fit(x, y, { verbose: 0, ...(options as object) }),
    wrong: {
      ...RUN,
      epochs: COUNT,
      initialEpoch: FROM_ZERO,
      batchSize: COUNT,
      shuffle: BOOLEAN,
      seed: FROM_ZERO,
      validationSplit: FRACTION,
      validationData: [5, [], [x], [x, y, [1], 1], { x }, { x, y, z: y }, null, 'xy'],
      validationFreq: COUNT,
      accumulateSteps: COUNT,
      callbacks: [{}, [null], [5], [{ onBatchEnd: 1 }], [{ onBatchend() {} }], afterHole({}), null],
      verbose: ['quiet', 3, -1, true, null],
    },
  },
  compile: {
    call: (options) => built.compile(options as never),
    valid: { loss: 'mse' },
    wrong: {
      ...SETTINGS,
      optimizer: ['Adam', 'toString', 5, null, [], { kind: 'x' }, { kind: 'adam', beta3: 1 }],
      loss: ['mean', 'toString', 5, null, [], ['mse', 'mse'], { other: 'mse' }, afterHole()],
      lossWeights: [[1, 1], [-1], ['1'], { other: 1 }, [Number.NaN], '1'],
      metrics: ['mae', ['loss'], ['mae', 'mae'], [5], { other: ['mae'] }, [{ kind: 'x' }], 5],
    },
  },
  'optimizers.sgd': {
    call: (options) => optimizers.sgd(options as object),
    wrong: { learningRate: AT_LEAST_ZERO, momentum: FRACTION, nesterov: BOOLEAN, ...CLIP },
  },
  'optimizers.rmsprop': {
    call: (options) => optimizers.rmsprop(options as object),
    wrong: {
      learningRate: AT_LEAST_ZERO,
      rho: FRACTION,
      momentum: FRACTION,
      ...EPSILON,
      ...CLIP,
    },
  },
  'optimizers.adam': { call: (options) => optimizers.adam(options as object), wrong: ADAM },
  'optimizers.adamw': {
    call: (options) => optimizers.adamw(options as object),
    wrong: { ...ADAM, weightDecay: AT_LEAST_ZERO },
  },
  'losses.huber': {
    call: (options) => losses.huber(options as object),
    wrong: { delta: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1', null] },
  },
  'metrics.binaryAccuracy': {
    call: (options) => metrics.binaryAccuracy(options as object),
    wrong: { threshold: [Number.NaN, '0', null], name: ['', 5, null] },
  },
  'callbacks.earlyStopping': {
    call: (options) => callbacks.earlyStopping(options as object),
    wrong: {
      ...MONITOR,
      patience: FROM_ZERO,
      restoreBest: BOOLEAN,
      baseline: [Number.NaN, '0', null],
      startFromEpoch: FROM_ZERO,
    },
  },
  'callbacks.reduceLROnPlateau': {
    call: (options) => callbacks.reduceLROnPlateau(options as object),
    wrong: {
      ...MONITOR,
      factor: [0, 1, 2, Number.NaN, '0.5', null],
      patience: FROM_ZERO,
      cooldown: FROM_ZERO,
      minLearningRate: AT_LEAST_ZERO,
    },
  },
};

/** Some options take any record, whose names are then looked at. */
const isRecord = (value: unknown) => Object.prototype.toString.call(value) === '[object Object]';

describe.each(Object.keys(ALL))('%s', (name) => {
  const { call, wrong, valid = {} } = ALL[name] as Options;

  it.each(Object.keys(wrong))('refuses wrong values of %s', async (option) => {
    const before = built.getWeights();
    const strangers = STRANGERS.map(([, value]) => value).filter((value) => !isRecord(value));
    for (const value of [...(wrong[option] ?? []), ...strangers]) {
      const error = await failureOf(() => call({ ...valid, [option]: value }));
      expect(error).toMatchObject({
        name: 'SluiceError',
        code: expect.stringMatching(/^(INVALID_ARGUMENT|CONFIG)$/),
        message: expect.stringMatching(/expected .+ for .+, received |unknown |exclude/),
      });
    }
    expect(built.getWeights()).toEqual(before);
    await bystander.check();
  });

  it('refuses options that it does not have', async () => {
    for (const option of ['bathcSize', 'Device', 'constructor', 'toString', '0']) {
      const text = await refusalText(() => call({ ...valid, [option]: 1 }), 'INVALID_ARGUMENT', {
        option,
      });
      expect(text).toMatch(new RegExp(`^${name}: unknown option '${option}'.*known: `));
    }
    const polluted = JSON.parse('{ "__proto__": { "batchSize": 7 } }');
    Object.assign(polluted, valid);
    if (name === 'fit') return;
    await refusal(() => call(polluted), 'INVALID_ARGUMENT', { option: '__proto__' });
  });

  it('refuses what is no object of options', async () => {
    if (name === 'fit') return;
    for (const options of [
      null,
      5,
      'verbose',
      true,
      [],
      new Map(),
      Promise.resolve(valid),
      () => 1,
    ]) {
      const details = { layer: name, option: 'options' };
      await refusal(() => call(options), 'INVALID_ARGUMENT', details);
    }
  });

  it('passes on what getters and proxies throw', async () => {
    const mine = new RangeError('mine');
    for (const option of Object.keys(wrong)) {
      const options = Object.defineProperty({ ...valid }, option, {
        enumerable: true,
        get() {
          throw mine;
        },
      });
      expect(await failureOf(() => call(options))).toBe(mine);
    }
    for (const [, proxy] of THROWING) {
      expect(String(await failureOf(() => call(proxy)))).toMatch(/trap|revoked/);
    }
  });

  it('calls no toJSON and no valueOf', async () => {
    const loud = {
      toJSON() {
        throw new Error('toJSON');
      },
      valueOf() {
        throw new Error('valueOf');
      },
      toString() {
        throw new Error('toString');
      },
    };
    for (const option of Object.keys(wrong)) {
      await refusal(() => call({ ...valid, [option]: loud }), 'INVALID_ARGUMENT');
    }
  });
});

describe('calls that return promises', () => {
  it('report everything by rejection', async () => {
    const never = (work: () => Promise<unknown>) => {
      const promise = work();
      expect(promise).toBeInstanceOf(Promise);
      return failureOf(promise);
    };
    const bad = Symbol('bad') as never;
    await never(() => built.predict(bad, bad));
    await never(() => built.evaluate(bad, bad, bad));
    await never(() => built.fit(bad, bad, bad));
    await never(() => built.trainOnBatch(bad, bad, bad));
    await never(() => built.gradients(bad, bad, bad));
    await never(() => built.vjp(bad, bad, bad));
    await never(() => built.save(bad));
  });
});

describe('other callbacks', () => {
  it('refuse what is no function', async () => {
    for (const [, value] of STRANGERS) {
      if (typeof value === 'function') continue;
      await refusal(() => callbacks.learningRateSchedule(value as never), 'INVALID_ARGUMENT');
      if (isRecord(value)) continue;
      if (value !== null && typeof value === 'object') continue;
      await refusal(() => callbacks.lambda(value as never), 'INVALID_ARGUMENT');
    }
    const typo = () => callbacks.lambda({ onEpochEnded() {} } as never);
    expect(await refusalText(typo, 'INVALID_ARGUMENT')).toContain("did you mean 'onEpochEnd'?");
    await refusal(() => callbacks.lambda({ onEpochEnd: 5 } as never), 'INVALID_ARGUMENT');
  });

  it('that give no learning rate end fit', async () => {
    for (const rate of [-1, Number.NaN, '1', undefined]) {
      const model = victim();
      const options = { callbacks: [callbacks.learningRateSchedule(() => rate as number)] };
      await refusal(() => model.fit(x, y, { ...options, verbose: 0 }), 'INVALID_ARGUMENT');
      expect((await model.predict(x)).shape).toEqual([4, 1]);
    }
  });
});
