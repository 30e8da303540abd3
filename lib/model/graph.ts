// From layers that were applied to each other to a plain description with names.
import { type ErrorDetails, SluiceError, show } from '../errors.js';
import type { OutputNames } from '../formats/modelFile.js';
import { describeNodes, reachedFrom } from '../layers/describe.js';
import type { GraphNode, Layer, SymbolicTensor } from '../layers/layer.js';
import type { ModelDescription } from '../native.js';

/** A description with the layers that its nodes come from. */
export interface BuiltGraph {
  description: ModelDescription;
  outputs: OutputNames;
  /** By node name; nodes that share the parameters of another one are left out. */
  layers: ReadonlyMap<string, Layer>;
}

/** Collects the nodes between inputs and outputs, names them and describes them. */
export function buildGraph(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  kind: OutputNames['kind'],
  outputNames?: readonly string[],
): BuiltGraph {
  const { nodes, nameOf, reference, owners } = describeNodes(orderedNodes(inputs, outputs));
  const defaultNames = outputs.map(({ node, index }) =>
    index === 0 ? nameOf(node) : `${nameOf(node)}_${index}`,
  );
  return {
    description: { nodes, outputs: outputs.map(reference) },
    outputs: { kind, names: distinct([...(outputNames ?? defaultNames)]) },
    layers: new Map([...owners].map(([layer, node]) => [nameOf(node), layer])),
  };
}

/** The inputs in their order, then all others in the order of creation, which is topological. */
function orderedNodes(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
): GraphNode[] {
  const inputNodes = inputs.map(({ node }) => node);
  const reached = reachedFrom(outputs);
  for (const node of reached) {
    if (node.layer.kind === 'input' && !inputNodes.includes(node)) {
      throw config(`the outputs need input ${nameText(node)}, which is not among the inputs`, {
        layer: node.layer.name ?? node.layer.kind,
        option: 'inputs',
        expected: 'all inputs that outputs depend on',
        received: show(inputs.map((value) => value.node.layer.name ?? 'input')),
      });
    }
  }
  const idle = inputNodes.find((node) => !reached.has(node));
  if (idle) {
    throw config(`no output depends on input ${nameText(idle)}`, {
      layer: idle.layer.name ?? idle.layer.kind,
      option: 'inputs',
      expected: 'an input that an output depends on',
      received: nameText(idle),
    });
  }
  const others = [...reached].filter((node) => node.layer.kind !== 'input');
  return [...inputNodes, ...others.sort((a, b) => a.id - b.id)];
}

function nameText(node: GraphNode): string {
  return node.layer.name === undefined ? 'without a name' : `'${node.layer.name}'`;
}

function distinct(names: string[]): string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw config(`two outputs are named '${twice}'; use a record of outputs`, {
      option: 'outputs',
      expected: 'names of their own',
      received: show(names),
    });
  return names;
}

function config(message: string, details: ErrorDetails): SluiceError {
  return new SluiceError('CONFIG', `model: ${message}`, details);
}
