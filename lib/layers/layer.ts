import { invalid, SluiceError } from '../errors.js';
import type { Json } from '../native.js';
import { Tensor } from '../tensor/tensor.js';

/** Options as they stand in a description: plain data, all defaults filled in. */
export type LayerOptions = Record<string, Json>;

/** One use of a layer in a graph under construction. */
export interface GraphNode {
  /** Order of creation: the inputs of a node have smaller ids. */
  readonly id: number;
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
}

/**
 * A value of a graph under construction: what {@link input} and `layer.apply(...)` return. It has no
 * data; `model({ inputs, outputs })` turns the graph into a model.
 */
export class SymbolicTensor {
  /** @internal */
  constructor(
    /** @internal */
    readonly node: GraphNode,
    /** Which output of the node. */
    readonly index: number,
  ) {}
}

/** Values of a layer's parameters that are there before training, by the last part of their names. */
export type LayerWeights = Record<string, Tensor<'float32'>>;

/** What an input of a model may hold. */
export type InputDtype = 'float32' | 'int32';

let nextId = 0;

/**
 * A recipe: kind, name and options. The weights belong to the model that is built with it; the same
 * layer object in two models has weights of its own in each, applied twice within one model it shares
 * them.
 */
export abstract class Layer {
  /** @internal Number of values that one use gives. */
  readonly outputCount: number;

  constructor(
    readonly kind: string,
    /** Undefined: the model chooses one (gru, gru_1, ...). */
    readonly name: string | undefined,
    readonly options: LayerOptions,
    outputCount = 1,
  ) {
    this.outputCount = outputCount;
  }

  /**
   * Applies the layer to what other layers or `input` returned.
   * @throws SluiceError INVALID_ARGUMENT for anything but symbolic tensors
   */
  abstract apply(
    inputs: SymbolicTensor | readonly SymbolicTensor[],
  ): SymbolicTensor | SymbolicTensor[];

  /** @internal What it takes as a model's first layer. */
  get inputDtype(): InputDtype {
    return 'float32';
  }

  /** @internal Weights that the layer brings along, for parameters of these shapes. */
  presetWeights(_shapes: Readonly<Record<string, readonly number[]>>): LayerWeights {
    return {};
  }

  /** @internal What names are made of where the user gave none: gru, gru_1, ... */
  get baseName(): string {
    return this.kind;
  }

  /** How the layer is called in messages. */
  protected get label(): string {
    return this.name ?? this.kind;
  }

  protected connect(inputs: readonly unknown[]): SymbolicTensor[] {
    const checked = Array.from(inputs, (value) => checkSymbolic(value, this.label));
    const node: GraphNode = { id: nextId++, layer: this, inputs: checked };
    return Array.from({ length: this.outputCount }, (_, index) => new SymbolicTensor(node, index));
  }

  protected connectOne(inputs: readonly unknown[]): SymbolicTensor {
    return this.connect(inputs)[0] as SymbolicTensor;
  }
}

/** A layer with one input and one output. */
export class SimpleLayer extends Layer {
  readonly #inputDtype: InputDtype;

  constructor(
    kind: string,
    name: string | undefined,
    options: LayerOptions,
    inputDtype: InputDtype = 'float32',
  ) {
    super(kind, name, options);
    this.#inputDtype = inputDtype;
  }

  override get inputDtype(): InputDtype {
    return this.#inputDtype;
  }

  override apply(x: SymbolicTensor): SymbolicTensor {
    return this.connectOne([x]);
  }
}

/** Whether a layer or `input` made this value. */
export function isSymbolic(value: unknown): value is SymbolicTensor {
  return value instanceof SymbolicTensor && value.node?.layer instanceof Layer;
}

function checkSymbolic(value: unknown, where: string): SymbolicTensor {
  if (isSymbolic(value)) return value;
  const hint =
    value instanceof Tensor
      ? 'apply builds a graph from input(...); data goes to the methods of a model'
      : Array.isArray(value)
        ? 'a layer that returns several values gives an array: take one of them'
        : undefined;
  throw invalid('the input of apply', 'a symbolic tensor', value, where, hint);
}

/** Checks that something handed to a model is a layer. */
export function checkLayer(value: unknown, name: string, where: string): Layer {
  if (value instanceof Layer) return value;
  if (value instanceof SymbolicTensor) {
    throw invalid(
      name,
      'a layer',
      value,
      where,
      'symbolic tensors go to model({ inputs, outputs })',
    );
  }
  throw invalid(name, 'a layer such as layers.gru({ units: 64 })', value, where);
}

/** For options that exclude each other. */
export function conflict(
  layer: string,
  message: string,
  details: { option: string; expected: string; received: string },
): SluiceError {
  return new SluiceError('CONFIG', `${layer}: ${message}`, { layer, ...details });
}
