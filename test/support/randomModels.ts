// Random models as plain data, which fast-check can make small again where one fails, and what builds
// them.
import fc from 'fast-check';
import {
  type ActivationOption,
  input,
  type LossOption,
  layers,
  type Model,
  model,
  type RegularizerOption,
  type SymbolicTensor,
  type Tensor,
  tensor,
} from 'sluice';
import type { RecurrentLayer } from '../../lib/layers/recurrent.js';
import { noise, range, sizeOf } from './numbers.js';

export interface CellSpec {
  /** `resetAfter` and `updateGate` are a GRU's alone. */
  kind: 'gru' | 'lstm' | 'simpleRnn' | 'minGru';
  units: number;
  activation: ActivationOption;
  recurrentActivation: ActivationOption;
  useBias: boolean;
  resetAfter: boolean;
  updateGate: 'keep' | 'replace';
  maskedOutput: 'zero' | 'repeat';
  dropout: number;
  recurrentDropout: number;
  recurrentDropConnect: number;
  zoneout: number;
  layerNorm: boolean;
  clip: number;
  returnState: boolean;
  goBackwards: boolean;
  /** The initial state comes from a second input. */
  isGivenState: boolean;
  /** Else it is learned, where the layer is not stateful. */
  learnsState: boolean;
  /** On the kernel and on the outputs. */
  regularizer: RegularizerOption;
}

export type RecurrentSpec =
  | { kind: 'recurrent'; cell: CellSpec }
  | {
      kind: 'bidirectional';
      cell: CellSpec;
      /** The backward direction's own options; null: those of `cell`. */
      backward: CellSpec | null;
      mergeMode: 'concat' | 'sum' | 'ave' | 'mul' | 'none';
    };

export type PlainSpec =
  | { kind: 'dense'; units: number; activation: ActivationOption }
  | { kind: 'activation'; activation: ActivationOption }
  | { kind: 'dropout'; rate: number }
  | { kind: 'normalization'; invert: boolean }
  /** Of what a dense layer makes: of a single feature nothing would be left, and no gradient. */
  | { kind: 'layerNormalization'; units: number }
  | { kind: 'softmax' };

/** One that keeps the steps. */
export interface ConvolutionSpec {
  kind: 'conv1d';
  filters: number;
  kernelSize: number;
  padding: 'same' | 'causal';
  dilationRate: number;
  activation: ActivationOption;
}

export type PartSpec =
  | RecurrentSpec
  | PlainSpec
  | ConvolutionSpec
  | { kind: 'reverse' }
  /** A dense layer on each step, and its result added to what it got through another one. */
  | { kind: 'residual'; units: number; activation: ActivationOption }
  /** Joined with the model's input or with a second sequence. */
  | { kind: 'concatenate'; other: 'series' | 'extra' };

export interface ModelSpec {
  seed: number;
  features: number;
  parts: readonly PartSpec[];
  /** Ends the sequence; null: the outputs are sequences. */
  last: { layer: RecurrentSpec; tail: readonly PlainSpec[] } | null;
}

export type RandomModel = Model<Record<string, Tensor<'float32'>>>;

export const STATION = 3;
export const EXTRA = 2;

/** Activations without kinks, for finite differences. */
const SMOOTH: readonly ActivationOption[] = ['linear', 'tanh', 'sigmoid', 'softplus'];
const ALL: readonly ActivationOption[] = [
  ...SMOOTH,
  'relu',
  'softsign',
  'elu',
  { name: 'elu', alpha: 0.5 },
  'leakyRelu',
  { name: 'leakyRelu', alpha: 0.3 },
  'hardSigmoid',
  'hardSigmoidLegacy',
  { name: 'hardSigmoid', alpha: 0.3, beta: 0.4 },
];
/**
 * Gates from 0 to 1. Others let a state grow from step to step, and rounding errors with it, so that
 * no bound would hold.
 */
const GATES: readonly ActivationOption[] = [
  'sigmoid',
  'hardSigmoid',
  'hardSigmoidLegacy',
  { name: 'hardSigmoid', alpha: 0.3, beta: 0.4 },
];

