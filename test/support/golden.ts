// Reads the cases of test/golden and runs those that describe a model through the public API.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  input,
  type Layer,
  layers,
  type Model,
  model,
  type SymbolicTensor,
  type Tensor,
  tensor,
} from 'sluice';
import { expect } from 'vitest';
import { type RawTensor, readSafetensors } from '../../lib/formats/safetensors.js';
import { BidirectionalLayer } from '../../lib/layers/bidirectional.js';
import { RecurrentCell } from '../../lib/layers/cells.js';
import { RecurrentLayer } from '../../lib/layers/recurrent.js';
import { FAST_DEVICES } from './cuda.js';

const ROOT = join(__dirname, '..', 'golden');

/** Which test file runs which folders; test/layers/coverage.golden.test.ts holds both to it. */
export const CONSUMERS = {
  'layers/gru': ['torch-gru', 'keras-gru', 'keras-masks', 'keras-activations', 'update-gate'],
  'layers/cells': ['cells'],
  'layers/layerNorm': ['layer-norm'],
  'layers/dropout': ['dropout'],
  'layers/lengths': ['torch-lengths'],
  'layers/bidirectional': ['torch-bidirectional', 'keras-bidirectional'],
  'layers/attention': ['keras-attention'],
  'layers/convolution': ['keras-convolution'],
  'layers/models': ['keras-models'],
  'layers/around': ['keras-around'],
  'layers/ops': ['keras-ops'],
  'training/losses': ['losses'],
  'training/optimizers': ['optimizers', 'regularization'],
} as const;

export type Consumer = keyof typeof CONSUMERS;

/** All state the same numbers: the fast kernels and the plain loops they are held to. */
export const DEVICES: readonly ('cpu' | 'cuda' | 'reference')[] = [...FAST_DEVICES, 'reference'];

/**
 * Where and how a call runs. Strict, so that a kernel that is missing on the cpu is an error: otherwise
 * the reference would quietly stand in for what is under test. What a GPU lacks is known (docs/cuda.md).
 */
export function on(device: (typeof DEVICES)[number]) {
  return { device, strict: device === 'cpu' };
}

/** docs/semantics.md, "Precision"; a trajectory is ten steps of training, its bound relative. */
export const BOUNDS = { output: 2e-6, gradient: 5e-6, trajectory: 1e-5 };

/** Outputs: the largest difference, relative to the largest value or 1. */
export function outputError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return largestDifference(actual, expected) / Math.max(1, largest(expected));
}

/** Gradients and weights: the largest difference, relative to the largest value, however small. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const difference = largestDifference(actual, expected);
  return difference === 0 ? 0 : difference / largest(expected);
}

function largest(values: ArrayLike<number>): number {
  return Math.max(0, ...Array.from(values, Math.abs));
}

/** NaN where one of the values is: it passes no bound. */
function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  return largest(Array.from(actual, (value, i) => value - (expected[i] as number)));
}

// Files ------------------------------------------------------------------------------------------

interface Node {
  kind: string;
  name: string;
  inputs: string[];
  options: Record<string, unknown>;
  /** The layer of this name, applied once more. */
  again?: string;
}

/** What `model` holds: layers and names of outputs, `gru:1` being the second value of `gru`. */
export interface Description {
  inputs: { name: string; shape: (number | null)[]; dtype?: 'int32' }[];
  layers: Node[];
  outputs: string[];
}

/** One file, by `<folder>/<name>`. It remembers what was read: a tensor that nobody reads tests nothing. */
export class GoldenCase {
  readonly #tensors: Map<string, RawTensor>;
  readonly #unread: Set<string>;
  /** The metadata, without what is there for people. */
  readonly info: Record<string, unknown>;

  constructor(readonly id: string) {
    const file = readSafetensors(readFileSync(join(ROOT, `${id}.safetensors`)));
    this.info = JSON.parse(file.metadata.case ?? '');
    this.#tensors = file.tensors;
    this.#unread = new Set(file.tensors.keys());
  }

