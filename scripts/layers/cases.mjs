// What docs/layers.md is made of: every layer with the options that change what runs. A new layer is an
// entry of LAYERS, a new option of one a line in its `cases`; a new option of the recurrent layers is a
// line in RECURRENT_CASES. test/scripts/layers.test.ts fails where one is missing.
import { Inner, titleOf } from './inner.mjs';

/**
 * @typedef {{ shape: (number | null)[], dtype?: 'float32' | 'int32' }} Input
 * @typedef {Record<string, unknown>} Options
 * @typedef {{ options: Options, base?: Options, given?: boolean, memory?: 'fast' | 'low' }} Row
 * @typedef {object} LayerCases
 * @property {string} group
 * @property {Input[]} [inputs]
 * @property {Options} [base]
 * @property {Options[]} cases
 * @property {{ title?: string, options: Options, inputs?: Input[] }[]} [more]
 * @typedef {object} Case
 * @property {string} layer
 * @property {string} [column]
 * @property {string} title
 * @property {Options} options
 * @property {Input[]} inputs
 * @property {boolean} given
 * @property {'fast' | 'low'} memory
 */

// Inputs of a model, B rows; T steps where an extent is null.
const SEQUENCE = { shape: [null, 3] };
const VECTOR = { shape: [3] };
const IMAGE = { shape: [null, 6, 3] };
const STEPS = { shape: [7, 3] };
/** @type {Input} */
const IDS = { shape: [null], dtype: 'int32' };
/** As long as the units of the recurrent layers below. */
export const STATE = { shape: [5] };

/** Options that change no operation: where weights begin, and what a model calls them. */
export const WITHOUT_CASE = /^(name|trainable)$|Initializer$/;

/**
 * Options of the recurrent layers, one case for each layer that has them; `base`: what a row is about is
 * added to these. `given`: with initial states from other inputs; `memory`: of `compile`.
 * @type {Row[]}
 */
export const RECURRENT_CASES = [
  { options: {} },
  { options: { returnSequences: true } },
  { options: { returnState: true } },
  { options: { goBackwards: true } },
  { options: { stateful: true } },
  { options: { initialState: 'learned' } },
  { options: {}, given: true },
  { options: { maskedOutput: 'repeat' }, base: { returnSequences: true } },
  { options: { useBias: false } },
  { options: { unitForgetBias: false } },
  { options: { resetAfter: false } },
  { options: { updateGate: 'replace' } },
  { options: { activation: 'relu' } },
  { options: { recurrentActivation: 'hardSigmoid' } },
  { options: { dropout: 0.5 } },
  { options: { recurrentDropout: 0.5 } },
  { options: { dropout: 0.5, recurrentDropout: 0.5 } },
  { options: { recurrentDropConnect: 0.5 } },
  { options: { zoneout: 0.5 } },
  { options: { kernelRegularizer: 'l1l2' } },
  { options: { recurrentRegularizer: 'l1l2' } },
  { options: { biasRegularizer: 'l1l2' } },
  { options: { activityRegularizer: 'l1l2' } },
  { options: { kernelConstraint: 'maxNorm' } },
  { options: { recurrentConstraint: 'unitNorm' } },
  { options: { biasConstraint: 'nonNeg' } },
  // Five units may be nearly equal: with a small epsilon their rounding errors are what is left of them.
  { options: { layerNorm: true, layerNormEpsilon: 0.1 } },
  { options: { clip: 1 } },
  { options: {}, memory: 'low' },
];

/** Names of the layers that have them, and which layer takes them. */
const recurrent = (name) => ({ name, of: (options) => ({ units: 5, ...options }) });
const bothWays = (name) => ({
  name: 'bidirectional',
  of: (options) => ({ layer: new Inner(name, { units: 5, ...options }) }),
});
export const RECURRENT = {
  gru: recurrent('gru'),
  lstm: recurrent('lstm'),
  simpleRnn: recurrent('simpleRnn'),
  minGru: recurrent('minGru'),
  'bidirectional gru': bothWays('gru'),
};

/** One step: the cases of the layer whose options a cell has, but for those whose names match. */
const cell = (without) => ({
  group: 'recurrent',
  inputs: [VECTOR],
  base: { units: 5 },
  cases: RECURRENT_CASES.filter(({ options, base, given, memory }) => {
    const ofLayers = /^(return.*|goBackwards|stateful|initialState|maskedOutput)$/;
    const isOther = (name) => ofLayers.test(name) || without.test(name);
    return !base && !given && !memory && !Object.keys(options).some(isOther);
  }).map(({ options }) => options),
});

const activations =
  'relu tanh sigmoid linear softsign softplus elu leakyRelu hardSigmoid exponential selu silu gelu softmax'.split(
    ' ',
  );