/** What kinds of models to make. */
export interface ModelKinds {
  /** Only what a session can step. */
  isStreamable?: boolean;
  isSmooth?: boolean;
  /** Numbers of units and features; default: small, now and then beyond a vector or two. */
  units?: fc.Arbitrary<number>;
}

const UNITS = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(15, 16, 17, 31, 33) },
);

export function modelSpecs(kinds: ModelKinds = {}): fc.Arbitrary<ModelSpec> {
  const parts: fc.Arbitrary<PartSpec>[] = [recurrent(kinds), plain(kinds), convolution(kinds)];
  const other = fc.constantFrom('series' as const, 'extra' as const);
  parts.push(fc.record({ kind: fc.constant('concatenate' as const), other }));
  parts.push(
    fc.record({
      kind: fc.constant('residual' as const),
      units: kinds.units ?? UNITS,
      activation: fc.constantFrom(...(kinds.isSmooth ? SMOOTH : ALL)),
    }),
  );
  if (!kinds.isStreamable) parts.push(fc.constant({ kind: 'reverse' as const }));
  return fc.record({
    seed: fc.nat({ max: 2 ** 31 }),
    features: kinds.units ?? fc.integer({ min: 1, max: 6 }),
    parts: fc.array(fc.oneof(...parts), { maxLength: 3 }),
    last: fc.option(
      fc.record({ layer: recurrent(kinds), tail: fc.array(plain(kinds), { maxLength: 2 }) }),
      { freq: 3 },
    ),
  });
}

function recurrent(kinds: ModelKinds): fc.Arbitrary<RecurrentSpec> {
  const one = fc.record({ kind: fc.constant('recurrent' as const), cell: cell(kinds) });
  if (kinds.isStreamable) return one;
  const mergeMode = fc.constantFrom(...(['concat', 'sum', 'ave', 'mul', 'none'] as const));
  const both = fc
    .record({ cell: cell(kinds), backward: fc.option(cell(kinds)), mergeMode })
    .map(({ cell: forward, backward, mergeMode: mode }): RecurrentSpec => {
      const sameUnits = mode !== 'concat' && mode !== 'none';
      return {
        kind: 'bidirectional',
        cell: { ...forward, goBackwards: false },
        backward: backward && {
          ...backward,
          goBackwards: true,
          returnState: forward.returnState,
          units: sameUnits ? forward.units : backward.units,
        },
        mergeMode: mode,
      };
    });
  return fc.oneof(one, both);
}

function cell({ isSmooth, isStreamable, units }: ModelKinds): fc.Arbitrary<CellSpec> {
  const never = fc.constant(false);
  const rates = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constantFrom(0.2, 0.4));
  return fc.record({
    kind: fc.constantFrom(...(['gru', 'lstm', 'simpleRnn', 'minGru'] as const)),
    units: units ?? UNITS,
    activation: fc.constantFrom(...(isSmooth ? SMOOTH : ALL)),
    recurrentActivation: fc.constantFrom(...(isSmooth ? GATES.slice(0, 1) : GATES)),
    useBias: fc.boolean(),
    resetAfter: fc.boolean(),
    updateGate: fc.constantFrom('keep' as const, 'replace' as const),
    maskedOutput: fc.constantFrom('zero' as const, 'repeat' as const),
    dropout: rates,
    recurrentDropout: rates,
    recurrentDropConnect: rates,
    zoneout: rates,
    layerNorm: fc.constantFrom(false, false, false, true),
    clip: isSmooth ? fc.constant(0) : fc.constantFrom(0, 0, 0.5),
    returnState: fc.boolean(),
    goBackwards: isStreamable ? never : fc.boolean(),
    isGivenState: isStreamable ? never : fc.boolean(),
    learnsState: fc.boolean(),
    // Without a corner, and next to nothing beside the loss.
    regularizer: fc.constantFrom({ l2: 0 }, { l2: 0.01 }),
  });
}

