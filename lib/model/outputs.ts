import type { OutputNames } from '../formats/modelFile.js';
import type { SymbolicTensor } from '../layers/layer.js';
import type { Tensor } from '../tensor/tensor.js';

type Floats = Tensor<'float32'>;

/** What `predict` returns: it mirrors the `outputs` of the model. */
export type ModelOutput = Floats | Floats[] | Record<string, Floats>;

/** Symbolic outputs and the form of results that belongs to them. */
export type SymbolicOutputs =
  | SymbolicTensor
  | readonly SymbolicTensor[]
  | Readonly<Record<string, SymbolicTensor>>;

/** The form of results for `outputs` of a graph. */
export type OutputOf<S extends SymbolicOutputs> = S extends SymbolicTensor
  ? Floats
  : S extends readonly SymbolicTensor[]
    ? { -readonly [K in keyof S]: Floats }
    : { -readonly [K in keyof S]: Floats };

/** Values in the order of the outputs, in the form of the outputs. */
export function inForm<T>(values: readonly T[], { kind, names }: OutputNames): unknown {
  if (kind === 'single') return values[0];
  if (kind === 'array') return [...values];
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}
