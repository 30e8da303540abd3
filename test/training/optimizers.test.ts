import {
  layers,
  type Model,
  type Optimizer,
  optimizers,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { linear } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { expectClose, noiseTensor, range, rowsOf, sum } from '../support/numbers.js';
import * as formulas from '../support/optimizerFormulas.js';

const DEVICES = ['reference', 'cpu'] as const;
const STEPS = 6;
const ROWS = 5;

const x = noiseTensor([ROWS, 2], 21);
const y = noiseTensor([ROWS, 3], 22);

/** Kernel and bias as lists of numbers. */
function variablesOf(m: Model): number[][] {
  return Object.values(m.getWeights()).map(({ data }) => Array.from(data as Float32Array));
}

/** Gradients of the mean squared error of x·kernel + bias, by hand: 2/(N·O) Σ x (prediction - y). */
function gradientsByHand([kernel = [], bias = []]: number[][], inputs: Tensor, targets: Tensor) {
  const rows = rowsOf(inputs);
  const slopes = rows.map((row, n) =>
    bias.map((b, o) => {
      const prediction = b + sum(row.map((value, i) => value * (kernel[i * 3 + o] as number)));
      return (2 * (prediction - targets.at(n, o))) / (ROWS * 3);
    }),
  );
  const of = (o: number, factor: (n: number) => number) =>
    sum(slopes.map((row, n) => (row[o] as number) * factor(n)));
  return [
    range(6).map((k) => of(k % 3, (n) => inputs.at(n, Math.floor(k / 3)))),
    range(3).map((o) => of(o, () => 1)),
  ];
}

/** Trains and follows each step with the formula, always from the weights the model has. */
async function expectSteps(
  optimizer: Optimizer,
  formula: () => formulas.Step,
  { scale = 1, clip = {}, bound = 2e-7 }: { scale?: number; clip?: object; bound?: number } = {},
) {
  const targets = tensor(
    y.data.map((value) => scale * value),
    y.shape,
  );
  for (const device of DEVICES) {
    const m = linear();
    m.compile({ optimizer, loss: 'mse', device });
    let expected = variablesOf(m);
    const follow = formula();
    for (const _ of range(STEPS)) {
      const before = variablesOf(m);
      const gradients = formulas.clip(gradientsByHand(before, x, targets), clip);
      expected = follow(before, gradients);
      await m.trainOnBatch(x, targets);
      expectClose(variablesOf(m).flat(), expected.flat(), bound);
    }
    // The weights have moved by more than the bound could hide.
    const moved = variablesOf(m)
      .flat()
      .map((w, i) => Math.abs(w - (variablesOf(linear()).flat()[i] as number)));
    expect(Math.max(...moved)).toBeGreaterThan(100 * bound);
  }
}

describe('optimizers against their formulas in double', () => {
  const { sgd, rmsprop, adam, adamw } = optimizers;
  const cases: [string, Optimizer, () => formulas.Step][] = [
    ['sgd', sgd({ learningRate: 0.1 }), () => formulas.sgd(0.1)],
    ['sgd with momentum', sgd({ learningRate: 0.1, momentum: 0.9 }), () => formulas.sgd(0.1, 0.9)],
    [
      'sgd, nesterov',
      sgd({ learningRate: 0.1, momentum: 0.8, nesterov: true }),
      () => formulas.sgd(0.1, 0.8, true),
    ],
    // A large epsilon tells the places where it can stand apart.
    [
      'rmsprop',
      rmsprop({ learningRate: 0.01, rho: 0.7, epsilon: 0.01 }),
      () => formulas.rmsprop(0.01, 0.7, 0, 0.01),
    ],
    [
      'rmsprop with momentum',
      rmsprop({ learningRate: 0.01, momentum: 0.5 }),
      () => formulas.rmsprop(0.01, 0.9, 0.5, 1e-7),
    ],
    [
      "rmsprop, epsilonMode 'torch'",
      rmsprop({ learningRate: 0.01, epsilon: 0.01, epsilonMode: 'torch', momentum: 0.5 }),
      () => formulas.rmsprop(0.01, 0.9, 0.5, 0.01, 'torch'),
    ],
    [
      'adam',
      adam({ learningRate: 0.02, beta1: 0.8, beta2: 0.95, epsilon: 0.01 }),
      () => formulas.adam(0.02, 0.8, 0.95, 0.01),
    ],
    [
      "adam, epsilonMode 'torch'",
      adam({ learningRate: 0.02, epsilon: 0.01, epsilonMode: 'torch' }),
      () => formulas.adam(0.02, 0.9, 0.999, 0.01, 'torch'),
    ],
    [
      'adamw',
      adamw({ learningRate: 0.02, weightDecay: 0.3 }),
      () => formulas.adam(0.02, 0.9, 0.999, 1e-7, 'keras', 0.3),
    ],
    [
      "adamw, epsilonMode 'torch'",
      adamw({ learningRate: 0.02, weightDecay: 0.3, epsilonMode: 'torch' }),
      () => formulas.adam(0.02, 0.9, 0.999, 1e-8, 'torch', 0.3),
    ],
  ];

  it.each(cases)('%s', async (_name, optimizer, formula) => {
    await expectSteps(optimizer, formula);
  });

  const clips = [
    { clipValue: 0.5 },
    { clipVariableNorm: 0.75 },
    { clipNorm: 0.75 },
    { clipValue: 1, clipVariableNorm: 1.5, clipNorm: 1.25 },
    // Limits that nothing reaches change nothing.
    { clipValue: 1e6, clipVariableNorm: 1e6, clipNorm: 1e6 },
  ];
  it.each(clips)('gradients are clipped: %o', async (clip) => {
    const sgdClipped = sgd({ learningRate: 0.1, ...clip });
    await expectSteps(sgdClipped, () => formulas.sgd(0.1), { scale: 10, clip });
    const adamClipped = adam({ learningRate: 0.1, epsilon: 0.5, ...clip });
    await expectSteps(adamClipped, () => formulas.adam(0.1, 0.9, 0.999, 0.5), { scale: 10, clip });
  });

  it('the three ways to clip differ on these data', () => {
    const gradients = gradientsByHand(
      variablesOf(linear()),
      x,
      tensor(
        y.data.map((v) => 10 * v),
        y.shape,
      ),
    );
    const clipped = clips.map((clip) => formulas.clip(gradients, clip).flat().join());
    expect(new Set(clipped).size).toBe(clips.length);
  });
});

describe('variables that are not trained', () => {
  function twoLayers(): Model {
    const m = sequential([layers.dense({ units: 2 }), layers.dense({ units: 3 })], {
      inputShape: [2],
      seed: 3,
    });
    m.freeze('dense');
    return m;
  }

  it('do not decay', async () => {
    const m = twoLayers();
    m.compile({
      optimizer: optimizers.adamw({ learningRate: 0.1, weightDecay: 0.5 }),
      loss: 'mse',
    });
    const before = m.getWeights();
    await m.trainOnBatch(x, y);
    const after = m.getWeights();
    expect(after['dense/kernel']).toEqual(before['dense/kernel']);
    expect(after['dense/bias']).toEqual(before['dense/bias']);
    expect(after['dense_1/kernel']).not.toEqual(before['dense_1/kernel']);
  });

  it('do not count in the norm of all gradients', async () => {
    for (const device of DEVICES) {
      const m = twoLayers();
      m.compile({
        optimizer: optimizers.sgd({ learningRate: 1, clipNorm: 0.01 }),
        loss: 'mse',
        device,
      });
      const before = variablesOf(m).flat();
      await m.trainOnBatch(x, y);
      const step = variablesOf(m)
        .flat()
        .map((w, i) => w - (before[i] as number));
      expectClose(Math.hypot(...step), 0.01, 1e-6);
    }
  });
});

describe('what compile takes', () => {
  it.each(['sgd', 'rmsprop', 'adam', 'adamw'] as const)(
    '%s by name has the defaults of Keras',
    async (name) => {
      const [byName, made] = [linear(), linear()];
      byName.compile({ optimizer: name, loss: 'mse' });
      made.compile({ optimizer: optimizers[name](), loss: 'mse' });
      expect(byName.learningRate).toBe(
        { sgd: 0.01, rmsprop: 0.001, adam: 0.001, adamw: 0.001 }[name],
      );
      for (const m of [byName, made]) await m.fit(x, y, { epochs: 3 });
      expect(byName.getWeights()).toEqual(made.getWeights());
    },
  );

  it('defaults are those of Keras, epsilon follows its mode', () => {
    expect(optimizers.sgd()).toMatchObject({ learningRate: 0.01, momentum: 0, nesterov: false });
    expect(optimizers.rmsprop()).toMatchObject({ learningRate: 0.001, rho: 0.9, epsilon: 1e-7 });
    expect(optimizers.adam()).toMatchObject({
      learningRate: 0.001,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-7,
      epsilonMode: 'keras',
    });
    expect(optimizers.adamw().weightDecay).toBe(0.004);
    expect(optimizers.adam({ epsilonMode: 'torch' }).epsilon).toBe(1e-8);
    expect(optimizers.adam({ epsilonMode: 'torch', epsilon: 1e-7 }).epsilon).toBe(1e-7);
    expect(Object.isFrozen(optimizers.adam())).toBe(true);
  });

  it('nothing means rmsprop', async () => {
    const [nothing, named] = [linear(), linear()];
    nothing.compile({ loss: 'mse' });
    named.compile({ loss: 'mse', optimizer: 'rmsprop' });
    for (const m of [nothing, named]) await m.trainOnBatch(x, y);
    expect(nothing.getWeights()).toEqual(named.getWeights());
  });

  it('one optimizer may serve several models', async () => {
    const optimizer = optimizers.adam({ learningRate: 0.1 });
    const [a, b] = [linear(), linear()];
    for (const m of [a, b]) m.compile({ optimizer, loss: 'mse' });
    await a.fit(x, y, { epochs: 3 });
    await b.fit(x, y, { epochs: 3 });
    expect(b.getWeights()).toEqual(a.getWeights());
  });
});

describe('the learning rate', () => {
  it('can be read and set, and the next update uses it', async () => {
    const m = linear();
    await expectFailure(() => m.learningRate, 'CONFIG', /compile/);
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss: 'mse' });
    expect(m.learningRate).toBe(0.5);
    m.learningRate = 0;
    const before = m.getWeights();
    await m.trainOnBatch(x, y);
    expect(m.getWeights()).toEqual(before);
    m.learningRate = 0.25;
    const gradients = gradientsByHand(variablesOf(m), x, y);
    const expected = formulas.sgd(0.25)(variablesOf(m), gradients);
    await m.trainOnBatch(x, y);
    expectClose(variablesOf(m).flat(), expected.flat(), 2e-7);
    for (const rate of [-1, Number.NaN, Number.POSITIVE_INFINITY, '0.1' as never]) {
      const set = () => {
        m.learningRate = rate;
      };
      await expectFailure(set, 'INVALID_ARGUMENT', /learningRate/);
    }
    expect(m.learningRate).toBe(0.25);
  });

  it('may be set while fit is under way', async () => {
    const m = linear();
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss: 'mse' });
    const work = m.fit(noiseTensor([3000, 2], 1), noiseTensor([3000, 3], 2), { batchSize: 1 });
    // The engine is in the middle of an update at nearly all of these moments.
    for (const _ of range(20)) {
      await new Promise((resolve) => setImmediate(resolve));
      m.learningRate = 0;
    }
    const frozen = m.getWeights();
    await work;
    expect(m.learningRate).toBe(0);
    expectClose(
      variablesOf(m).flat(),
      Object.values(frozen).flatMap(({ data }) => [...data]),
      1,
    );
    const before = m.getWeights();
    await m.trainOnBatch(x, y);
    expect(m.getWeights()).toEqual(before);
  });

  it('is not undone by an evaluation that is under way', async () => {
    const m = linear();
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss: 'mse' });
    const before = m.getWeights();
    const evaluation = m.evaluate(noiseTensor([4000, 2], 1), noiseTensor([4000, 3], 2), {
      batchSize: 1,
    });
    m.learningRate = 0;
    await m.trainOnBatch(x, y);
    await evaluation;
    expect(m.getWeights()).toEqual(before);
  });
});

