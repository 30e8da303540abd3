// The options of every layer: what is refused, field by field.
import { input, type Layer, layers, SluiceError } from 'sluice';
import { describe, expect, it } from 'vitest';
import { failureOf } from '../support/failure.js';
import { afterHole, STRANGERS, THROWING } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

type Options = Record<string, unknown>;

/** Every function that takes options of a layer, with options that it accepts. */
const LAYERS: Record<string, { make: (options?: unknown) => unknown; valid: Options }> = {
  gru: { make: layers.gru as never, valid: { units: 3 } },
  lstm: { make: layers.lstm as never, valid: { units: 3 } },
  simpleRnn: { make: layers.simpleRnn as never, valid: { units: 3 } },
  minGru: { make: layers.minGru as never, valid: { units: 3 } },
  gruCell: { make: layers.gruCell as never, valid: { units: 3 } },
  lstmCell: { make: layers.lstmCell as never, valid: { units: 3 } },
  simpleRnnCell: { make: layers.simpleRnnCell as never, valid: { units: 3 } },
  minGruCell: { make: layers.minGruCell as never, valid: { units: 3 } },
  dense: { make: layers.dense as never, valid: { units: 3 } },
  dropout: { make: layers.dropout as never, valid: { rate: 0.5 } },
  activation: { make: layers.activation as never, valid: { activation: 'relu' } },
  bidirectional: {
    make: layers.bidirectional as never,
    valid: { layer: layers.gru({ units: 3 }) },
  },
  concatenate: { make: layers.concatenate as never, valid: {} },
  embedding: { make: layers.embedding as never, valid: { inputDim: 3, outputDim: 2 } },
  masking: { make: layers.masking as never, valid: {} },
  normalization: { make: layers.normalization as never, valid: {} },
  flatten: { make: layers.flatten as never, valid: {} },
  reshape: { make: layers.reshape as never, valid: { targetShape: [2, -1] } },
  permute: { make: layers.permute as never, valid: { dims: [2, 1] } },
  repeatVector: { make: layers.repeatVector as never, valid: { n: 2 } },
  softmax: { make: layers.softmax as never, valid: {} },
  timeDistributed: {
    make: layers.timeDistributed as never,
    valid: { layer: layers.dense({ units: 2 }) },
  },
  add: { make: layers.add as never, valid: {} },
  subtract: { make: layers.subtract as never, valid: {} },
  multiply: { make: layers.multiply as never, valid: {} },
  average: { make: layers.average as never, valid: {} },
  maximum: { make: layers.maximum as never, valid: {} },
  minimum: { make: layers.minimum as never, valid: {} },
  dot: { make: layers.dot as never, valid: { axes: 1 } },
  layerNormalization: { make: layers.layerNormalization as never, valid: {} },
  batchNormalization: { make: layers.batchNormalization as never, valid: {} },
  reverse: { make: layers.reverse as never, valid: {} },
  attention: { make: layers.attention as never, valid: {} },
  additiveAttention: { make: layers.additiveAttention as never, valid: {} },
  multiHeadAttention: {
    make: layers.multiHeadAttention as never,
    valid: { numHeads: 2, keyDim: 3 },
  },
  conv1d: { make: layers.conv1d as never, valid: { filters: 3, kernelSize: 2 } },
  conv2d: { make: layers.conv2d as never, valid: { filters: 3, kernelSize: 2 } },
  depthwiseConv1d: { make: layers.depthwiseConv1d as never, valid: { kernelSize: 2 } },
  depthwiseConv2d: { make: layers.depthwiseConv2d as never, valid: { kernelSize: [2, 3] } },
  maxPooling1d: { make: layers.maxPooling1d as never, valid: {} },
  maxPooling2d: { make: layers.maxPooling2d as never, valid: {} },
  averagePooling1d: { make: layers.averagePooling1d as never, valid: {} },
  averagePooling2d: { make: layers.averagePooling2d as never, valid: {} },
  globalMaxPooling1d: { make: layers.globalMaxPooling1d as never, valid: {} },
  globalMaxPooling2d: { make: layers.globalMaxPooling2d as never, valid: {} },
  globalAveragePooling1d: { make: layers.globalAveragePooling1d as never, valid: {} },
  globalAveragePooling2d: { make: layers.globalAveragePooling2d as never, valid: {} },
  input: { make: input as never, valid: { shape: [null, 3] } },
};

