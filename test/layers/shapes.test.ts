// Layers that do not fit what they are given: the message names the layer and both shapes.
import { input, layers, model, sequential } from 'sluice';
import { describe, expect, it } from 'vitest';
import { refusal, refusalText } from '../support/refusal.js';

const series = () => input({ shape: [null, 3], name: 'series' });
const station = () => input({ shape: [5], name: 'station' });

describe('inputs that do not fit', () => {
  it('gru needs a sequence', async () => {
    const call = () => sequential([layers.gru({ units: 2 })], { inputShape: [3] });
    const text = await refusalText(call, 'SHAPE_MISMATCH', { layer: 'gru', received: '[null,3]' });
    expect(text).toMatch(/gru.*\[batch,steps,features\].*\[null,3\]/);
  });

  it('gru after a gru without sequences is named by its number', async () => {
    const list = [layers.gru({ units: 2 }), layers.gru({ units: 2 })];
    await refusal(() => sequential(list, { inputShape: [null, 3] }), 'SHAPE_MISMATCH', {
      layer: 'gru_1',
      received: '[null,2]',
    });
  });

  it('gru and dense need to know the number of features', async () => {
    for (const layer of [layers.gru({ units: 2 }), layers.dense({ units: 2 })]) {
      await refusal(() => sequential([layer], { inputShape: [null, null] }), 'SHAPE_MISMATCH', {
        layer: layer.kind,
      });
    }
  });

  it('a gru takes a state of its own size', async () => {
    const call = (units: number) => () => {
      const [x, s] = [series(), station()];
      const initialState = layers.dense({ units }).apply(s);
      const outputs = layers.gru({ units: 4, name: 'encoder' }).apply(x, { initialState });
      return model({ inputs: [x, s], outputs });
    };
    expect(call(4)().outputNames).toEqual(['encoder']);
    await refusal(call(3), 'SHAPE_MISMATCH', { layer: 'encoder', received: '3' });
  });

  it('a bidirectional layer takes two states of its own size', async () => {
    const call = (units: number) => () => {
      const [x, s] = [series(), station()];
      const state = () => layers.dense({ units }).apply(s);
      const layer = layers.bidirectional({ layer: layers.gru({ units: 4 }), name: 'both' });
      const outputs = layer.apply(x, { initialState: [state(), state()] });
      return model({ inputs: [x, s], outputs });
    };
    call(4)();
    await refusal(call(3), 'SHAPE_MISMATCH', { layer: 'both' });
  });

  it('directions that are added up have the same size', async () => {
    const layer = layers.bidirectional({
      layer: layers.gru({ units: 2 }),
      backwardLayer: layers.gru({ units: 3, goBackwards: true }),
      mergeMode: 'sum',
      name: 'both',
    });
    const error = await refusal(
      () => sequential([layer], { inputShape: [null, 3] }),
      'SHAPE_MISMATCH',
    );
    expect(error.details.layer).toBe('both');
  });

  it('reverse needs steps', async () => {
    await refusal(() => sequential([layers.reverse()], { inputShape: [3] }), 'SHAPE_MISMATCH', {
      layer: 'reverse',
    });
  });

  it('concatenate needs values that agree but for the joined axis', async () => {
    const join = (axis: number, ...shapes: (number | null)[][]) => {
      const inputs = shapes.map((shape) => input({ shape }));
      const outputs = layers.concatenate({ axis, name: 'join' }).apply(inputs);
      return () => model({ inputs, outputs });
    };
    join(-1, [4, 3], [4, 5])();
    join(1, [4, 3], [6, 3])();
    await refusal(join(-1, [4, 3], [6, 3]), 'SHAPE_MISMATCH', { layer: 'join' });
    await refusal(join(1, [4, 3], [6, 4]), 'SHAPE_MISMATCH', { layer: 'join' });
    await refusal(join(-1, [3], [4, 3]), 'SHAPE_MISMATCH', { layer: 'join' });
    for (const axis of [3, -4]) {
      await refusal(join(axis, [4, 3], [4, 3]), 'CONFIG', { layer: 'join' });
    }
    await refusal(join(0, [4, 3], [4, 3]), 'CONFIG', { layer: 'join' });
  });

  it('a layer that is applied twice needs the same features twice', async () => {
    const [x, s] = [input({ shape: [3] }), station()];
    const layer = layers.dense({ units: 3, name: 'twice' });
    const outputs = [layer.apply(x), layer.apply(s)];
    await refusal(() => model({ inputs: [x, s], outputs }), 'SHAPE_MISMATCH');
  });
});

describe('sizes that no machine has', () => {
  const sizes = [2 ** 30 + 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300];

  it.each(sizes)('%d units are refused', async (units) => {
    for (const make of [layers.gru, layers.dense]) {
      const details = { option: 'units' };
      await refusal(() => make({ units }), 'INVALID_ARGUMENT', details);
    }
  });

  it('products of sizes that are allowed do not wrap around', async () => {
    const gru = () => sequential([layers.gru({ units: 2 ** 30 })], { inputShape: [null, 3] });
    const error = await refusal(gru, 'OUT_OF_MEMORY', { layer: 'gru' });
    expect(error.message).toContain('[1073741824,3221225472]');
    const dense = () => sequential([layers.dense({ units: 2 ** 30 })], { inputShape: [2 ** 34] });
    await refusal(dense, 'OUT_OF_MEMORY', { layer: 'dense' });
  });

  it('extents of inputs are refused before anything is built of them', async () => {
    const layer = () => layers.activation({ activation: 'relu' });
    for (const inputShape of [[2 ** 53 - 1], [2 ** 41, 3]]) {
      const call = () => sequential([layer()], { inputShape });
      await refusal(call, 'CONFIG', { layer: 'input', option: 'shape' });
    }
    const unsafe = () => sequential([layer()], { inputShape: [2 ** 53] });
    await refusal(unsafe, 'INVALID_ARGUMENT', { option: 'inputShape' });
    const rank = () => sequential([layer()], { inputShape: new Array(20).fill(1) });
    await refusal(rank, 'CONFIG', { layer: 'input', option: 'shape' });
    await refusal(() => sequential([layer()], { inputShape: [] }), 'CONFIG', { option: 'shape' });
  });

  it('models of many layers are limited, and refused quickly', async () => {
    const list = Array.from({ length: 10_001 }, () => layers.activation({ activation: 'relu' }));
    const text = await refusalText(() => sequential(list, { inputShape: [3] }), 'CONFIG');
    expect(text).toContain('1 to 10000 nodes');
  });

  it('values that are joined are limited', async () => {
    const inputs = Array.from({ length: 65 }, () => input({ shape: [1] }));
    const outputs = layers.concatenate({ name: 'join' }).apply(inputs);
    await refusal(() => model({ inputs, outputs }), 'CONFIG', { layer: 'join', received: '65' });
  });
});
