// From layers that were applied to each other to a plain description with names.
import { type ErrorDetails, SluiceError, show } from '../errors.js';
import type { OutputNames } from '../formats/modelFile.js';
import type { GraphNode, Layer, SymbolicTensor } from '../layers/layer.js';
import type { ModelDescription, NodeDescription } from '../native.js';

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
  const nodes = orderedNodes(inputs, outputs);
  const owners = firstUses(nodes);
  const names = nameNodes(nodes, owners);
  const nameOf = (node: GraphNode) => names.get(node) as string;
  const reference = ({ node, index }: SymbolicTensor): [string, number] => [nameOf(node), index];
  const described = nodes.map((node): NodeDescription => {
    const owner = owners.get(node.layer) as GraphNode;
    return {
      kind: node.layer.kind,
      name: nameOf(node),
      inputs: node.inputs.map(reference),
      options: structuredClone(node.layer.options),
      ...(owner === node ? {} : { sharedWith: nameOf(owner) }),
    };
  });
  const defaultNames = outputs.map(({ node, index }) =>
    index === 0 ? nameOf(node) : `${nameOf(node)}_${index}`,
  );
  return {
    description: { nodes: described, outputs: outputs.map(reference) },
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
  const reached = new Set<GraphNode>();
  const open = outputs.map(({ node }) => node);
  for (let node = open.pop(); node; node = open.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    open.push(...node.inputs.map((value) => value.node));
  }
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

/** A layer's parameters belong to its first use. */
function firstUses(nodes: readonly GraphNode[]): Map<Layer, GraphNode> {
  const owners = new Map<Layer, GraphNode>();
  for (const node of nodes) {
    if (!owners.has(node.layer)) owners.set(node.layer, node);
  }
  return owners;
}

/** Names given by the user first, then gru, gru_1, ... and gru_shared_1 for further uses. */
function nameNodes(
  nodes: readonly GraphNode[],
  owners: ReadonlyMap<Layer, GraphNode>,
): Map<GraphNode, string> {
  const names = new Map<GraphNode, string>();
  const taken = new Set<string>();
  const give = (node: GraphNode, name: string) => {
    names.set(node, name);
    taken.add(name);
  };
  const isOwner = (node: GraphNode) => owners.get(node.layer) === node;
  for (const node of nodes) {
    const { name } = node.layer;
    if (name === undefined || !isOwner(node)) continue;
    if (taken.has(name)) {
      const details = { option: 'name', expected: 'a name of its own', received: show(name) };
      throw config(`two layers are named '${name}'`, { layer: name, ...details });
    }
    give(node, name);
  }
  // Names are counted in the order of creation, whatever the order of the inputs.
  const counts = new Map<string, number>();
  for (const node of [...nodes].sort((a, b) => a.id - b.id)) {
    if (names.has(node)) continue;
    const owner = owners.get(node.layer) as GraphNode;
    const base = isOwner(node) ? node.layer.baseName : `${names.get(owner)}_shared`;
    let i = counts.get(base) ?? (isOwner(node) ? 0 : 1);
    const numbered = () => (i === 0 ? base : `${base}_${i}`);
    while (taken.has(numbered())) i++;
    give(node, numbered());
    counts.set(base, i + 1);
  }
  return names;
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
