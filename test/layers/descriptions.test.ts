// What layers describe: Keras' defaults, filled in, as plain data.
import { type ConstraintOption, input, layers } from 'sluice';
import { describe, expect, it } from 'vitest';
import { RecurrentLayer } from '../../lib/layers/recurrent.js';
import { refusal } from '../support/refusal.js';

describe('what a layer describes', () => {
  it('gru: Keras defaults, all of them filled in', () => {
    expect(layers.gru({ units: 3 })).toMatchObject({ kind: 'gru', name: undefined });
    expect(layers.gru({ units: 3 }).options).toEqual({
      units: 3,
      activation: { name: 'tanh', alpha: 0, beta: 0 },
      recurrentActivation: { name: 'sigmoid', alpha: 0, beta: 0 },
      useBias: true,
      kernelInitializer: { name: 'glorotUniform' },
      recurrentInitializer: { name: 'orthogonal', gain: 1 },
      biasInitializer: { name: 'zeros' },
      kernelRegularizer: null,
      recurrentRegularizer: null,
      biasRegularizer: null,
      activityRegularizer: null,
      kernelConstraint: null,
      recurrentConstraint: null,
      biasConstraint: null,
      resetAfter: true,
      updateGate: 'keep',
      returnSequences: false,
      returnState: false,
      goBackwards: false,
      stateful: false,
      initialState: 'zeros',
      maskedOutput: 'zero',
      dropout: 0,
      recurrentDropout: 0,
      recurrentDropConnect: 0,
      zoneout: 0,
      layerNorm: false,
      layerNormEpsilon: 1e-5,
      clip: 0,
      trainable: true,
    });
  });

  it('dense, dropout, activation, concatenate, reverse', () => {
    expect(layers.dense({ units: 2 }).options).toEqual({
      units: 2,
      activation: { name: 'linear', alpha: 0, beta: 0 },
      useBias: true,
      kernelInitializer: { name: 'glorotUniform' },
      biasInitializer: { name: 'zeros' },
      kernelRegularizer: null,
      biasRegularizer: null,
      activityRegularizer: null,
      kernelConstraint: null,
      biasConstraint: null,
      trainable: true,
    });
    expect(layers.dropout({ rate: 0.25 }).options).toEqual({ rate: 0.25 });
    expect(layers.concatenate().options).toEqual({ axis: -1 });
    expect(layers.reverse().options).toEqual({});
  });

  it('regularizers: by name with 0.01, or by their factors', () => {
    const described = (kernelRegularizer: 'l1' | 'l2' | 'l1l2' | { l1?: number; l2?: number }) =>
      layers.dense({ units: 1, kernelRegularizer }).options.kernelRegularizer;
    expect(described('l1')).toEqual({ l1: 0.01, l2: 0 });
    expect(described('l2')).toEqual({ l1: 0, l2: 0.01 });
    expect(described('l1l2')).toEqual({ l1: 0.01, l2: 0.01 });
    expect(described({ l2: 0.5 })).toEqual({ l1: 0, l2: 0.5 });
  });

  it('constraints: by name with the defaults, or with numbers', () => {
    const described = (kernelConstraint: ConstraintOption) =>
      layers.gru({ units: 1, kernelConstraint }).options.kernelConstraint;
    expect(described('nonNeg')).toEqual({ name: 'nonNeg' });
    expect(described('unitNorm')).toEqual({ name: 'unitNorm', axis: 0 });
    expect(described('maxNorm')).toEqual({ name: 'maxNorm', maxValue: 2, axis: 0 });
    expect(described({ name: 'maxNorm', maxValue: 3, axis: -1 })).toEqual({
      name: 'maxNorm',
      maxValue: 3,
      axis: -1,
    });
  });

  it('the layers around recurrent ones: Keras defaults', () => {
    expect(layers.embedding({ inputDim: 5, outputDim: 2 }).options).toEqual({
      inputDim: 5,
      outputDim: 2,
      embeddingsInitializer: { name: 'uniform', min: -0.05, max: 0.05 },
      embeddingsRegularizer: null,
      embeddingsConstraint: null,
      maskZero: false,
      trainable: true,
    });
    expect(layers.masking().options).toEqual({ maskValue: 0 });
    expect(layers.softmax().options).toEqual({ axis: -1 });
    expect(layers.dot({ axes: 2 }).options).toEqual({ axes: [2, 2], normalize: false });
    const norm = {
      epsilon: 1e-3,
      center: true,
      scale: true,
      gammaInitializer: { name: 'ones' },
      gammaRegularizer: null,
      gammaConstraint: null,
      betaInitializer: { name: 'zeros' },
      betaRegularizer: null,
      betaConstraint: null,
      trainable: true,
    };
    expect(layers.layerNorm().options).toEqual({ ...norm, axis: [-1] });
    expect(layers.layerNorm({ axis: 1 }).options.axis).toEqual([1]);
    expect(layers.batchNorm().options).toEqual({
      ...norm,
      axis: -1,
      momentum: 0.99,
      movingMeanInitializer: { name: 'zeros' },
      movingVarianceInitializer: { name: 'ones' },
    });
    const layer = layers.dense({ units: 2, activation: 'swish' });
    expect(layer.options.activation).toEqual({ name: 'silu', alpha: 0, beta: 0 });
    expect(layers.timeDistributed({ layer }).options).toEqual({
      layer: { kind: 'dense', options: layer.options },
      trainable: true,
    });
  });

  it('softmax and the like are not for recurrent layers', async () => {
    for (const activation of ['softmax', 'gelu', 'silu', 'swish', 'selu', 'exponential'] as const) {
      layers.dense({ units: 2, activation });
      layers.activation({ activation: { name: activation } });
      const call = () => layers.gru({ units: 2, activation } as never);
      await refusal(call, 'INVALID_ARGUMENT', { layer: 'gru', option: 'activation' });
    }
  });

  it('is plain data that outlives its options', () => {
    const options = { units: 3, kernelInitializer: { name: 'constant', value: 2 } as const };
    const layer = layers.dense(options);
    Object.assign(options, { units: 99 });
    Object.assign(options.kernelInitializer, { value: 99 });
    expect(JSON.parse(JSON.stringify(layer.options))).toEqual(layer.options);
    expect(layer.options).toMatchObject({ units: 3, kernelInitializer: { value: 2 } });
  });

  it('may come from an instance of a class, with getters', () => {
    class Settings {
      get units(): number {
        return 5;
      }
    }
    expect(layers.dense(new Settings()).options.units).toBe(5);
  });
});