describe('options of optimizers', () => {
  const { sgd, rmsprop, adam, adamw } = optimizers;
  const wrong: [string, () => unknown, RegExp][] = [
    [
      'a negative rate',
      () => sgd({ learningRate: -1 }),
      /sgd: expected a finite number >= 0 for learningRate/,
    ],
    ['a rate that is no number', () => adam({ learningRate: '1' as never }), /learningRate/],
    ['momentum of 1', () => sgd({ momentum: 1 }), /momentum.*received 1/],
    ['rho of 1', () => rmsprop({ rho: 1 }), /rho/],
    ['beta1 of 1', () => adam({ beta1: 1 }), /beta1/],
    ['a negative beta2', () => adam({ beta2: -0.1 }), /beta2/],
    ['epsilon of 0', () => adam({ epsilon: 0 }), /epsilon/],
    ['an unknown mode', () => adam({ epsilonMode: 'tf' as never }), /'keras', 'torch'/],
    ['a negative decay', () => adamw({ weightDecay: -1 }), /weightDecay/],
    ['a negative norm', () => adam({ clipNorm: -1 }), /clipNorm/],
    ['an infinite norm', () => adam({ clipNorm: Number.POSITIVE_INFINITY }), /clipNorm/],
    ['nesterov as a number', () => sgd({ nesterov: 1 as never }), /nesterov/],
    ['a misspelt name', () => adam({ learningrate: 1 } as never), /did you mean 'learningRate'/],
    ["another optimizer's option", () => sgd({ beta1: 0.9 } as never), /unknown option 'beta1'/],
    [
      'weightDecay of adam',
      () => adam({ weightDecay: 0.1 } as never),
      /unknown option 'weightDecay'/,
    ],
    ['no object', () => adam(0.1 as never), /options/],
  ];

  it.each(wrong)('%s is refused', async (_name, call, message) => {
    await expectFailure(call, 'INVALID_ARGUMENT', message);
  });

  it('compile refuses what is no optimizer', async () => {
    const compile = (optimizer: unknown) => () =>
      linear().compile({ loss: 'mse', optimizer: optimizer as never });
    for (const value of ['adagrad', 'toString', null, 1, {}, { kind: 'adagrad' }]) {
      await expectFailure(compile(value), 'INVALID_ARGUMENT', /compile/);
    }
    await expectFailure(compile({ ...adam(), beta1: 2 }), 'INVALID_ARGUMENT', /beta1/);
    await expectFailure(compile({ ...adam(), more: 2 }), 'INVALID_ARGUMENT', /more/);
  });
});
