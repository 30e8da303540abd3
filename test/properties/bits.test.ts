// What has to be equal to the last bit: nothing that is not part of a row's data, the weights and the
// seed may decide a result.
import fc from 'fast-check';
import { load, setThreads, type Tensor, tensor } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';
import { noise, range, sizeOf } from '../support/numbers.js';
import { expectSameBits, forAll, type Named } from '../support/properties.js';
import {
  buildModel,
  type Data,
  dataSpecs,
  inputsOf,
  like,
  lossOf,
  type Masks,
  type ModelSpec,
  maskOptions,
  masksOf,
  modelSpecs,
  type RandomModel,
} from '../support/randomModels.js';

const cases = fc.record({ spec: modelSpecs(), data: dataSpecs() });
const manyRows = fc.record({
  spec: modelSpecs(),
  data: dataSpecs(fc.integer({ min: 2, max: 19 })),
});

/** These rows of a tensor, in this order. */
function pick<T extends Tensor>({ data, shape }: T, rows: readonly number[]): T {
  const width = sizeOf(shape.slice(1));
  const Data = data.constructor as new (length: number) => T['data'];
  const picked = new Data(rows.length * width);
  for (const [i, row] of rows.entries()) {
    picked.set(data.subarray(row * width, (row + 1) * width), i * width);
  }
  return tensor(picked as Float32Array, [rows.length, ...shape.slice(1)]) as unknown as T;
}