describe('bidirectional', () => {
  it('wants two layers that fit together', async () => {
    const layer = layers.gru({ units: 2 });
    const pairs = [
      layers.gru({ units: 2 }),
      layers.gru({ units: 2, goBackwards: true, returnSequences: true }),
      layers.gru<boolean>({ units: 2, goBackwards: true, returnState: true }),
      layers.gru({ units: 2, goBackwards: true, stateful: true }),
    ];
    for (const backwardLayer of pairs) {
      const call = () => layers.bidirectional<boolean>({ layer, backwardLayer });
      await refusal(call, 'CONFIG', { layer: 'bidirectional', option: 'backwardLayer' });
    }
    const backwardLayer = layers.gru({ units: 2, goBackwards: true });
    expect(layers.bidirectional({ layer, backwardLayer }).kind).toBe('bidirectional');
  });

  it('gives as many values as its options say', () => {
    const x = input({ shape: [null, 3] });
    const both = (returnState: boolean, mergeMode: 'concat' | 'none') =>
      layers
        .bidirectional<boolean, 'concat' | 'none'>({
          layer: new RecurrentLayer(
            'gru',
            undefined,
            layers.gru({ units: 2, returnState }).options,
            1,
          ),
          mergeMode,
        })
        .apply(x);
    expect(both(false, 'concat')).not.toBeInstanceOf(Array);
    expect(both(false, 'none')).toHaveLength(2);
    expect(both(true, 'concat')).toHaveLength(3);
    expect(both(true, 'none')).toHaveLength(4);
  });
});
