import { decodeModel } from '../formats/modelFile.js';
import type { SafetensorsDType } from '../formats/safetensors.js';
import { type Extents, type Json, native } from '../native.js';
import type { Loss } from '../training/losses.js';
import type { Metric } from '../training/metrics.js';
import type { Optimizer } from '../training/optimizers.js';
import type { ModelCore } from './core.js';
import { restore } from './load.js';

/** One parameter, with the range of its values. */
export interface ParameterReport {
  name: string;
  layer: string;
  shape: number[];
  /** As it stands in the file. */
  dtype: SafetensorsDType;
  trainable: boolean;
  count: number;
  /** Of the finite values; null where there are none. */
  min: number | null;
  max: number | null;
  mean: number | null;
  /** Values that are infinite or not a number. */
  nonFinite: number;
}

export interface LayerReport {
  name: string;
  kind: string;
  /** Names of the layers that it reads. */
  inputs: string[];
  outputs: Extents[];
  /** Numbers in its parameters; 0 for a layer that shares those of another one. */
  parameters: number;
  options: { [key: string]: Json };
}

/** What a model file holds, as plain data. */
export interface FileReport {
  bytes: number;
  format: number;
  /** Version of the library that wrote the file. */
  writer: string | null;
  /** What else stands in the file's metadata. */
  metadata: Record<string, string>;
  name: string;
  seed: number;
  inputs: { name: string; shape: Extents; dtype: string }[];
  outputs: { name: string; layer: string; shape: Extents }[];
  layers: LayerReport[];
  parameters: ParameterReport[];
  totals: { parameters: number; trainable: number };
  /** The statistics of normalization layers, one value a feature. */
  normalization: { layer: string; invert: boolean; mean: number[]; variance: number[] }[];
  /** Null for a model that was not compiled. */
  compiled: {
    optimizer: Optimizer;
    /** One entry an output. */
    losses: Loss[];
    lossWeights: number[];
    metrics: Metric[][];
  } | null;
}

/**
 * Describes a model file: what `load` refuses is refused here, by the same errors.
 * @throws SluiceError FORMAT, OUT_OF_MEMORY
 */
export function reportFile(file: Uint8Array): FileReport {
  const decoded = decodeModel(file);
  const core = restore(decoded);
  try {
    const { format, writer, metadata, record, tensors } = decoded;
    const weights = native(() => core.engine.getWeights());
    const parameters = native(() => core.engine.parameters).map(
      ({ name, layer, shape, trainable }) => ({
        name,
        layer,
        shape,
        dtype: tensors.get(name)?.dtype ?? 'F32',
        trainable,
        ...statistics(weights[name] ?? new Float32Array(0)),
      }),
    );
    return {
      bytes: file.byteLength,
      format,
      writer,
      metadata,
      name: record.name,
      seed: record.seed,
      inputs: core.inputs.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
      outputs: core.outputs.map(({ name, node, shape }) => ({ name, layer: node, shape })),
      layers: layersOf(core, parameters),
      parameters,
      totals: {
        parameters: total(parameters),
        trainable: total(parameters.filter(({ trainable }) => trainable)),
      },
      normalization: normalizationOf(core, weights),
      compiled: compiledOf(core),
    };
  } finally {
    core.dispose();
  }
}

function compiledOf({ compiled }: ModelCore): FileReport['compiled'] {
  if (!compiled) return null;
  const { optimizer, outputs } = compiled;
  return {
    optimizer,
    losses: outputs.map(({ loss }) => loss),
    lossWeights: outputs.map(({ weight }) => weight),
    metrics: outputs.map(({ metrics }) => [...metrics]),
  };
}

function total(parameters: readonly ParameterReport[]): number {
  return parameters.reduce((sum, { count }) => sum + count, 0);
}

function statistics(values: Float32Array) {
  let [min, max, sum, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    finite++;
  }
  const range =
    finite > 0 ? { min, max, mean: sum / finite } : { min: null, max: null, mean: null };
  return { count: values.length, ...range, nonFinite: values.length - finite };
}

function layersOf(core: ModelCore, parameters: readonly ParameterReport[]): LayerReport[] {
  const described = new Map(core.description.nodes.map((node) => [node.name, node]));
  return native(() => core.engine.nodes).map(({ name, kind, outputs, parameters: own }) => ({
    name,
    kind,
    inputs: (described.get(name)?.inputs ?? []).map(([input]) => input),
    outputs,
    parameters: total(parameters.filter((parameter) => own.includes(parameter.name))),
    options: described.get(name)?.options ?? {},
  }));
}

function normalizationOf(core: ModelCore, weights: Record<string, Float32Array>) {
  return core.description.nodes
    .filter(({ kind, name }) => kind === 'normalization' && `${name}/mean` in weights)
    .map(({ name, options }) => ({
      layer: name,
      invert: options.invert === true,
      mean: [...(weights[`${name}/mean`] ?? [])],
      variance: [...(weights[`${name}/variance`] ?? [])],
    }));
}