function plain({ isSmooth, units }: ModelKinds): fc.Arbitrary<PlainSpec> {
  const activation = fc.constantFrom(...(isSmooth ? SMOOTH : ALL));
  return fc.oneof(
    fc.record({ kind: fc.constant('dense' as const), units: units ?? UNITS, activation }),
    fc.record({ kind: fc.constant('activation' as const), activation }),
    fc.record({ kind: fc.constant('dropout' as const), rate: fc.constantFrom(0, 0.3, 0.7) }),
    fc.record({ kind: fc.constant('normalization' as const), invert: fc.boolean() }),
    fc.record({
      kind: fc.constant('layerNormalization' as const),
      units: (units ?? UNITS).map((n) => n + 1),
    }),
    fc.constant({ kind: 'softmax' as const }),
  );
}

function convolution({ isSmooth, isStreamable, units }: ModelKinds): fc.Arbitrary<ConvolutionSpec> {
  return fc.record({
    kind: fc.constant('conv1d' as const),
    filters: units ?? UNITS,
    kernelSize: fc.integer({ min: 1, max: 5 }),
    padding: isStreamable
      ? fc.constant('causal' as const)
      : fc.constantFrom('same' as const, 'causal' as const),
    dilationRate: fc.integer({ min: 1, max: 3 }),
    activation: fc.constantFrom(...(isSmooth ? SMOOTH : ALL)),
  });
}

/** The model of a description, with all its weights random: biases and statistics as well. */
export function buildModel(spec: ModelSpec, options: { isStateful?: boolean } = {}): RandomModel {
  const series = input({ shape: [null, spec.features], name: 'series' });
  const extra = input({ shape: [null, EXTRA], name: 'extra' });
  const station = input({ shape: [STATION], name: 'station' });
  const used = new Set([series]);
  const outputs: SymbolicTensor[] = [];
  const stateFrom = (units: number) => {
    used.add(station);
    return layers.dense({ units, activation: 'tanh' }).apply(station);
  };
  const run = (part: RecurrentSpec, returnSequences: boolean, x: SymbolicTensor) => {
    const results = applyRecurrent(part, { returnSequences, ...options }, x, stateFrom);
    outputs.push(...results.states);
    return results.value;
  };
  let value = series;
  for (const part of spec.parts) {
    if (part.kind === 'recurrent' || part.kind === 'bidirectional') value = run(part, true, value);
    else if (part.kind === 'reverse') value = layers.reverse().apply(value);
    else if (part.kind === 'residual') {
      const { units, activation } = part;
      const layer = layers.dense({ units, activation });
      const each = layers.timeDistributed({ layer }).apply(value);
      value = layers.add().apply([each, layers.dense({ units }).apply(value)]);
    } else if (part.kind === 'concatenate') {
      const other = part.other === 'extra' ? extra : series;
      used.add(other);
      value = layers.concatenate().apply([value, other]);
    } else if (part.kind === 'conv1d') {
      const { kind: _, ...options } = part;
      value = layers.conv1d(options).apply(value);
    } else value = applyPlain(part, value);
  }
  if (spec.last) {
    value = run(spec.last.layer, false, value);
    for (const part of spec.last.tail) value = applyPlain(part, value);
  }
  // An input is no output of a model: a model without layers gets one.
  if (value === series) value = layers.activation({ activation: 'linear' }).apply(value);
  const m = model({
    inputs: [series, extra, station].filter((item) => used.has(item)),
    outputs: Object.fromEntries([value, ...outputs].map((item, i) => [`out${i}`, item])),
    seed: spec.seed,
  });
  m.setWeights(randomWeights(m, spec.seed));
  return m;
}

