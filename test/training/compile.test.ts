import { layers, losses, optimizers, sequential, tensor } from 'sluice';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { echo, echoTwice, linear } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { noiseTensor } from '../support/numbers.js';

const x = tensor([[1]]);
/** Squared errors of 4 at `a` and 9 at `b`, absolute ones of 2 and 3. */
const y = { a: tensor([[3]]), b: tensor([[4]]) };

describe('losses of several outputs', () => {
  it('one loss is that of all outputs', async () => {
    const m = echoTwice(1);
    m.compile({ loss: 'mse' });
    expect(await m.evaluate(x, y)).toEqual({ loss: 13, a_loss: 4, b_loss: 9 });
    m.compile({ loss: losses.huber({ delta: 1 }) });
    expect(await m.evaluate(x, y)).toEqual({ loss: 4, a_loss: 1.5, b_loss: 2.5 });
  });

  it('come as a record or as an array in the order of the outputs', async () => {
    const m = echoTwice(1);
    m.compile({ loss: { b: 'mae', a: 'mse' } });
    expect(await m.evaluate(x, y)).toEqual({ loss: 7, a_loss: 4, b_loss: 3 });
    m.compile({ loss: ['mae', 'mse'] });
    expect(await m.evaluate(x, y)).toEqual({ loss: 11, a_loss: 2, b_loss: 9 });
  });

  it('are weighted in the total, not on their own', async () => {
    const m = echoTwice(1);
    m.compile({ loss: 'mse', lossWeights: { b: 0.5 } });
    expect(await m.evaluate(x, y)).toEqual({ loss: 8.5, a_loss: 4, b_loss: 9 });
    m.compile({ loss: ['mse', 'mae'], lossWeights: [2, 0] });
    expect(await m.evaluate(x, y)).toEqual({ loss: 8, a_loss: 4, b_loss: 3 });
  });

  it('their weights reach the gradients', async () => {
    const m = echoTwice(1);
    m.compile({ loss: 'mse', lossWeights: { a: 2, b: 0.25 }, device: 'reference' });
    const { loss, gradients } = await m.gradients(x, y);
    expect(loss).toBe(2 * 4 + 0.25 * 9);
    expect(gradients['first/bias']?.data[0]).toBe(2 * 2 * (1 - 3));
    expect(gradients['second/bias']?.data[0]).toBe(0.25 * 2 * (1 - 4));
  });

  it('weigh a single output too', async () => {
    const m = echo(1);
    m.compile({ loss: 'mse', lossWeights: [0.5], metrics: ['mse'] });
    expect(await m.evaluate(x, tensor([[3]]))).toEqual({ loss: 2, mse: 4 });
  });
});

describe('compile refuses', () => {
  const invalid = 'INVALID_ARGUMENT' as const;
  const compile = (options: unknown) => () => echoTwice(1).compile(options as never);

  it('what is no loss', async () => {
    await expectFailure(compile({}), invalid, /expected a loss such as 'mse' for loss.*nothing/);
    await expectFailure(compile({ loss: 'rmse' }), invalid, /one of mse, meanSquaredError.*'rmse'/);
    await expectFailure(compile({ loss: 'toString' }), invalid, /'toString'/);
    await expectFailure(compile({ loss: [null, 'mse'] }), invalid, /the loss of output 'a'/);
    await expectFailure(compile({ loss: { kind: 'mse', delta: 1 } }), invalid, /kind/);
    await expectFailure(compile({ loss: { kind: 'huber', delta: -1 } }), invalid, /delta/);
    await expectFailure(compile(undefined), invalid, /loss/);
    await expectFailure(compile('mse'), invalid, /options/);
  });

  it('lists that do not fit the outputs', async () => {
    await expectFailure(compile({ loss: ['mse'] }), invalid, /each of the outputs a, b/);
    await expectFailure(compile({ loss: ['mse', 'mse', 'mse'] }), invalid, /outputs a, b/);
    await expectFailure(compile({ loss: { a: 'mse' } }), invalid, /the loss of output 'b'/);
    await expectFailure(
      compile({ loss: { a: 'mse', b: 'mse', c: 'mse' } }),
      invalid,
      /unknown output in loss 'c'/,
    );
    await expectFailure(compile({ loss: 'mse', lossWeights: 2 }), invalid, /lossWeights/);
    await expectFailure(compile({ loss: 'mse', lossWeights: [1] }), invalid, /lossWeights/);
    await expectFailure(compile({ loss: 'mse', lossWeights: { c: 1 } }), invalid, /'c'/);
    await expectFailure(compile({ loss: 'mse', metrics: [['mae']] }), invalid, /metrics/);
  });

  it('weights that are negative or no numbers', async () => {
    for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY, '1']) {
      await expectFailure(
        compile({ loss: 'mse', lossWeights: { a: bad } }),
        invalid,
        /lossWeights/,
      );
    }
  });

  it('unknown options, with the nearest name', async () => {
    const error = await expectFailure(
      compile({ loss: 'mse', optimiser: 'adam' }),
      invalid,
      /compile: unknown option 'optimiser', did you mean 'optimizer'\?/,
    );
    expect(error.details).toMatchObject({ option: 'optimiser' });
    await expectFailure(compile({ loss: 'mse', strict: 1 }), invalid, /strict/);
    await expectFailure(compile({ loss: 'mse', device: 0 }), invalid, /device/);
    await expectFailure(compile({ loss: 'mse', memory: 'slow' }), invalid, /'fast', 'low'/);
  });

  it('classes without classes', async () => {
    for (const loss of ['categoricalCrossentropy', 'sparseCategoricalCrossentropy'] as const) {
      const error = await expectFailure(
        () => echo(1).compile({ loss }),
        'CONFIG',
        /at least two classes, output 'echo' has 1 .*binaryCrossentropy/,
      );
      expect(error.details).toMatchObject({ layer: 'echo', option: 'loss', received: '1' });
    }
  });

  it('and leaves what was compiled before as it is', async () => {
    const m = echoTwice(1);
    m.compile({ loss: 'mse', optimizer: optimizers.sgd({ learningRate: 0.25 }) });
    await expectFailure(() => m.compile({ loss: 'rmse' as never }), invalid);
    expect(m.learningRate).toBe(0.25);
    expect(await m.evaluate(x, y)).toEqual({ loss: 13, a_loss: 4, b_loss: 9 });
  });
});