/** Values of other types than the one expected, and of the right type out of range. */
const WRONG = {
  boolean: [0, 1, 'true', null],
  units: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3', 2 ** 30 + 1, 2 ** 31, 2 ** 53, 3n],
  activation: ['Tanh', 'mish', 'toString', '__proto__', {}, { name: 1 }, 7, [], null],
  initializer: ['glorot', 'toString', '__proto__', {}, { name: 1 }, 7, null],
  constraint: [
    'MaxNorm',
    'toString',
    {},
    { name: 1 },
    { name: 'nonNeg', axis: 0 },
    { name: 'unitNorm', axis: 0.5 },
    { name: 'unitNorm', axis: 8 },
    { name: 'maxNorm', maxValue: 0 },
    2,
    null,
  ],
  regularizer: ['L2', 'l1_l2', 'toString', { l1: -1 }, { l2: Number.NaN }, { l3: 1 }, 0.01, null],
  name: [1, '', 'a/b', 'a\nb', 'a\0b', '\ud800', 'x'.repeat(201), null],
  rate: [-0.1, 1, 1.5, Number.NaN, '0.5', null],
};

/** Wrong values of what is said of a weight. */
const ofWeight = (name: string) => ({
  [`${name}Initializer`]: WRONG.initializer,
  [`${name}Regularizer`]: WRONG.regularizer,
  [`${name}Constraint`]: WRONG.constraint,
});
/** Wrong values of the options whose names do not match. */
const without = (options: Record<string, readonly unknown[]>, names: RegExp) =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !names.test(name)));

/** Along one axis, and along two. */
const SIZE = [...WRONG.units, [2]];
const SIZES = [...WRONG.units, [], [2], [2, 0], [2, 1.5], [2, 2, 2], ['2', 2], afterHole(2)];
const PADDING = ['Same', 'full', '', 0, null];

const convolution = (size: readonly unknown[], padding = PADDING) => ({
  filters: WRONG.units,
  kernelSize: size,
  strides: size,
  padding,
  dilationRate: size,
  activation: WRONG.activation,
  useBias: WRONG.boolean,
  ...ofWeight('kernel'),
  ...ofWeight('bias'),
  activityRegularizer: WRONG.regularizer,
  trainable: WRONG.boolean,
  name: WRONG.name,
});
const depthwise = (size: readonly unknown[]) => ({
  ...without(convolution(size, [...PADDING, 'causal']), /^(filters|kernel(Init|Reg|Con).*)$/),
  ...ofWeight('depthwise'),
  depthMultiplier: WRONG.units,
});
const pooling = (size: readonly unknown[]) => ({
  poolSize: size,
  strides: size,
  padding: [...PADDING, 'causal'],
  name: WRONG.name,
});
const ATTENTION = {
  useScale: WRONG.boolean,
  dropout: WRONG.rate,
  useCausalMask: WRONG.boolean,
  trainable: WRONG.boolean,
  name: WRONG.name,
};
const { useScale: _, ...PROJECTED } = ATTENTION;
const MULTI_HEAD = {
  ...PROJECTED,
  numHeads: WRONG.units,
  keyDim: WRONG.units,
  valueDim: WRONG.units,
  useBias: WRONG.boolean,
  ...ofWeight('kernel'),
  ...ofWeight('bias'),
  activityRegularizer: WRONG.regularizer,
};
const NORM = {
  epsilon: [-1, 2, '0', Number.NaN, null],
  center: WRONG.boolean,
  scale: WRONG.boolean,
  ...ofWeight('gamma'),
  ...ofWeight('beta'),
  trainable: WRONG.boolean,
  name: WRONG.name,
};
const GLOBAL_POOLING = { keepdims: WRONG.boolean, name: WRONG.name };

