// The forms in which rows are handed in, and what is said about those that do not fit.
import { input, layers, type Model, type ModelData, model, sequential, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, echoTwice, linear, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { noiseTensor } from '../support/numbers.js';

/** Inputs `series` [rows, steps, 2] and `station` [rows, 3]. */
function twoInputs() {
  const series = input({ shape: [null, 2], name: 'series' });
  const station = input({ shape: [3], name: 'station' });
  const start = layers.dense({ units: 4 }).apply(station);
  const last = layers.gru({ units: 4 }).apply(series, { initialState: start });
  const outputs = layers.dense({ units: 1, name: 'level' }).apply(last);
  const m = model({ inputs: [series, station], outputs, seed: 1 });
  m.compile({ loss: 'mse' });
  return m;
}

describe('x', () => {
  const series = noiseTensor([5, 4, 2], 51);
  const station = noiseTensor([5, 3], 52);

  it('of several inputs is a record by name or an array by position', async () => {
    const m = twoInputs();
    const byName = await m.predict({ series, station });
    expect(byName.shape).toEqual([5, 1]);
    expect(await m.predict({ station, series })).toEqual(byName);
    expect(await m.predict([series, station])).toEqual(byName);
  });

  it('of one input is a tensor as well', async () => {
    const m = linear();
    const x = noiseTensor([4, 2]);
    const expected = await m.predict(x);
    expect(await m.predict([x])).toEqual(expected);
    expect(await m.predict({ [m.inputNames[0] as string]: x })).toEqual(expected);
  });

  it('may hold whole numbers and booleans where floats are wanted', async () => {
    const m = echo(2);
    const whole = await m.predict(tensor(Int32Array.of(1, 0, -3, 1), [2, 2]));
    expect([...whole.data]).toEqual([1, 0, -3, 1]);
    const truth = await m.predict(tensor([[true, false]]));
    expect([...truth.data]).toEqual([1, 0]);
  });

  it('may be a view into larger memory', async () => {
    const memory = Float32Array.of(9, 9, 1, 2, 3, 4, 9, 9);
    const view = tensor(memory.subarray(2, 6), [2, 2]);
    expect([...(await echo(2).predict(view)).data]).toEqual([1, 2, 3, 4]);
  });

  it('is copied at the call where it is small', async () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const work = echo(2).predict(tensor(data, [2, 2]));
    data.fill(0);
    expect([...(await work).data]).toEqual([1, 2, 3, 4]);
  });

  it('has to be tensors, and the message says how to make them', async () => {
    const m = linear();
    const calls: [unknown, RegExp][] = [
      [[[1, 2]], /expected a tensor for x.*wrap it in tensor\(\.\.\.\)/],
      [Float32Array.of(1, 2), /wrap it in tensor/],
      [undefined, /expected a tensor for x, received nothing/],
      [null, /expected a tensor for x, received null/],
      ['rows', /expected a tensor for x, received 'rows'/],
      [{ data: [1, 2], shape: [1, 2] }, /unknown name in x 'data'/],
      [[noiseTensor([1, 2]), noiseTensor([1, 2])], /expected a tensor for x/],
    ];
    for (const [x, message] of calls) {
      await expectFailure(m.predict(x as ModelData), 'INVALID_ARGUMENT', message);
    }
  });

  it('has to name the inputs, all of them and no others', async () => {
    const m = twoInputs();
    const predict = (x: unknown) => m.predict(x as ModelData);
    const invalid = 'INVALID_ARGUMENT';
    await expectFailure(predict(series), invalid, /2 tensors.*\{ series, station \}/);
    await expectFailure(predict({ series }), invalid, /a tensor for x\.station, received nothing/);
    await expectFailure(
      predict({ series, station, stations: station }),
      invalid,
      /unknown name in x 'stations', did you mean 'station'\?/,
    );
    await expectFailure(predict({ series, station: [[1]] }), invalid, /x\.station.*wrap it/);
    await expectFailure(predict([series]), invalid, /2 tensors/);
  });

  it('has to have the shape that the model was built for', async () => {
    const m = smallGru();
    const error = await expectFailure(
      m.predict(noiseTensor([4, 3, 5])),
      'SHAPE_MISMATCH',
      /^gru: input has 5 features, the layer was built for 2 \(shape \[4,3,5\]\)$/,
    );
    expect(error.details).toEqual({
      layer: 'gru',
      expected: '[null,null,2]',
      received: '[4,3,5]',
    });
    await expectFailure(
      m.predict(noiseTensor([4, 2])),
      'SHAPE_MISMATCH',
      /has 2 axes.*built for 3/,
    );
    const fixed = sequential([layers.gru({ units: 2 })], { inputShape: [6, 2] });
    await expectFailure(
      fixed.predict(noiseTensor([4, 5, 2])),
      'SHAPE_MISMATCH',
      /input has 5 steps, the layer was built for 6/,
    );
    const swapped = twoInputs().predict([station, series]);
    await expectFailure(swapped, 'SHAPE_MISMATCH', /input 'series' has 2 axes/);
  });

  it('has to have the same number of rows everywhere', async () => {
    const m = twoInputs();
    const error = await expectFailure(
      m.predict({ series, station: noiseTensor([4, 3]) }),
      'SHAPE_MISMATCH',
      /x\.station has 4 rows, the inputs have 5/,
    );
    expect(error.details).toMatchObject({ expected: '5', received: '4' });
  });
});