  get description(): Description {
    return this.info.model as Description;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** F64 comes as plain numbers by {@link numbers}, everything else as a tensor of its own dtype. */
  tensor(name: string): Tensor {
    const { dtype, shape, buffer } = this.#read(name);
    if (dtype === 'F32') return tensor(new Float32Array(buffer), shape);
    if (dtype === 'I32') return tensor(new Int32Array(buffer), shape);
    if (dtype === 'U8') return tensor(new Uint8Array(buffer), shape);
    throw new Error(`${this.id}: ${name} is ${dtype}`);
  }

  numbers(name: string): Float64Array {
    const { dtype, buffer } = this.#read(name);
    expect(dtype).toBe('F64');
    return new Float64Array(buffer);
  }

  /** All tensors `<prefix>/<name>`, by name. */
  group(prefix: string): Record<string, Tensor> {
    const start = `${prefix}/`;
    const names = [...this.#tensors.keys()].filter((name) => name.startsWith(start));
    return Object.fromEntries(names.map((name) => [name.slice(start.length), this.tensor(name)]));
  }

  /** Tensors `<prefix>/0`, `<prefix>/1` and so on. */
  list(prefix: string): Tensor[] {
    const values = this.group(prefix);
    return Object.keys(values).map((_, index) => values[index] as Tensor);
  }

  expectAllRead(): void {
    expect([...this.#unread], 'tensors of the file that no test looked at').toEqual([]);
  }

  #read(name: string) {
    const found = this.#tensors.get(name);
    if (!found) throw new Error(`${this.id} has no tensor ${name}`);
    this.#unread.delete(name);
    // Alignment is not promised in a file: typed arrays need a copy.
    return { ...found, buffer: new Uint8Array(found.bytes).buffer };
  }
}

/** The folders on disk that hold cases. */
export function goldenFolders(): string[] {
  const folders = readdirSync(ROOT, { withFileTypes: true }).filter((item) => item.isDirectory());
  return folders.map(({ name }) => name).filter((name) => name !== 'recipes');
}

/** All cases of a folder, as `<folder>/<name>`. */
export function casesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).map((file) => {
    if (!file.endsWith('.safetensors')) throw new Error(`${folder}/${file} is no case`);
    return `${folder}/${file.slice(0, -'.safetensors'.length)}`;
  });
}

/** All cases that belong to a test file. */
export function goldenCases(consumer: Consumer): string[] {
  return CONSUMERS[consumer].flatMap(casesIn);
}

/** Those in which some steps are masked. */
export function maskedCases(consumer: Consumer): string[] {
  return goldenCases(consumer).filter((id) => new GoldenCase(id).info.mask !== null);
}

// Models -----------------------------------------------------------------------------------------

/** The model of a description, built as a user would, with these weights: all of them. */
export function build(
  { inputs, layers: nodes, outputs }: Description,
  weights: Record<string, Tensor>,
  seed?: number,
): Model<Tensor<'float32'>[]> {
  const values = new Map<string, SymbolicTensor[]>();
  const find = (reference: string): SymbolicTensor => {
    const [name = '', index = '0'] = reference.split(':');
    const value = values.get(name)?.[Number(index)];
    if (!value) throw new Error(`no value ${reference}`);
    return value;
  };
  for (const { name, shape, dtype = 'float32' } of inputs) {
    values.set(name, [input({ name, shape, dtype })]);
  }
  const made = new Map<string, Layer>();
  for (const node of nodes) {
    const layer = made.get(node.again ?? '') ?? makeLayer(node);
    made.set(node.name, layer);
    const result = applyLayer(layer, node.inputs.map(find));
    values.set(node.name, Array.isArray(result) ? result : [result]);
  }
  const built = model({
    inputs: inputs.map(({ name }) => find(name)),
    outputs: outputs.map(find) as SymbolicTensor[],
    ...(seed === undefined ? {} : { seed }),
  });
  expect(built.weights.map(({ name }) => name).sort()).toEqual(Object.keys(weights).sort());
  built.setWeights(weights);
  return built;
}

function layerOf(kind: string, options: Record<string, unknown>): Layer {
  const make = (layers as unknown as Record<string, (options: unknown) => Layer>)[kind];
  if (!make) throw new Error(`no layer ${kind}`);
  return make(options);
}

/** Layers inside of others are described as they are themselves. */
function makeLayer({ kind, name, options }: Node): Layer {
  const inner = options.layer as Pick<Node, 'kind' | 'options'> | undefined;
  const layer = inner ? { layer: layerOf(inner.kind, inner.options) } : {};
  return layerOf(kind, { ...options, ...layer, name });
}

/** Applied to one value or to several, or to one and the states before it. */
type AnyLayer = {
  apply(x: SymbolicTensor | SymbolicTensor[], call?: object): SymbolicTensor | SymbolicTensor[];
};

const WITH_STATES = [RecurrentLayer, RecurrentCell, BidirectionalLayer];

function applyLayer(layer: Layer, inputs: SymbolicTensor[]): SymbolicTensor | SymbolicTensor[] {
  const [x, ...states] = inputs as [SymbolicTensor, ...SymbolicTensor[]];
  const any = layer as AnyLayer;
  if (states.length === 0) return any.apply(x);
  const takesStates = WITH_STATES.some((each) => layer instanceof each);
  return takesStates ? any.apply(x, { initialState: states }) : any.apply(inputs);
}

// Layer cases ------------------------------------------------------------------------------------

/** Puts a sequence of another framework, outputs and cotangents alike, into our order of steps. */
export type Reorder = (sequence: Tensor, mask: Tensor) => Tensor;

/** Outputs by `predict`, outputs and all gradients by `vjp`, of one case on one device. */
export async function expectGolden(
  golden: GoldenCase,
  device: (typeof DEVICES)[number],
  change: { reorder?: Reorder; padding?: number } = {},
): Promise<void> {
  const built = build(golden.description, golden.group('weight'));
  const masks = masksOf(golden);
  const x = golden.group('input');
  if (change.padding !== undefined) fillPadding(x, masks, change.padding);
  const inOurOrder = (value: Tensor) => {
    const mask = value.shape.length === 3 ? masks.mask?.x : undefined;
    return change.reorder && mask ? change.reorder(value, mask) : value;
  };
  const outputs = golden.list('output').map(inOurOrder);
  const cotangents = golden.list('cotangent').map(inOurOrder);

  expectOutputs('predict', await built.predict(x, { ...masks, ...on(device) }), outputs);
  const result = await built.vjp(x, cotangents, { ...masks, ...on(device) });
  expectOutputs('vjp', result.outputs, outputs);
  expectGradients('gradient', result.gradients, golden.group('gradient'));
  // Class numbers have no gradient.
  const ofInputs = Object.fromEntries(
    Object.entries(result.inputGradients as Record<string, Tensor | null>).filter(
      ([, gradient]) => gradient !== null,
    ),
  ) as Record<string, Tensor>;
  expectGradients('inputGradient', ofInputs, golden.group('inputGradient'));
  golden.expectAllRead();
  built.dispose();
}

type Masks = Partial<Record<'mask' | 'lengths', Record<string, Tensor>>>;

function masksOf(golden: GoldenCase): Masks {
  const { mask } = golden.info;
  if (mask === 'mask' || mask === 'lengths') return { [mask]: golden.group(mask) };
  expect(mask).toBeNull();
  return {};
}

/** Overwrites what stands in the masked steps of the inputs. */
function fillPadding(x: Record<string, Tensor>, { mask, lengths }: Masks, filler: number): void {
  for (const name of Object.keys({ ...mask, ...lengths })) {
    const { data, shape } = x[name] as Tensor;
    const [, steps = 0, features = 0] = shape;
    data.forEach((_, i) => {
      const row = Math.floor(i / (steps * features));
      const step = Math.floor(i / features) % steps;
      const isValid = mask?.[name]?.at(row, step) ?? step < (lengths?.[name]?.at(row) ?? steps);
      if (!isValid) data[i] = filler;
    });
  }
}

function expectOutputs(what: string, actual: readonly Tensor[], expected: readonly Tensor[]): void {
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  actual.forEach(({ data }, k) => {
    const error = outputError(data, (expected[k] as Tensor).data);
    expect(error, `${what}, output ${k}`).toBeLessThanOrEqual(BOUNDS.output);
  });
}

/** The same parameters or inputs, in the same shapes, within the bound. */
export function expectGradients(
  what: string,
  actual: Record<string, Tensor>,
  expected: Record<string, Tensor>,
): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { data, shape }] of Object.entries(actual)) {
    const reference = expected[name] as Tensor;
    expect(shape, `${what}/${name}`).toEqual(reference.shape);
    // What all keys have in common changes no softmax: the sum is zero but for rounding.
    if (name.endsWith('/key/bias')) {
      expect(outputError(data, reference.data), `${what}/${name}`).toBeLessThan(BOUNDS.gradient);
      continue;
    }
    // A gate whose gradients are small would hide behind one whose gradients are large.
    const gates = name.endsWith('/recurrent_kernel') ? 3 : 1;
    const width = (shape.at(-1) ?? 1) / gates;
    for (let gate = 0; gate < gates; gate++) {
      const columns = (values: ArrayLike<number>) =>
        Array.from(values).filter((_, i) => Math.floor(i / width) % gates === gate);
      const error = relativeError(columns(data), columns(reference.data));
      expect(error, `${what}/${name}, gate ${gate}`).toBeLessThanOrEqual(BOUNDS.gradient);
    }
  }
}