const RECURRENT_OPTIONS: Record<string, readonly unknown[]> = {
  units: WRONG.units,
  activation: WRONG.activation,
  useBias: WRONG.boolean,
  ...ofWeight('kernel'),
  ...ofWeight('recurrent'),
  ...ofWeight('bias'),
  activityRegularizer: WRONG.regularizer,
  returnSequences: WRONG.boolean,
  returnState: WRONG.boolean,
  goBackwards: WRONG.boolean,
  stateful: WRONG.boolean,
  initialState: ['Zeros', 'zero', '', 0, true, null],
  maskedOutput: ['Zero', '', 0, false, null],
  dropout: WRONG.rate,
  recurrentDropout: WRONG.rate,
  recurrentDropConnect: WRONG.rate,
  zoneout: WRONG.rate,
  layerNorm: WRONG.boolean,
  layerNormEpsilon: [0, -1, 1.1, Number.NaN, '0.1', null],
  clip: [-1, Number.NaN, Number.POSITIVE_INFINITY, '1', true, null],
  trainable: WRONG.boolean,
  name: WRONG.name,
};

const RECURRENT: Record<string, Record<string, readonly unknown[]>> = {
  gru: {
    ...RECURRENT_OPTIONS,
    recurrentActivation: WRONG.activation,
    resetAfter: WRONG.boolean,
    updateGate: ['Keep', '', true, 0, null],
  },
  lstm: {
    ...RECURRENT_OPTIONS,
    recurrentActivation: WRONG.activation,
    unitForgetBias: WRONG.boolean,
  },
  simpleRnn: RECURRENT_OPTIONS,
  minGru: without(RECURRENT_OPTIONS, /^(recurrent.*|zoneout|dropout|layerNorm.*|clip)$/),
};
const OF_SEQUENCES = /^(return.*|goBackwards|stateful|initialState|maskedOutput)$/;

const WRONG_OPTIONS: Record<string, Record<string, readonly unknown[]>> = {
  ...RECURRENT,
  ...Object.fromEntries(
    Object.entries(RECURRENT).map(([kind, wrong]) => [`${kind}Cell`, without(wrong, OF_SEQUENCES)]),
  ),
  dense: {
    units: WRONG.units,
    activation: WRONG.activation,
    useBias: WRONG.boolean,
    ...ofWeight('kernel'),
    ...ofWeight('bias'),
    activityRegularizer: WRONG.regularizer,
    trainable: WRONG.boolean,
    name: WRONG.name,
  },
  dropout: { rate: WRONG.rate, name: WRONG.name },
  activation: { activation: WRONG.activation, name: WRONG.name },
  bidirectional: {
    layer: [layers.dense({ units: 1 }), 'gru', { units: 3 }, null],
    backwardLayer: [layers.dense({ units: 1 }), 'gru', 3, null],
    mergeMode: ['Concat', 'add', null, true],
    trainable: WRONG.boolean,
    name: WRONG.name,
  },
  embedding: {
    inputDim: [0, -1, 1.5, Number.NaN, '3', 2 ** 31 + 1, null],
    outputDim: WRONG.units,
    ...ofWeight('embeddings'),
    maskZero: WRONG.boolean,
    trainable: WRONG.boolean,
    name: WRONG.name,
  },
  masking: { maskValue: ['0', Number.NaN, Number.POSITIVE_INFINITY, 1e39, null], name: WRONG.name },
  flatten: { name: WRONG.name },
  reshape: {
    targetShape: [
      3,
      '3',
      {},
      [],
      [0],
      [-2],
      [-1, -1],
      [1.5],
      ['3'],
      afterHole(3),
      Array(6).fill(1),
      null,
    ],
    name: WRONG.name,
  },
  permute: {
    dims: [1, '12', {}, [], [0], [2], [1, 1], [1, 3], [1.5], ['1'], afterHole(2), null],
    name: WRONG.name,
  },
  repeatVector: { n: WRONG.units, name: WRONG.name },
  softmax: { axis: [1.5, '1', 8, -9, Number.NaN, null], name: WRONG.name },
  timeDistributed: {
    layer: [
      'dense',
      { units: 3 },
      layers.gru({ units: 2, returnState: true }),
      input({ shape: [3] }),
      null,
    ],
    trainable: WRONG.boolean,
    name: WRONG.name,
  },
  add: { name: WRONG.name },
  subtract: { name: WRONG.name },
  multiply: { name: WRONG.name },
  average: { name: WRONG.name },
  maximum: { name: WRONG.name },
  minimum: { name: WRONG.name },
  dot: {
    axes: [0, 1.5, '1', [1], [1, 0], [1, 2, 3], ['1', 1], 7, null],
    normalize: WRONG.boolean,
    name: WRONG.name,
  },
  layerNormalization: {
    ...NORM,
    axis: [1.5, '1', 6, -7, Number.NaN, [], [1, 1], [1, '2'], [7], afterHole(1), {}, null],
  },
  batchNormalization: {
    ...NORM,
    axis: [1.5, '1', 6, -7, Number.NaN, [1], null],
    momentum: [-0.1, 1.1, '0', Number.NaN, null],
    movingMeanInitializer: WRONG.initializer,
    movingVarianceInitializer: WRONG.initializer,
  },
  concatenate: { axis: [1.5, '1', 8, -9, Number.NaN, null], name: WRONG.name },
  normalization: {
    mean: ['0', [], [Number.NaN], [1e300], Number.NaN, null, true, [[0], [1, 2]]],
    variance: ['0', [], [-1], [Number.NaN], Number.POSITIVE_INFINITY, null, true],
    invert: WRONG.boolean,
    name: WRONG.name,
  },
  reverse: { name: WRONG.name },
  attention: { ...ATTENTION, scoreMode: ['Dot', 'add', '', 0, null] },
  additiveAttention: ATTENTION,
  multiHeadAttention: MULTI_HEAD,
  conv1d: convolution(SIZE),
  conv2d: convolution(SIZES, [...PADDING, 'causal']),
  depthwiseConv1d: depthwise(SIZE),
  depthwiseConv2d: depthwise(SIZES),
  maxPooling1d: pooling(SIZE),
  maxPooling2d: pooling(SIZES),
  averagePooling1d: pooling(SIZE),
  averagePooling2d: pooling(SIZES),
  globalMaxPooling1d: GLOBAL_POOLING,
  globalMaxPooling2d: GLOBAL_POOLING,
  globalAveragePooling1d: GLOBAL_POOLING,
  globalAveragePooling2d: GLOBAL_POOLING,
  input: {
    shape: [3, 'x', {}, [0], [-1], [1.5], ['3'], [undefined], afterHole(3), [2 ** 53], null],
    dtype: ['float64', 'bool', 7, null],
    name: WRONG.name,
  },
};