function each<T, U>(values: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

describe('a row of predict', () => {
  it('does not depend on the rows beside it, on their order and on batchSize', async () => {
    const sizes = fc.integer({ min: 1, max: 20 });
    await forAll(
      fc.tuple(manyRows, sizes, fc.nat()),
      100,
      async ([{ spec, data }, size, order]) => {
        using m = buildModel(spec);
        const x = inputsOf(m, data, spec.features);
        const masks = masksOf(m, data);
        const whole = await m.predict(x, maskOptions(masks, data.masks));
        const batches = { ...maskOptions(masks, data.masks), batchSize: size };
        expectSameBits(await m.predict(x, batches), whole);
        // Some of the rows in another order.
        const random = noise(data.rows, order);
        const rows = range(data.rows)
          .filter((row) => (random[row] as number) > -0.5)
          .sort((a, b) => (random[a] as number) - (random[b] as number));
        const few = maskOptions(
          each(masks, (mask) => pick(mask, rows)),
          data.masks,
        );
        expectSameBits(
          await m.predict(
            each(x, (value) => pick(value, rows)),
            few,
          ),
          each(whole, (value) => pick(value, rows)),
        );
      },
    );
  });

  it('does not depend on steps that are added as padding', async () => {
    await forAll(fc.tuple(manyRows, fc.integer({ min: 1, max: 9 })), 100, async ([one, more]) => {
      const { spec, data } = one;
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks: Masks = { ...allSteps(m, data), ...masksOf(m, data) };
      const longer = <T extends Tensor>(value: T) => withSteps(value, data.steps + more);
      const padded = await m.predict(
        { ...x, ...each(sequencesOf(x), longer) },
        { mask: each(masks, longer) },
      );
      const shorter = (value: Tensor<'float32'>) =>
        value.shape.length === 3 ? withSteps(value, data.steps) : value;
      expectSameBits(each(padded, shorter), await m.predict(x, { mask: masks }));
    });
  });
});

function sequencesOf(x: Data): Data {
  return Object.fromEntries(Object.entries(x).filter(([name]) => name !== 'station'));
}

function allSteps(m: RandomModel, { rows, steps }: { rows: number; steps: number }): Masks {
  const names = m.inputNames.filter((name) => name !== 'station');
  return Object.fromEntries(
    names.map((name) => [name, tensor(new Uint8Array(rows * steps).fill(1), [rows, steps])]),
  );
}

/** The first steps of a sequence, zeros behind its last one. */
function withSteps<T extends Tensor>({ data, shape }: T, steps: number): T {
  const [rows = 0, before = 0, ...rest] = shape;
  const width = sizeOf(rest);
  const Data = data.constructor as new (length: number) => T['data'];
  const result = new Data(rows * steps * width);
  for (const row of range(rows)) {
    const kept = Math.min(before, steps) * width;
    result.set(data.subarray(row * before * width).subarray(0, kept), row * steps * width);
  }
  return tensor(result as Float32Array, [rows, steps, ...rest]) as unknown as T;
}

describe('the number of threads', () => {
  afterEach(() => setThreads('auto'));

  it('does not change a bit of predict, vjp and training', async () => {
    // Large enough to be divided: rows, columns, elements and parameters.
    const large = fc.record({
      spec: modelSpecs({ units: fc.integer({ min: 30, max: 90 }) }),
      data: dataSpecs(fc.integer({ min: 20, max: 80 })),
    });
    await forAll(large, 12, async ({ spec, data }) => {
      let first: Named[] | undefined;
      for (const threads of [1, 2, 3, 5]) {
        setThreads(threads);
        using m = buildModel(spec);
        m.compile({ loss: lossOf(m, 'mse'), optimizer: 'adam' });
        const x = inputsOf(m, data, spec.features);
        const masks = maskOptions(masksOf(m, data), data.masks);
        const outputs = await m.predict(x, masks);
        const y = like(outputs, data.seed);
        const { gradients, inputGradients } = await m.vjp(x, y, { ...masks, training: true });
        const losses = [await m.trainOnBatch(x, y, masks), await m.trainOnBatch(x, y, masks)];
        const logs = { losses: tensor(losses.map((log) => log.loss as number)) };
        const all = [outputs, gradients, inputGradients as Data, m.getWeights(), logs];
        first ??= all;
        for (const [i, one] of all.entries()) expectSameBits(one, first[i] as Named);
      }
    });
  });
});

describe('steps one by one', () => {
  const streams = fc.record({ spec: modelSpecs({ isStreamable: true }), data: dataSpecs() });

  /** The inputs of one row and step. */
  function stepOf(x: Data, row: number, step: number) {
    return each(x, ({ data, shape }) => {
      const [, steps = 0, width = 0] = shape;
      const first = (row * steps + step) * width;
      return data.slice(first, first + width);
    });
  }

  it('push gives what predict gives', async () => {
    await forAll(streams, 100, async ({ spec, data }) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const whole = await m.predict(x);
      using session = m.stream();
      for (const row of range(data.rows)) {
        session.reset();
        for (const step of range(data.steps)) {
          const outputs = session.push(stepOf(x, row, step));
          for (const [name, values] of Object.entries(outputs)) {
            const { data: all, shape } = whole[name] as Tensor<'float32'>;
            const isSequence = shape.length === 3;
            if (!isSequence && step < data.steps - 1) continue;
            const at = (isSequence ? row * data.steps + step : row) * values.length;
            const expected = { out: tensor(all.slice(at, at + values.length)) };
            expectSameBits({ out: tensor(values) }, expected);
          }
        }
      }
    });
  });

  it('a stateful model in two parts gives what it gives in one', async () => {
    // A convolution keeps no inputs from call to call.
    const stateful = streams.filter(({ spec }) =>
      spec.parts.every(({ kind }) => kind !== 'conv1d'),
    );
    await forAll(fc.tuple(stateful, fc.nat()), 100, async ([{ spec, data }, where]) => {
      using m = buildModel(zeroWhereMasked(spec), { isStateful: true });
      const x = inputsOf(m, data, spec.features);
      const masks: Masks = { ...allSteps(m, data), ...masksOf(m, data) };
      const whole = await m.predict(x, { mask: masks });
      const states = m.getStates();
      m.resetStates();
      const cut = 1 + (where % data.steps);
      const results: Data[] = [];
      for (const [from, to] of [
        [0, cut],
        [cut, data.steps],
      ] as const) {
        if (from === to) continue;
        const part = <T extends Tensor>(value: T) => between(value, from, to);
        results.push(await m.predict(each(x, part), { mask: each(masks, part) }));
      }
      expectSameBits(m.getStates(), states);
      expectSameBits(results.reduce(joined), whole);
    });
  });

  /** 'repeat' knows of no call before: it gives zeros up to a call's own first valid step. */
  function zeroWhereMasked(spec: ModelSpec): ModelSpec {
    const text = JSON.stringify(spec).replaceAll('"repeat"', '"zero"');
    return JSON.parse(text) as ModelSpec;
  }

  function between<T extends Tensor>(value: T, from: number, to: number): T {
    const [rows = 0, steps = 0, ...rest] = value.shape;
    const width = sizeOf(rest);
    const flat = tensor(value.data as Float32Array, [rows * steps, width]);
    const kept = range(rows * steps).filter((i) => i % steps >= from && i % steps < to);
    const { data } = pick(flat, kept);
    return tensor(data, [rows, to - from, ...rest]) as unknown as T;
  }

  /** Sequences one behind the other; of the others the later. */
  function joined(a: Data, b: Data): Data {
    return Object.fromEntries(
      Object.entries(b).map(([name, late]) => {
        const early = a[name] as Tensor<'float32'>;
        if (late.shape.length < 3) return [name, late];
        const [rows = 0, steps = 0, width = 0] = early.shape;
        const result = withSteps(early, steps + (late.shape[1] ?? 0));
        for (const row of range(rows)) {
          const at = (row * (result.shape[1] ?? 0) + steps) * width;
          result.data.set(pick(late, [row]).data, at);
        }
        return [name, result];
      }),
    );
  }
});