const dense = new Inner('dense', { units: 5 });
const sequences = new Inner('gru', { units: 5, returnSequences: true });
const backwards = new Inner('lstm', { units: 5, returnSequences: true, goBackwards: true });
const penalized = [
  { kernelRegularizer: 'l1l2' },
  { biasRegularizer: 'l1l2' },
  { activityRegularizer: 'l1l2' },
  { kernelConstraint: 'maxNorm' },
  { biasConstraint: 'nonNeg' },
];
const ofTable = [{ embeddingsRegularizer: 'l1l2' }, { embeddingsConstraint: 'maxNorm' }];
const ofNorms = [
  { gammaRegularizer: 'l1l2' },
  { betaRegularizer: 'l1l2' },
  { gammaConstraint: 'maxNorm' },
  { betaConstraint: 'nonNeg' },
];
const ofDepthwise = [
  { depthwiseRegularizer: 'l1l2' },
  { biasRegularizer: 'l1l2' },
  { activityRegularizer: 'l1l2' },
  { depthwiseConstraint: 'maxNorm' },
  { biasConstraint: 'nonNeg' },
];
const merging = { group: 'merging', inputs: [SEQUENCE, SEQUENCE], cases: [{}] };
const seen = [{ useCausalMask: true }, { dropout: 0.5 }];
const attention = {
  group: 'attention',
  inputs: [SEQUENCE, SEQUENCE],
  more: [
    { title: 'a sequence with itself', options: {}, inputs: [SEQUENCE] },
    { title: 'with keys', options: {}, inputs: [SEQUENCE, SEQUENCE, SEQUENCE] },
  ],
};
const convolution = { group: 'windows', base: { filters: 5, kernelSize: 3 } };
const depthwise = { group: 'windows', base: { kernelSize: 3 } };
const windows = [{ strides: 2 }, { padding: 'same' }, { dilationRate: 2 }];
const around = [{ useBias: false }, { activation: 'relu' }];
const pooling = (input) => ({
  group: 'windows',
  inputs: [input],
  cases: [{}, { poolSize: 3 }, { strides: 1 }, { padding: 'same' }],
});
const whole = (input) => ({ group: 'windows', inputs: [input], cases: [{}, { keepdims: true }] });

/**
 * By name; the first case of each is the layer as it is by default. `base`: options that it cannot be
 * without. `inputs`: what it takes, by default one sequence. `more`: cases with inputs of their own.
 * @type {Record<string, LayerCases>}
 */