function applyRecurrent(
  part: RecurrentSpec,
  options: { returnSequences: boolean; isStateful?: boolean },
  x: SymbolicTensor,
  stateFrom: (units: number) => SymbolicTensor,
): { value: SymbolicTensor; states: SymbolicTensor[] } {
  const layerOf = (spec: CellSpec) =>
    cellLayer(spec, {
      returnSequences: options.returnSequences,
      stateful: options.isStateful ?? false,
      learns: spec.learnsState && !isGiven && !options.isStateful,
    });
  const cells = part.kind === 'recurrent' ? [part.cell] : [part.cell, part.backward ?? part.cell];
  const units = cells.flatMap((cell) => Array(cell.kind === 'lstm' ? 2 : 1).fill(cell.units));
  const isGiven = part.cell.isGivenState && !options.isStateful;
  const call = isGiven ? { initialState: units.map(stateFrom) } : {};
  if (part.kind === 'recurrent') {
    const [value, ...states] = applied(layerOf(part.cell), x, call);
    return { value: value as SymbolicTensor, states };
  }
  const { backward, mergeMode } = part;
  const layer = layers.bidirectional<boolean, typeof mergeMode>({
    layer: layerOf(part.cell),
    ...(backward ? { backwardLayer: layerOf(backward) } : {}),
    mergeMode,
  });
  const results = applied(layer, x, call);
  if (mergeMode !== 'none')
    return { value: results[0] as SymbolicTensor, states: results.slice(1) };
  const directions = results.slice(0, 2);
  return { value: layers.concatenate().apply(directions), states: results.slice(2) };
}

/** All values of a layer with any number of states. */
function applied(layer: object, x: SymbolicTensor, call: object): SymbolicTensor[] {
  const any = layer as { apply(x: SymbolicTensor, call: object): SymbolicTensor };
  return [any.apply(x, call)].flat();
}

function cellLayer(
  {
    kind,
    isGivenState: _,
    learnsState: __,
    resetAfter,
    updateGate,
    recurrentActivation,
    regularizer,
    ...common
  }: CellSpec,
  { learns, ...use }: { returnSequences: boolean; stateful: boolean; learns: boolean },
): RecurrentLayer<boolean> {
  const options = {
    ...common,
    ...use,
    // Of values that nearly agree, rounding errors would be all that is left.
    layerNormEpsilon: 0.1,
    initialState: learns ? ('learned' as const) : ('zeros' as const),
    kernelRegularizer: regularizer,
    activityRegularizer: regularizer,
  };
  const gated = { ...options, recurrentActivation };
  const layer = {
    gru: () => {
      const after = resetAfter || options.layerNorm;
      return layers.gru<boolean>({ ...gated, resetAfter: after, updateGate });
    },
    lstm: () => layers.lstm<boolean>(gated),
    simpleRnn: () => layers.simpleRnn<boolean>(options),
    minGru: () => {
      const { dropout, recurrentDropout, recurrentDropConnect, zoneout, ...others } = options;
      const { layerNorm, layerNormEpsilon, clip, ...rest } = others;
      return layers.minGru<boolean>(rest);
    },
  }[kind]();
  return layer as RecurrentLayer<boolean>;
}

function applyPlain(part: PlainSpec, x: SymbolicTensor): SymbolicTensor {
  if (part.kind !== 'layerNormalization') return plainLayer(part).apply(x);
  // Of rows that are nearly constant, rounding errors would be all that is left.
  const norm = layers.layerNormalization({ epsilon: 0.1 });
  return norm.apply(layers.dense({ units: part.units }).apply(x));
}

function plainLayer(part: Exclude<PlainSpec, { kind: 'layerNormalization' }>) {
  switch (part.kind) {
    case 'dense':
      return layers.dense({ units: part.units, activation: part.activation });
    case 'activation':
      return layers.activation({ activation: part.activation });
    case 'dropout':
      return layers.dropout({ rate: part.rate });
    case 'normalization':
      return layers.normalization({ invert: part.invert });
    case 'softmax':
      return layers.softmax();
  }
}

/**
 * Kernels that keep values at unit scale, biases and means away from zero, variances above it. Recurrent
 * ones shrink the state, also when dropout scales it: a state that grows from step to step is chaos.
 */
