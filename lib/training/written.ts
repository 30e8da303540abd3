// Losses and metrics that users write: functions of symbolic tensors, kept as plain descriptions.
import { invalid } from '../errors.js';
import { describeNodes, reachedFrom } from '../layers/describe.js';
import { isSymbolic, Layer, type SymbolicTensor } from '../layers/layer.js';
import { custom, type Field, optional } from '../layers/options.js';
import type { WrittenGraph } from '../native.js';
import { isRecord } from './data.js';

/**
 * A loss or a metric made of `ops`: one value a row, or one for each step of a sequence, or one an
 * element, whose last axis is averaged. Both arguments have the shape of the output.
 */
export type LossFunction = (yTrue: SymbolicTensor, yPred: SymbolicTensor) => SymbolicTensor;

class Compared extends Layer {
  override apply(): SymbolicTensor {
    throw invalid('the call', 'an operation', 'apply', this.label);
  }
  use(): SymbolicTensor {
    return this.connectOne([]);
  }
}

/** What the function builds. */
export function traceLoss(write: LossFunction, name: string): WrittenGraph {
  const yTrue = new Compared('target', 'yTrue', {}).use();
  const yPred = new Compared('prediction', 'yPred', {}).use();
  const value: unknown = write(yTrue, yPred);
  if (!isSymbolic(value)) {
    throw invalid(name, 'a function that returns a symbolic tensor', value, 'compile');
  }
  const reached = [...reachedFrom([value])];
  const other = reached.find(({ layer }) => layer.kind === 'input' || isStray(layer, yTrue, yPred));
  if (other) {
    throw invalid(name, 'a function of yTrue and yPred alone', other.layer.name, 'compile');
  }
  const { nodes, reference } = describeNodes(reached.sort((a, b) => a.id - b.id));
  return { nodes, value: reference(value) };
}

/** What stands for the arguments of another function. */
function isStray(layer: Layer, yTrue: SymbolicTensor, yPred: SymbolicTensor): boolean {
  return layer instanceof Compared && layer !== yTrue.node.layer && layer !== yPred.node.layer;
}

/** A graph as a file has it; the engine checks what it holds. */
export function writtenGraph(): Field<WrittenGraph | undefined> {
  return optional(
    custom('a graph { nodes, value }', (value, name, where) => {
      if (isRecord(value) && Array.isArray(value.nodes) && Array.isArray(value.value)) {
        return { nodes: value.nodes, value: value.value } as unknown as WrittenGraph;
      }
      throw invalid(name, 'a graph { nodes, value }', value, where);
    }),
  );
}
