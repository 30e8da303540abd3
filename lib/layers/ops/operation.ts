import { invalid } from '../../errors.js';
import { isSymbolic, Layer, type LayerOptions, type SymbolicTensor } from '../layer.js';

/** What an operation takes: a value of a graph, a weight, or a number. */
export type Operand = SymbolicTensor | number;

/** One use of an operation; it has a name of its own, by which messages find it. */
class Operation extends Layer {
  readonly #operation: string;

  constructor(kind: string, operation: string, options: LayerOptions, name?: string) {
    super(kind, name, options);
    this.#operation = operation;
  }

  override get baseName(): string {
    return this.#operation;
  }

  override apply(): SymbolicTensor {
    throw invalid('the call', `ops.${this.#operation}(...)`, 'apply', this.label);
  }

  use(inputs: readonly SymbolicTensor[]): SymbolicTensor {
    return this.connectOne(inputs);
  }
}

/** Adds a node to the graph. */
export function operation(
  kind: string,
  operation: string,
  inputs: readonly SymbolicTensor[],
  options: LayerOptions,
  name?: string,
): SymbolicTensor {
  return new Operation(kind, operation, options, name).use(inputs);
}

/** INVALID_ARGUMENT for anything but a value of a graph. */
export function symbolic(value: unknown, name: string, where: string): SymbolicTensor {
  if (isSymbolic(value)) return value;
  throw invalid(name, 'a symbolic tensor', value, where);
}
