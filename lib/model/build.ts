// The two ways to make a model: `sequential` and `model`.
import { invalid, SluiceError } from '../errors.js';
import { extents, input } from '../layers/input.js';
import { checkLayer, isSymbolic, type Layer, SymbolicTensor } from '../layers/layer.js';
import { custom, layerName, optional, parseOptions, withDefault } from '../layers/options.js';
import { native } from '../native.js';
import type { Tensor } from '../tensor/tensor.js';
import { isRecord } from '../training/data.js';
import { ModelCore } from './core.js';
import { type BuiltGraph, buildGraph } from './graph.js';
import { Model } from './model.js';
import type { ModelOutput, OutputOf, SymbolicOutputs } from './outputs.js';
import { nextSeed, SEED } from './seed.js';

/** Options of both {@link sequential} and {@link model}. */
export interface ModelOptions {
  /** Integer >= 0; drives initializers, shuffles and dropout. Default: see `setSeed`. */
  seed?: number;
  /** For people: in `summary` and messages. */
  name?: string;
}

/** Options of {@link sequential}. */
export interface SequentialOptions extends ModelOptions {
  /** Without the batch axis; `[null, 10]`: sequences of any length with 10 features. */
  inputShape: readonly (number | null)[];
}

const SEQUENTIAL_FIELDS = {
  inputShape: extents(),
  seed: optional(SEED),
  name: withDefault(layerName(), 'sequential'),
};

/**
 * A model of layers one after the other.
 *
 * @param layers at least one; each with one input and one output
 * @throws SluiceError INVALID_ARGUMENT for what is no layer; CONFIG, SHAPE_MISMATCH, UNSUPPORTED or
 * OUT_OF_MEMORY naming the layer that does not fit
 *
 * @example
 * const m = sequential([layers.gru({ units: 64 }), layers.dense({ units: 1 })], {
 *   inputShape: [100, 10],
 *   seed: 1,
 * });
 */
export function sequential(
  layers: readonly Layer[],
  options: SequentialOptions,
): Model<Tensor<'float32'>> {
  const { inputShape, seed, name } = parseOptions('sequential', SEQUENTIAL_FIELDS, options);
  if (!Array.isArray(layers) || layers.length === 0) {
    throw invalid('layers', 'an array of at least one layer', layers, 'sequential');
  }
  const dtype = checkLayer(layers[0], 'layers[0]', 'sequential').inputDtype;
  const start = input({ shape: inputShape, dtype });
  let value = start;
  for (const [i, item] of layers.entries()) {
    const layer = checkLayer(item, `layers[${i}]`, 'sequential');
    const result = layer.apply(value);
    if (Array.isArray(result)) {
      throw new SluiceError(
        'CONFIG',
        `sequential: layer ${i} (${layer.name ?? layer.kind}) returns ${result.length} values, use model({ inputs, outputs })`,
        {
          layer: layer.name ?? layer.kind,
          option: `layers[${i}]`,
          expected: 'a layer that returns one value',
          received: `${result.length} values`,
        },
      );
    }
    value = result;
  }
  return create(buildGraph([start], [value], 'single'), name ?? 'sequential', seed);
}

/** What {@link model} is given. */
export interface GraphOptions<S extends SymbolicOutputs> extends ModelOptions {
  /** What `input(...)` returned: one or several. */
  inputs: SymbolicTensor | readonly SymbolicTensor[];
  /** One value, an array or a record; results of `predict` come in the same form. */
  outputs: S;
}

const GRAPH_FIELDS = {
  inputs: custom<SymbolicTensor[]>('symbolic tensors', (value, name, where) => {
    const list: unknown[] = Array.isArray(value) ? Array.from(value) : [value];
    const areInputs = list.every((item) => isSymbolic(item) && item.node.layer.kind === 'input');
    if (list.length === 0 || !areInputs || new Set(list).size < list.length) {
      throw invalid(name, 'what input(...) returned, each once', value, where);
    }
    return list as SymbolicTensor[];
  }),
  outputs: custom<unknown>('symbolic tensors', (value) => value),
  seed: optional(SEED),
  name: withDefault(layerName(), 'model'),
};

/**
 * A model of a graph.
 *
 * @throws SluiceError INVALID_ARGUMENT for what is not symbolic; CONFIG, SHAPE_MISMATCH, UNSUPPORTED or
 * OUT_OF_MEMORY naming the layer that does not fit
 *
 * @example
 * const x = input({ shape: [null, 8], name: 'series' });
 * const s = input({ shape: [5], name: 'station' });
 * const h0 = layers.dense({ units: 64, activation: 'tanh' }).apply(s);
 * const out = layers.dense({ units: 1 }).apply(layers.gru({ units: 64 }).apply(x, { initialState: h0 }));
 * const g = model({ inputs: [x, s], outputs: out });
 * await g.predict({ series, station });
 */
export function model<const S extends SymbolicOutputs>(
  options: GraphOptions<S>,
): Model<OutputOf<S>> {
  const { inputs, outputs, seed, name } = parseOptions('model', GRAPH_FIELDS, options);
  const { kind, values, names } = readOutputs(outputs);
  return create(buildGraph(inputs, values, kind, names), name ?? 'model', seed);
}

function readOutputs(outputs: unknown) {
  const kind =
    outputs instanceof SymbolicTensor ? 'single' : Array.isArray(outputs) ? 'array' : 'record';
  const values: unknown[] =
    kind === 'array'
      ? Array.from(outputs as unknown[])
      : kind === 'record' && isRecord(outputs)
        ? Object.values(outputs)
        : [outputs];
  if (values.length === 0 || !values.every(isSymbolic)) {
    throw invalid('outputs', 'symbolic tensors: one, an array or a record', outputs, 'model');
  }
  return {
    kind,
    values: values as SymbolicTensor[],
    names: kind === 'record' ? Object.keys(outputs as object) : undefined,
  } as const;
}

/** Builds the model and gives it the weights that its layers bring along. */
function create<O extends ModelOutput>(
  { description, outputs, layers }: BuiltGraph,
  name: string,
  seed: number | undefined,
): Model<O> {
  const core = new ModelCore({ name, seed: seed ?? nextSeed(), description, outputs });
  const parameters = native(() => core.engine.parameters);
  const preset: Record<string, Float32Array> = {};
  for (const [node, layer] of layers) {
    const own = parameters.filter((parameter) => parameter.layer === node);
    const shapes = own.map(({ name: full, shape }) => [full.slice(node.length + 1), shape]);
    const weights = layer.presetWeights(Object.fromEntries(shapes));
    for (const [part, { data }] of Object.entries(weights)) preset[`${node}/${part}`] = data;
  }
  if (Object.keys(preset).length > 0) native(() => core.engine.setWeights(preset));
  return new Model<O>(core);
}
