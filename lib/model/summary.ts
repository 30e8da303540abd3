import { shapeText } from '../errors.js';
import { native } from '../native.js';
import type { ModelCore } from './core.js';
import { table } from './table.js';

/** See `Model.summary`. */
export function summary(core: ModelCore): string {
  const { nodes, parameters } = native(() => ({
    nodes: core.engine.nodes,
    parameters: core.engine.parameters,
  }));
  const counts = new Map(
    parameters.map(({ name, shape }) => [name, shape.reduce((product, n) => product * n, 1)]),
  );
  const count = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);
  const rows = nodes.map(({ name, kind, outputs, parameters: names }) => [
    `${name} (${kind})`,
    outputs.map(shapeText).join(' '),
    count(names).toLocaleString('en-US'),
  ]);
  const all = count(parameters.map(({ name }) => name));
  const trainable = count(parameters.filter((p) => p.trainable).map(({ name }) => name));
  const line = (what: string, n: number) =>
    `${what}: ${n.toLocaleString('en-US')} (${((n * 4) / 1024).toFixed(1)} KiB)`;
  return [
    `Model: ${core.name}`,
    table(['Layer', 'Output shape', 'Parameters'], rows, 1),
    line('Total parameters', all),
    line('Trainable', trainable),
    line('Not trainable', all - trainable),
  ].join('\n');
}