export function randomWeights(m: Pick<RandomModel, 'weights'>, seed: number) {
  const entries = m.weights.map(({ name, shape }, i) => {
    const isKernel = name.endsWith('kernel');
    const gain = name.endsWith('recurrent_kernel') ? 0.6 : 1.5;
    const scale = isKernel ? gain / Math.sqrt(sizeOf(shape.slice(0, -1))) : 0.5;
    const isVariance = name.endsWith('/variance');
    const values = noise(sizeOf(shape), seed + 7919 * (i + 1)).map((value) =>
      isVariance ? 1 + scale * value : scale * value,
    );
    return [name, tensor(values, shape)] as const;
  });
  return Object.fromEntries(entries);
}

/** Rows, steps and which of the steps exist. */
export interface DataSpec {
  rows: number;
  steps: number;
  masks: 'none' | 'lengths' | 'mask' | 'series only';
  seed: number;
}

export function dataSpecs(rows = fc.integer({ min: 1, max: 6 })): fc.Arbitrary<DataSpec> {
  return fc.record({
    rows,
    steps: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 7 }) },
      { weight: 1, arbitrary: fc.integer({ min: 8, max: 30 }) },
    ),
    masks: fc.constantFrom(...(['none', 'lengths', 'mask', 'series only'] as const)),
    seed: fc.nat({ max: 2 ** 31 }),
  });
}

export type Data = Record<string, Tensor<'float32'>>;
/** By input name, 1 where a step exists. */
export type Masks = Record<string, Tensor<'bool'>>;

/** Inputs for a model by name. */
export function inputsOf(m: RandomModel, { rows, steps, seed }: DataSpec, features: number): Data {
  const shapes: Record<string, number[]> = {
    series: [rows, steps, features],
    extra: [rows, steps, EXTRA],
    station: [rows, STATION],
  };
  return Object.fromEntries(
    m.inputNames.map((name, i) => {
      const shape = shapes[name] ?? [];
      return [name, tensor(noise(sizeOf(shape), seed + i), shape)];
    }),
  );
}

/** Which steps exist, where any are missing at all. With 'lengths' each mask is right padding. */
export function masksOf(m: RandomModel, { rows, steps, masks, seed }: DataSpec): Masks {
  if (masks === 'none') return {};
  const names = m.inputNames.filter((name) => name !== 'station');
  const chosen = masks === 'series only' ? ['series'] : names;
  return Object.fromEntries(
    chosen.map((name, i) => {
      const random = noise(rows * steps, seed + 31 * (i + 1));
      const at = (row: number, step: number) => {
        if (masks !== 'lengths') return (random[row * steps + step] as number) > -0.3;
        const length = Math.floor((((random[row * steps] as number) + 1) / 2) * (steps + 1));
        return step < length;
      };
      const values = range(rows * steps).map((k) => at(Math.floor(k / steps), k % steps));
      return [name, tensor(Uint8Array.from(values, Number), [rows, steps])];
    }),
  );
}

/** As options of a call: lengths where all masks are right padding, else masks. */
export function maskOptions(masks: Masks, kind: DataSpec['masks']) {
  if (Object.keys(masks).length === 0) return {};
  if (kind !== 'lengths') return { mask: masks };
  const lengths = Object.entries(masks).map(([name, { data, shape }]) => {
    const [rows = 0, steps = 0] = shape;
    const counts = range(rows).map((row) =>
      data.subarray(row * steps, (row + 1) * steps).reduce((sum, bit) => sum + bit, 0),
    );
    return [name, counts];
  });
  return { lengths: Object.fromEntries(lengths) as Record<string, number[]> };
}

/** Random tensors shaped as these. */
export function like(values: Data, seed: number, change = (value: number) => value): Data {
  const entries = Object.entries(values).map(([name, { shape }], i) => [
    name,
    tensor(noise(sizeOf(shape), seed + 101 * i).map(change), shape),
  ]);
  return Object.fromEntries(entries);
}

/** The same loss for each of the outputs. */
export function lossOf(m: RandomModel, loss: LossOption): Record<string, LossOption> {
  return Object.fromEntries(m.outputNames.map((name) => [name, loss]));
}