describe('the same again', () => {
  it('after save and load, trained or not, whatever the optimizer', async () => {
    const optimizer = fc.constantFrom('sgd' as const, 'adam' as const, undefined);
    await forAll(fc.tuple(cases, optimizer), 60, async ([{ spec, data }, kind]) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks = maskOptions(masksOf(m, data), data.masks);
      if (kind) {
        m.compile({ loss: lossOf(m, 'mse'), optimizer: kind });
        await m.trainOnBatch(x, like(await m.predict(x, masks), 3), masks);
      }
      const file = await m.save();
      using loaded = await load<Data>(file);
      expectSameBits(loaded.getWeights(), m.getWeights());
      expectSameBits(await loaded.predict(x, masks), await m.predict(x, masks));
    });
  });

  it('with the same seed, in one call of fit or in several', async () => {
    await forAll(manyRows, 40, async ({ spec, data }) => {
      const train = async (calls: readonly { epochs: number; initialEpoch?: number }[]) => {
        using m = buildModel(spec);
        m.compile({ loss: lossOf(m, 'huber'), optimizer: 'adam' });
        const x = inputsOf(m, data, spec.features);
        const masks = maskOptions(masksOf(m, data), data.masks);
        const y = like(await m.predict(x, masks), 3);
        const losses: number[] = [];
        for (const call of calls) {
          const { history } = await m.fit(x, y, { ...masks, ...call, batchSize: 4 });
          losses.push(...(history.loss ?? []));
        }
        return { ...m.getWeights(), losses: tensor(losses) };
      };
      const once = await train([{ epochs: 3 }]);
      expectSameBits(await train([{ epochs: 3 }]), once);
      expectSameBits(await train([{ epochs: 1 }, { epochs: 3, initialEpoch: 1 }]), once);
    });
  });

  it('with lengths and with the mask that they stand for', async () => {
    await forAll(cases, 60, async ({ spec, data }) => {
      using m = buildModel(spec);
      const x = inputsOf(m, data, spec.features);
      const masks = masksOf(m, { ...data, masks: 'lengths' });
      expectSameBits(
        await m.predict(x, maskOptions(masks, 'lengths')),
        await m.predict(x, { mask: masks }),
      );
    });
  });

  it('from views at any offset', async () => {
    await forAll(fc.tuple(cases, fc.integer({ min: 1, max: 9 })), 60, async ([one, offset]) => {
      const { spec, data } = one;
      using m = buildModel(spec);
      m.compile({ loss: lossOf(m, 'mse'), optimizer: 'sgd' });
      const x = inputsOf(m, data, spec.features);
      const masks = masksOf(m, data);
      const y = like(await m.predict(x, { mask: masks }), 3);
      const view = <T extends Tensor>(value: T) => shifted(value, offset);
      const [vx, vy, mask] = [each(x, view), each(y, view), each(masks, view)];
      expectSameBits(await m.predict(vx, { mask }), await m.predict(x, { mask: masks }));
      const viewed = await m.gradients(vx, vy, { mask });
      expectSameBits(viewed.gradients, (await m.gradients(x, y, { mask: masks })).gradients);
    });
  });

  /** The same values in the middle of a larger buffer, between values that would show. */
  function shifted<T extends Tensor>({ data, shape }: T, offset: number): T {
    const Data = data.constructor as new (length: number) => T['data'];
    const larger = new Data(data.length + 2 * offset).fill(77);
    larger.set(data, offset);
    const view = larger.subarray(offset, offset + data.length);
    return tensor(view as Float32Array, shape) as unknown as T;
  }
});

describe('no rows', () => {
  it('give no rows, in the shapes that there would be', async () => {
    await forAll(cases, 60, async ({ spec, data }) => {
      using m = buildModel(spec);
      const none = { ...data, rows: 0 };
      const masks = masksOf(m, none);
      const options = maskOptions(masks, data.masks);
      const empty = await m.predict(inputsOf(m, none, spec.features), options);
      const whole = await m.predict(inputsOf(m, data, spec.features));
      const shapes = (values: Data) => each(values, ({ shape }) => [0, ...shape.slice(1)]);
      expect(each(empty, ({ shape }) => [...shape])).toEqual(shapes(whole));
    });
  });
});
