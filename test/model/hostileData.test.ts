// Data that does not fit, for every call that takes data; another model computes next to each of them.
import { input, layers, type Model, model, type Tensor, tensor } from 'sluice';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectFailure } from '../support/failure.js';
import { afterHole, Bystander, STRANGERS, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

type Data = Tensor;

let built: Model;
beforeAll(() => {
  built = victim();
});

const bystander = new Bystander();

/** Every call that takes `x`, with everything else as it should be. */
const CALLS: Record<string, (x: Data, y: Data, options?: object) => Promise<unknown>> = {
  predict: (x, _y, options) => built.predict(x, options),
  evaluate: (x, y, options) => built.evaluate(x, y, options),
  fit: (x, y, options) => built.fit(x, y, { verbose: 0, ...options }),
  trainOnBatch: (x, y, options) => built.trainOnBatch(x, y, options),
  gradients: (x, y, options) => built.gradients(x, y, options),
  vjp: (x, y, options) => built.vjp(x, y, options),
};

/** Those that take targets as well. */
const LABELLED = ['evaluate', 'fit', 'trainOnBatch', 'gradients'];

/** Refusals leave the weights alone and the other model undisturbed. */
async function harmless(attack: () => Promise<unknown>): Promise<void> {
  const before = built.getWeights();
  await bystander.beside(attack);
  expect(built.getWeights()).toEqual(before);
}

describe.each(Object.entries(CALLS))('%s', (_name, call) => {
  it('names the layer and both shapes where x has another rank', () =>
    harmless(async () => {
      const shapes = [[], [12], [4, 3], [1, 2, 2, 3]];
      for (const shape of shapes) {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const x = tensor(new Float32Array(size), shape);
        const received = `[${shape}]`;
        const details = { layer: 'gru', expected: '[null,null,3]', received };
        const text = await refusalText(() => call(x, targets(1)), 'SHAPE_MISMATCH', details);
        expect(text).toBe(
          `gru: input has ${shape.length} axes, the layer was built for 3, [null,null,3] ` +
            `(shape ${received})`,
        );
      }
    }));

  it('names the layer and both numbers where x has other features', () =>
    harmless(async () => {
      for (const features of [0, 1, 2, 4, 9]) {
        const x = tensor(new Float32Array(8 * features), [2, 4, features]);
        const details = { layer: 'gru', received: `[2,4,${features}]` };
        const text = await refusalText(() => call(x, targets(2)), 'SHAPE_MISMATCH', details);
        expect(text).toBe(
          `gru: input has ${features} features, the layer was built for 3 (shape [2,4,${features}])`,
        );
      }
    }));

  it('refuses x that is no tensor, saying how to make one', () =>
    harmless(async () => {
      const raw = [[[[1, 2, 3]]], new Float32Array(12), [1, 2, 3]];
      for (const x of raw) {
        const text = await refusalText(() => call(x as never, targets(1)), 'INVALID_ARGUMENT', {
          option: 'x',
          expected: 'a tensor',
        });
        expect(text).toContain('wrap it in tensor(...)');
      }
      const none = [undefined, [], afterHole(sequences(1)), [sequences(1), sequences(1)], {}];
      for (const x of [...none, ...STRANGERS.map(([, value]) => value)]) {
        await refusal(() => call(x as never, targets(1)), 'INVALID_ARGUMENT');
      }
    }));

  it('takes x by position and by name, and refuses other names', async () => {
    const [x, y] = [sequences(2), targets(2)];
    await call([x] as never, y);
    await call({ input: x } as never, y);
    const inputs = { input: x, inptu: x } as never;
    await refusal(() => call(inputs, y), 'INVALID_ARGUMENT', { option: 'inptu' });
    await refusal(() => call({ x } as never, y), 'INVALID_ARGUMENT', { option: 'x' });
  });

  it('refuses lengths and masks that do not fit', () =>
    harmless(async () => {
      const [x, y] = [sequences(3), targets(3)];
      const refused = (
        options: object,
        details: object,
        code: 'INVALID_ARGUMENT' | 'SHAPE_MISMATCH',
      ) => refusal(() => call(x, y, options), code, details);
      for (const bad of [-1, 5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
        const details = { option: 'lengths[1]', expected: 'an integer from 0 to 4' };
        await refused({ lengths: [1, bad, 2] }, details, 'INVALID_ARGUMENT');
      }
      await refused({ lengths: [1, 2] }, { option: 'lengths', received: '2' }, 'SHAPE_MISMATCH');
      await refused({ lengths: tensor([[1, 2, 3]]) }, { option: 'lengths' }, 'INVALID_ARGUMENT');
      await refused({ lengths: ['1', 2, 3] }, { option: 'lengths' }, 'INVALID_ARGUMENT');
      await refused({ lengths: afterHole(1, 2) }, { option: 'lengths[0]' }, 'INVALID_ARGUMENT');
      const mask = tensor(new Uint8Array(12), [3, 4]);
      await refused({ lengths: [1, 2, 3], mask }, { option: 'mask' }, 'INVALID_ARGUMENT');
      for (const shape of [[12], [3, 5], [2, 4], [4, 3], [3, 4, 1], [0, 4]]) {
        const bad = tensor(new Uint8Array(shape.reduce((a, b) => a * b)), shape);
        const received = `[${shape}]`;
        const details = { option: 'mask', expected: '[3,4]', received };
        await refused({ mask: bad }, details, 'SHAPE_MISMATCH');
      }
      const floats = { option: 'mask', received: 'a float32 tensor [3,4]' };
      await refused({ mask: tensor(new Float32Array(12), [3, 4]) }, floats, 'INVALID_ARGUMENT');
      await refused({ mask: [[true]] }, { option: 'mask' }, 'INVALID_ARGUMENT');
      await refused({ lengths: { inputs: [1, 2, 3] } }, { option: 'inputs' }, 'INVALID_ARGUMENT');
      for (const [, value] of STRANGERS) {
        if (Object.prototype.toString.call(value) === '[object Object]') continue;
        await refused({ lengths: value }, { option: 'lengths' }, 'INVALID_ARGUMENT');
        await refused({ mask: value }, { option: 'mask' }, 'INVALID_ARGUMENT');
      }
    }));
});

describe.each(LABELLED)('%s', (name) => {
  const call = CALLS[name] as (typeof CALLS)[string];

  it('names both shapes where y does not fit', () =>
    harmless(async () => {
      const x = sequences(3);
      const shapes = [[], [6], [3, 2], [3, 4, 1], [3, 0]];
      for (const shape of shapes) {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const y = tensor(new Float32Array(size), shape);
        const { message } = await refusal(() => call(x, y), 'SHAPE_MISMATCH');
        expect(message).toMatch(/y|rows/);
      }
      const few = await refusalText(() => call(x, targets(2)), 'SHAPE_MISMATCH', {
        expected: '3',
        received: '2',
      });
      expect(few).toBe('y of dense has 2 rows, the inputs have 3');
      for (const y of [undefined, [1, 2, 3], ...STRANGERS.map(([, value]) => value)]) {
        await refusal(() => call(x, y as never), 'INVALID_ARGUMENT');
      }
    }));

  it('refuses weights that are none', () =>
    harmless(async () => {
      const [x, y] = [sequences(3), targets(3)];
      for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const call2 = () => call(x, y, { sampleWeight: [1, bad, 1] });
        await refusal(call2, 'INVALID_ARGUMENT', { option: 'sampleWeight[1]' });
      }
      await refusal(() => call(x, y, { sampleWeight: [1, 1] }), 'SHAPE_MISMATCH');
      const steps = { sampleWeight: tensor(new Float32Array(12), [3, 4]) };
      await refusal(() => call(x, y, steps), 'INVALID_ARGUMENT', { option: 'sampleWeight' });
      for (const classWeight of [{ one: 1 }, { 0: -1 }, { 0: Number.NaN }, { '-1': 1 }, [1], 5]) {
        await refusal(() => call(x, y, { classWeight }), 'INVALID_ARGUMENT');
      }
    }));
});

describe('a model with two inputs', () => {
  const a = input({ shape: [2], name: 'a' });
  const b = input({ shape: [3], name: 'b' });
  const two = model({ inputs: [a, b], outputs: layers.concatenate().apply([a, b]) });
  const [x, y] = [tensor([[1, 2]]), tensor([[3, 4, 5]])];

  it('takes them by position or by name', async () => {
    const expected = tensor([[1, 2, 3, 4, 5]]);
    expect(await two.predict([x, y])).toEqual(expected);
    expect(await two.predict({ b: y, a: x })).toEqual(expected);
  });

  it('names the one that is missing, too many, or does not fit', async () => {
    const predict = (data: unknown) => () => two.predict(data as Tensor[]);
    const hole = [x];
    hole.length = 2;
    await refusal(predict(hole), 'INVALID_ARGUMENT', { option: 'x[1]' });
    await refusal(predict([x, null]), 'INVALID_ARGUMENT', { option: 'x[1]' });
    await refusal(predict({ a: x }), 'INVALID_ARGUMENT', { option: 'x.b' });
    await refusal(predict({ a: x, b: null }), 'INVALID_ARGUMENT', { option: 'x.b' });
    await refusal(predict({ a: x, b: y, c: y }), 'INVALID_ARGUMENT', { option: 'c' });
    for (const data of [x, [x], [x, y, y], []]) {
      const text = await refusalText(predict(data), 'INVALID_ARGUMENT', { option: 'x' });
      expect(text).toContain('2 tensors, as an array or as a record { a, b }');
    }
    const swapped = await refusalText(predict([y, x]), 'SHAPE_MISMATCH', { received: '[1,3]' });
    expect(swapped).toContain("input 'a' has 3 features");
    const rows = tensor(new Float32Array(6), [2, 3]);
    const text = await refusalText(predict([x, rows]), 'SHAPE_MISMATCH', { option: 'x.b' });
    expect(text).toBe('x.b has 2 rows, the inputs have 1');
  });
});

describe('records that throw', () => {
  it('pass their own exception on, by rejection', async () => {
    const mine = new RangeError('mine');
    const throwing = {
      get input(): Tensor {
        throw mine;
      },
    };
    for (const call of Object.values(CALLS)) {
      const work = call(throwing as never, targets(1));
      await expect(work).rejects.toBe(mine);
    }
    await bystander.check();
  });

  it('whose members change between two looks are seen once', async () => {
    let looks = 0;
    const shifty = {
      get input(): Tensor {
        return looks++ === 0 ? sequences(2) : (null as never);
      },
    };
    expect((await built.predict(shifty)).shape).toEqual([2, 1]);
    await expectFailure(built.predict(shifty), 'INVALID_ARGUMENT');
  });
});