describe('y', () => {
  it('of several outputs is a record by name or an array by position', async () => {
    const m = echoTwice(1);
    m.compile({ loss: 'mse' });
    const [x, a, b] = [tensor([[1]]), tensor([[2]]), tensor([[4]])];
    const expected = { loss: 10, a_loss: 1, b_loss: 9 };
    expect(await m.evaluate(x, { b, a })).toEqual(expected);
    expect(await m.evaluate(x, [a, b])).toEqual(expected);
    await expectFailure(m.evaluate(x, a), 'INVALID_ARGUMENT', /2 tensors.*\{ a, b \}.*for y/);
    await expectFailure(m.evaluate(x, { a }), 'INVALID_ARGUMENT', /y\.b/);
    await expectFailure(m.evaluate(x, { a, b, c: a }), 'INVALID_ARGUMENT', /name in y 'c'/);
  });

  it('has as many rows as x', async () => {
    const m = linear();
    m.compile({ loss: 'mse' });
    const [x, y] = [noiseTensor([4, 2]), noiseTensor([3, 3])];
    for (const work of [m.fit(x, y), m.evaluate(x, y), m.gradients(x, y)]) {
      await expectFailure(work, 'SHAPE_MISMATCH', /y of linear has 3 rows, the inputs have 4/);
    }
    await expectFailure(m.trainOnBatch(x, y), 'SHAPE_MISMATCH', /3 rows/);
  });

  it('has the shape of the output; a last axis of one value may be left out', async () => {
    const m = smallGru();
    m.compile({ loss: 'mse' });
    const x = noiseTensor([3, 4, 2]);
    const y = noiseTensor([3, 1], 2);
    expect(await m.evaluate(x, tensor(y.data, [3]))).toEqual(await m.evaluate(x, y));
    const error = await expectFailure(
      m.evaluate(x, noiseTensor([3, 2])),
      'SHAPE_MISMATCH',
      /dense: y has shape \[3,2\], the loss meanSquaredError expects \[3,1\]/,
    );
    expect(error.details).toEqual({ layer: 'dense', expected: '[null,1]', received: '[3,2]' });
    await expectFailure(m.evaluate(x, noiseTensor([3, 4, 1])), 'SHAPE_MISMATCH', /\[3,4,1\]/);
  });

  it('of sequences has the steps of x', async () => {
    const m = echo(1, null);
    m.compile({ loss: 'mse' });
    const x = noiseTensor([3, 4, 1]);
    expect(await m.evaluate(x, x)).toEqual({ loss: 0 });
    expect(await m.evaluate(x, tensor(x.data, [3, 4]))).toEqual({ loss: 0 });
    await expectFailure(m.evaluate(x, noiseTensor([3, 5, 1])), 'SHAPE_MISMATCH', /\[3,4,1\]/);
  });
});

describe('no rows', () => {
  const none = (width: number) => tensor(new Float32Array(0), [0, width]);

  it('cannot be trained on', async () => {
    const m = linear();
    m.compile({ loss: 'mse' });
    const calls: ((model: Model) => Promise<unknown>)[] = [
      (it) => it.fit(none(2), none(3)),
      (it) => it.fit(none(2), none(3), { validationData: [none(2), none(3)] }),
      (it) => it.trainOnBatch(none(2), none(3)),
      (it) => it.gradients(none(2), none(3)),
    ];
    const before = m.getWeights();
    for (const call of calls) {
      await expectFailure(call(m), 'INVALID_ARGUMENT', /there are no rows to train on/);
    }
    expect(m.getWeights()).toEqual(before);
  });

  it('give no predictions, in the right shape', async () => {
    expect((await linear().predict(none(2))).shape).toEqual([0, 3]);
    const steps = await echo(2, null).predict(tensor(new Float32Array(0), [0, 5, 2]));
    expect(steps.shape).toEqual([0, 5, 2]);
    const both = await echoTwice(2).predict(none(2));
    expect(both).toEqual({ a: none(2), b: none(2) });
  });
});

describe('memory that is gone', () => {
  it('is an error, not a crash', async () => {
    const m = echo(2);
    const x = tensor(new Float32Array(8), [4, 2]);
    structuredClone(x.data.buffer, { transfer: [x.data.buffer as ArrayBuffer] });
    await expectFailure(m.predict(x), 'INVALID_ARGUMENT', /x.*detached/);
  });
});