/** Layer and option by name, what was expected and what came; inside of an option `option.member`. */
function expectComplete({ details }: SluiceError, layer: string, option: string) {
  expect(details).toEqual({
    layer,
    option: expect.stringMatching(new RegExp(`^${option}($|[.[])`)),
    expected: expect.stringMatching(/./),
    received: expect.stringMatching(/./),
  });
}

/** What layers describe that is no option. */
const FIXED: Record<string, string[]> = { normalization: ['epsilon', 'trainable'] };

describe('these tables', () => {
  it('have every layer, and every option of each', () => {
    const aliases = ['layerNorm', 'batchNorm'];
    const all = Object.keys(layers).filter((name) => !aliases.includes(name));
    expect(Object.keys(LAYERS).sort()).toEqual([...all, 'input'].sort());
    for (const [kind, { make, valid }] of Object.entries(LAYERS)) {
      if (kind === 'input') continue;
      const { options } = make(valid) as Layer;
      const wrong = Object.keys(WRONG_OPTIONS[kind] ?? {});
      const described = Object.keys(options).filter((option) => !FIXED[kind]?.includes(option));
      expect(wrong, kind).toEqual(expect.arrayContaining([...described, 'name']));
    }
  });
});

describe.each(Object.keys(LAYERS))('%s', (kind) => {
  const { make, valid } = LAYERS[kind] as (typeof LAYERS)[string];
  const wrong = WRONG_OPTIONS[kind] as Record<string, readonly unknown[]>;

  it.each(Object.keys(wrong))('refuses wrong values of %s', async (option) => {
    const values = [...(wrong[option] ?? []), ...STRANGERS.map(([, value]) => value)];
    for (const value of values) {
      const error = await refusal(() => make({ ...valid, [option]: value }), 'INVALID_ARGUMENT');
      expectComplete(error, kind, option);
      expect(error.message).toMatch(/expected|unknown option/);
    }
  });

  it('refuses to be without what it needs', async () => {
    for (const option of Object.keys(valid)) {
      const { [option]: _, ...rest } = valid;
      const error = await failureOf(() => make(rest));
      expectComplete(error as SluiceError, kind, option);
      expect((error as SluiceError).details.received).toBe('nothing');
    }
  });

  it('refuses options that it does not have, and suggests one', async () => {
    for (const name of ['unit', 'Name', 'nmae', 'toString', 'constructor', 'x'.repeat(1000)]) {
      const call = () => make({ ...valid, [name]: 1 });
      const text = await refusalText(call, 'INVALID_ARGUMENT', { layer: kind, option: name });
      expect(text).toContain(`${kind}: unknown option`);
    }
    const call = () => make({ ...valid, names: 'x' });
    expect(await refusalText(call, 'INVALID_ARGUMENT')).toContain("did you mean 'name'?");
  });

  it('refuses the name of the prototype as an option', async () => {
    const options = JSON.parse(`{ "__proto__": { "units": 7 } }`);
    Object.assign(options, valid);
    await refusal(() => make(options), 'INVALID_ARGUMENT', { option: '__proto__' });
  });

  it('takes an option that is undefined for one that is not given', () => {
    const options = Object.fromEntries(Object.keys(wrong).map((name) => [name, undefined]));
    make({ ...options, anything: undefined, ...valid });
  });

  it('refuses what is no object of options', async () => {
    for (const options of [null, 3, 'units', true, [], [valid], 3n, Symbol('s'), () => valid]) {
      await refusal(() => make(options), 'INVALID_ARGUMENT', { layer: kind, option: 'options' });
    }
    for (const options of [new Map(), new Set(), new Date(0), Promise.resolve(valid)]) {
      await refusal(() => make(options), 'INVALID_ARGUMENT', { layer: kind, option: 'options' });
    }
  });

  it('passes on what a getter or a proxy throws', () => {
    const mine = new RangeError('mine');
    for (const name of Object.keys(wrong)) {
      const options = Object.defineProperty({ ...valid }, name, {
        enumerable: true,
        get() {
          throw mine;
        },
      });
      expect(() => make(options)).toThrow(mine);
    }
    for (const [, proxy] of THROWING) expect(() => make(proxy)).toThrow(/trap|revoked/);
  });

  it('survives values that cannot be looked at', async () => {
    for (const name of Object.keys(wrong)) {
      for (const [, proxy] of THROWING) {
        const error = await failureOf(() => make({ ...valid, [name]: proxy }));
        // Some options look into their value, and then the exception is that of the proxy.
        if (!(error instanceof SluiceError)) expect(String(error)).toMatch(/trap|revoked/);
        else expect(error.details).toMatchObject({ layer: kind, option: name });
      }
    }
  });

  it('shows values that cannot be looked at as objects', async () => {
    for (const [, proxy] of THROWING) {
      const text = await refusalText(() => make({ ...valid, name: proxy }), 'INVALID_ARGUMENT');
      expect(text).toMatch(new RegExp(`^${kind}: .*for name, received an object of type object$`));
    }
  });

  it('reads each option at most twice: whether it is there, and what it is', () => {
    const reads: Record<string, number> = {};
    make(
      new Proxy(valid, {
        get(target, key) {
          reads[String(key)] = (reads[String(key)] ?? 0) + 1;
          return Reflect.get(target, key);
        },
      }),
    );
    for (const count of Object.values(reads)) expect(count).toBeLessThanOrEqual(2);
  });
});

describe('options that a later release will have', () => {
  const later: [string, (options: never) => unknown, Options][] = [
    ['noiseShape', layers.dropout, { rate: 0 }],
    ['renorm', layers.batchNormalization, {}],
    ['groups', layers.conv1d, { filters: 1, kernelSize: 1 }],
    ['outputShape', layers.multiHeadAttention, { numHeads: 1, keyDim: 1 }],
    ['inputLength', layers.embedding, { inputDim: 1, outputDim: 1 }],
  ];

  it.each(later)('%s is named as such', async (option, make, valid) => {
    const call = () => make({ ...valid, [option]: 0.5 } as never);
    const text = await refusalText(call, 'UNSUPPORTED', { option });
    expect(text).toContain(`the option '${option}' is not part of this release`);
  });
});
