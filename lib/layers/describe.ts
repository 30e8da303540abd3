// From nodes of a graph under construction to plain descriptions with names.
import { SluiceError, show } from '../errors.js';
import type { NodeDescription } from '../native.js';
import type { GraphNode, Layer, SymbolicTensor } from './layer.js';

/** Nodes as a description has them, and what they came from. */
export interface DescribedNodes {
  nodes: NodeDescription[];
  nameOf(node: GraphNode): string;
  reference(value: SymbolicTensor): [string, number];
  /** A layer's parameters belong to its first use. */
  owners: ReadonlyMap<Layer, GraphNode>;
}

/** All nodes that these values depend on. */
export function reachedFrom(values: readonly SymbolicTensor[]): Set<GraphNode> {
  const reached = new Set<GraphNode>();
  const open = values.map(({ node }) => node);
  for (let node = open.pop(); node; node = open.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    open.push(...node.inputs.map((value) => value.node));
  }
  return reached;
}

/** Names nodes, in this order, and describes them. */
export function describeNodes(nodes: readonly GraphNode[]): DescribedNodes {
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
  return { nodes: described, nameOf, reference, owners };
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
      throw new SluiceError('CONFIG', `model: two layers are named '${name}'`, {
        layer: name,
        ...details,
      });
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