describe('before compile', () => {
  it('predict works, what needs a loss says so', async () => {
    const m = linear();
    const [rows, targets] = [noiseTensor([2, 2]), noiseTensor([2, 3])];
    await m.predict(rows);
    await m.gradients(rows, targets, { loss: 'mse' });
    await expectFailure(m.fit(rows, targets), 'CONFIG', /fit: the model is not compiled/);
    await expectFailure(m.trainOnBatch(rows, targets), 'CONFIG', /trainOnBatch/);
    await expectFailure(m.evaluate(rows, targets), 'CONFIG', /evaluate/);
    await expectFailure(m.gradients(rows, targets), 'CONFIG', /gradients \(or give it a loss\)/);
  });
});

describe('compile once more', () => {
  it('starts the optimizer afresh and keeps the weights', async () => {
    const [x2, y2] = [noiseTensor([4, 2], 1), noiseTensor([4, 3], 2)];
    const optimizer = optimizers.sgd({ learningRate: 0.1, momentum: 0.9 });
    const m = linear();
    m.compile({ loss: 'mse', optimizer });
    await m.fit(x2, y2, { epochs: 3 });
    const weights = m.getWeights();
    m.compile({ loss: 'mse', optimizer });
    expect(m.getWeights()).toEqual(weights);
    await m.trainOnBatch(x2, y2);

    const fresh = linear();
    fresh.setWeights(weights);
    fresh.compile({ loss: 'mse', optimizer });
    await fresh.trainOnBatch(x2, y2);
    expect(m.getWeights()).toEqual(fresh.getWeights());
  });

  it('changes loss, metrics and learning rate', async () => {
    const m = echo(1);
    m.compile({ loss: 'mse', metrics: ['mae'], optimizer: optimizers.sgd({ learningRate: 1 }) });
    m.learningRate = 3;
    expect(await m.evaluate(x, tensor([[3]]))).toEqual({ loss: 4, mae: 2 });
    m.compile({ loss: 'mae', metrics: ['mse'], optimizer: optimizers.sgd({ learningRate: 2 }) });
    expect(await m.evaluate(x, tensor([[3]]))).toEqual({ loss: 2, mse: 4 });
    expect(m.learningRate).toBe(2);
    // One update at the new rate: w = 1 - 2·sign(1 - 3).
    await m.trainOnBatch(x, tensor([[3]]));
    expect(m.getWeights()['echo/kernel']?.data[0]).toBe(3);
  });
});

describe('settings', () => {
  it('of compile hold for all calls, those of a call for that one', async () => {
    const m = sequential([layers.dense({ units: 1 })], { inputShape: [3], seed: 1 });
    m.setWeights({ 'dense/kernel': tensor([[1], [1], [1]]) });
    m.compile({ loss: 'mse', device: 'reference', optimizer: optimizers.sgd({ learningRate: 0 }) });
    // 2^24 + 1 is no float32: the one comes through in double alone.
    const sum = tensor([[2 ** 24, 1, -(2 ** 24)]]);
    const data = [sum, tensor([[0]])] as const;
    const cpu = { device: 'cpu' };
    const lossOf = async (options?: object) => (await m.fit(...data, options)).history.loss;
    expect((await m.predict(sum)).data[0]).toBe(1);
    expect((await m.predict(sum, cpu)).data[0]).toBe(0);
    expect(await m.evaluate(...data)).toEqual({ loss: 1 });
    expect(await m.evaluate(...data, cpu)).toEqual({ loss: 0 });
    expect(await lossOf({ epochs: 1 })).toEqual([1]);
    expect(await lossOf({ epochs: 1, ...cpu })).toEqual([0]);
    expect([m.explain().device, m.explain(cpu).device]).toEqual(['reference', 'cpu']);
    expect(m.explain().deviceReason).toBe(null);
  });

  it('strict accepts the reference device only where it was asked for', async () => {
    const m = echo(1);
    m.compile({ loss: 'mse', strict: true });
    expect(await m.evaluate(x, tensor([[3]]))).toEqual({ loss: 4 });
  });
});

describe('a sigmoid before binaryCrossentropy', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    ['sigmoid', 'binaryCrossentropy', 1],
    ['hardSigmoid', 'binaryCrossentropy', 1],
    ['linear', 'binaryCrossentropy', 0],
    ['sigmoid', 'mse', 0],
  ] as const)('%s with %s: %i warnings', (activation, loss, warnings) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const m = sequential([layers.dense({ units: 1, activation })], { inputShape: [1] });
    m.compile({ loss });
    expect(warn).toHaveBeenCalledTimes(warnings);
    if (warnings > 0) {
      expect(warn).toHaveBeenCalledWith(expect.stringMatching(/takes logits/), 'SluiceWarning');
    }
  });
});