export const LAYERS = {
  gru: { group: 'recurrent', cases: [] },
  lstm: { group: 'recurrent', cases: [] },
  simpleRnn: { group: 'recurrent', cases: [] },
  minGru: { group: 'recurrent', cases: [] },
  bidirectional: {
    group: 'recurrent',
    base: { layer: sequences },
    cases: [
      { mergeMode: 'sum' },
      { mergeMode: 'ave' },
      { mergeMode: 'mul' },
      { mergeMode: 'none' },
      { backwardLayer: backwards },
    ],
  },
  gruCell: cell(/^unitForgetBias$/),
  lstmCell: cell(/^(resetAfter|updateGate)$/),
  simpleRnnCell: cell(/^(recurrentActivation|resetAfter|updateGate|unitForgetBias)$/),
  minGruCell: cell(
    /^(recurrent.*|dropout|zoneout|layerNorm.*|clip|resetAfter|updateGate|unitForgetBias)$/,
  ),
  dense: {
    group: 'dense',
    base: { units: 5 },
    cases: [{}, ...around, { activation: 'softmax' }, ...penalized],
    more: [{ title: 'of vectors', options: {}, inputs: [VECTOR] }],
  },
  activation: { group: 'dense', cases: activations.map((activation) => ({ activation })) },
  softmax: { group: 'dense', cases: [{}, { axis: 1 }] },
  timeDistributed: { group: 'dense', base: { layer: dense }, cases: [{}] },
  normalization: {
    group: 'normalization',
    cases: [{}, { mean: 1, variance: 4 }, { mean: 1, variance: 4, invert: true }],
  },
  layerNormalization: {
    group: 'normalization',
    cases: [{}, { center: false }, { scale: false }, { epsilon: 1e-5 }, ...ofNorms],
    more: [
      { options: { axis: 1 }, inputs: [STEPS] },
      { options: { axis: [1, 2] }, inputs: [STEPS] },
    ],
  },
  batchNormalization: {
    group: 'normalization',
    cases: [
      {},
      { center: false },
      { scale: false },
      { epsilon: 1e-5 },
      { momentum: 0.5 },
      ...ofNorms,
    ],
    more: [{ options: { axis: 2 }, inputs: [IMAGE] }],
  },
  dropout: { group: 'normalization', base: { rate: 0.5 }, cases: [{}] },
  concatenate: { ...merging, more: [{ options: { axis: 1 }, inputs: [STEPS, STEPS] }] },
  add: merging,
  subtract: merging,
  multiply: merging,
  average: merging,
  maximum: merging,
  minimum: merging,
  dot: { ...merging, base: { axes: 2 }, cases: [{}, { axes: 1 }, { normalize: true }] },
  attention: {
    ...attention,
    cases: [{}, { useScale: true }, { scoreMode: 'concat' }, ...seen],
  },
  additiveAttention: { ...attention, cases: [{}, { useScale: false }, ...seen] },
  multiHeadAttention: {
    ...attention,
    base: { numHeads: 2, keyDim: 4 },
    cases: [{}, { valueDim: 5 }, { useBias: false }, ...seen, ...penalized],
  },
  conv1d: {
    ...convolution,
    cases: [{}, ...windows, { padding: 'causal' }, ...around, ...penalized],
  },
  conv2d: { ...convolution, inputs: [IMAGE], cases: [{}, ...windows, ...around, ...penalized] },
  depthwiseConv1d: {
    ...depthwise,
    cases: [{}, ...windows, { depthMultiplier: 2 }, ...around, ...ofDepthwise],
  },
  depthwiseConv2d: {
    ...depthwise,
    inputs: [IMAGE],
    cases: [{}, ...windows, { depthMultiplier: 2 }, ...around, ...ofDepthwise],
  },
  maxPooling1d: pooling(SEQUENCE),
  averagePooling1d: pooling(SEQUENCE),
  maxPooling2d: pooling(IMAGE),
  averagePooling2d: pooling(IMAGE),
  globalMaxPooling1d: whole(SEQUENCE),
  globalAveragePooling1d: whole(SEQUENCE),
  globalMaxPooling2d: whole(IMAGE),
  globalAveragePooling2d: whole(IMAGE),
  embedding: {
    group: 'steps',
    inputs: [IDS],
    base: { inputDim: 9, outputDim: 3 },
    cases: [{}, { maskZero: true }, ...ofTable],
  },
  masking: { group: 'steps', cases: [{}, { maskValue: 1 }] },
  reverse: { group: 'steps', cases: [{}] },
  flatten: { group: 'steps', inputs: [STEPS], cases: [{}] },
  reshape: {
    group: 'steps',
    inputs: [{ shape: [7, 6] }],
    base: { targetShape: [7, 3, 2] },
    cases: [{}, { targetShape: [6, 7] }],
  },
  permute: {
    group: 'steps',
    inputs: [IMAGE],
    base: { dims: [1, 3, 2] },
    cases: [{}, { dims: [2, 1, 3] }],
  },
  repeatVector: { group: 'steps', inputs: [VECTOR], base: { n: 5 }, cases: [{}] },
};

/** Headings of the overview. */
export const GROUPS = {
  recurrent: 'Recurrent layers',
  dense: 'Step by step',
  normalization: 'Normalization and dropout',
  merging: 'Joining values',
  attention: 'Attention',
  windows: 'Convolution and pooling',
  steps: 'Ids, masks and shapes',
};

/**
 * Every case: of a layer, with these options. `column`: of the table of recurrent layers, in which `row`
 * is its row; `title`: what is special about it, '' for the defaults.
 * @returns {Case[]}
 */
export function allCases() {
  const recurrent = Object.entries(RECURRENT).flatMap(([column, { name, of }]) =>
    RECURRENT_CASES.map((row) => ({
      layer: name,
      column,
      title: rowTitle(row),
      options: of({ ...row.base, ...row.options }),
      inputs: [SEQUENCE],
      given: row.given === true,
      memory: row.memory ?? 'fast',
    })),
  );
  const others = Object.entries(LAYERS).flatMap(([layer, of]) =>
    casesOf(of).map(({ title, options, inputs }) => ({
      layer,
      title: title ?? titleOf(options),
      options: { ...of.base, ...options },
      inputs: inputs ?? of.inputs ?? [SEQUENCE],
      given: false,
      memory: /** @type {const} */ ('fast'),
    })),
  );
  return [...recurrent, ...others];
}

/** @returns {NonNullable<LayerCases['more']>} */
function casesOf({ cases, more = [] }) {
  return [...cases.map((options) => ({ options })), ...more];
}

/**
 * Of a row of the table of recurrent layers.
 * @param {Row} row
 */
export function rowTitle({ options, base = {}, given, memory }) {
  if (given) return 'initialState given to apply';
  if (memory) return `compile with memory: '${memory}'`;
  return titleOf({ ...options, ...base });
}
