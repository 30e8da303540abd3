// Activations and initializers: names, defaults, and the numbers that some of them have.
import { layers } from 'sluice';
import { describe, expect, it } from 'vitest';
import { refusal, refusalText } from '../support/refusal.js';

const ACTIVATIONS = [
  'linear',
  'tanh',
  'sigmoid',
  'relu',
  'softsign',
  'softplus',
  'elu',
  'leakyRelu',
  'hardSigmoid',
  'hardSigmoidLegacy',
] as const;

const INITIALIZERS = [
  'glorotUniform',
  'glorotNormal',
  'heUniform',
  'heNormal',
  'lecunUniform',
  'lecunNormal',
  'orthogonal',
  'zeros',
  'ones',
  'constant',
  'uniform',
  'normal',
  'truncatedNormal',
] as const;

describe('activations', () => {
  it.each(ACTIVATIONS)('%s by name and as an object', (name) => {
    const byName = layers.activation({ activation: name });
    expect(layers.activation({ activation: { name } }).options).toEqual(byName.options);
  });

  it('have Keras 3 defaults', () => {
    const described = (activation: (typeof ACTIVATIONS)[number]) =>
      layers.activation({ activation }).options.activation;
    expect(described('elu')).toEqual({ name: 'elu', alpha: 1, beta: 0 });
    expect(described('leakyRelu')).toEqual({ name: 'leakyRelu', alpha: 0.2, beta: 0 });
    expect(described('hardSigmoid')).toEqual({ name: 'hardSigmoid', alpha: 1 / 6, beta: 0.5 });
    const legacy = { name: 'hardSigmoid', alpha: 0.2, beta: 0.5 };
    expect(described('hardSigmoidLegacy')).toEqual(legacy);
  });

  it('take only the numbers that they have', async () => {
    const make = (activation: unknown) => () => layers.gru({ units: 1, activation } as never);
    await refusal(make({ name: 'tanh', alpha: 1 }), 'INVALID_ARGUMENT', {
      option: 'activation.alpha',
    });
    await refusal(make({ name: 'elu', beta: 1 }), 'INVALID_ARGUMENT', {
      option: 'activation.beta',
    });
    await refusal(make({ name: 'hardSigmoidLegacy', alpha: 1 }), 'INVALID_ARGUMENT');
    const text = await refusalText(make({ name: 'elu', alpha: -1 }), 'INVALID_ARGUMENT');
    expect(text).toBe(
      'gru: expected a finite number >= 0 for activation.alpha, received -1 of type number',
    );
  });
});

describe('initializers', () => {
  it.each(INITIALIZERS)('%s by name and as an object', (name) => {
    const byName = layers.dense({ units: 1, kernelInitializer: name });
    expect(layers.dense({ units: 1, kernelInitializer: { name } }).options).toEqual(byName.options);
  });

  it('check their numbers', async () => {
    const make = (kernelInitializer: unknown) => () =>
      layers.dense({ units: 1, kernelInitializer } as never);
    await refusal(make({ name: 'uniform', min: 1, max: 0 }), 'INVALID_ARGUMENT', {
      option: 'kernelInitializer.max',
    });
    await refusal(make({ name: 'uniform', min: 1 }), 'INVALID_ARGUMENT', {
      option: 'kernelInitializer.max',
    });
    await refusal(make({ name: 'normal', stddev: -1 }), 'INVALID_ARGUMENT', {
      option: 'kernelInitializer.stddev',
    });
    await refusal(make({ name: 'zeros', value: 1 }), 'INVALID_ARGUMENT', {
      option: 'kernelInitializer.value',
    });
    await refusal(make({ name: 'constant', value: Number.NaN }), 'INVALID_ARGUMENT');
    await refusal(make({ name: 'orthogonal', gain: '1' }), 'INVALID_ARGUMENT', {
      option: 'kernelInitializer.gain',
    });
  });
});
