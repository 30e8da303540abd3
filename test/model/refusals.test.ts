// What does not fit together: every refusal names the layer, what is wrong with it, what was expected and
// what came.
import {
  input,
  type Layer,
  layers,
  load,
  model,
  type SluiceErrorCode,
  type SymbolicTensor,
  sequential,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { doctored, type FileNode, type FileRecord } from '../support/files.js';
import { refusal } from '../support/refusal.js';

type Refused = [
  what: string,
  make: () => unknown,
  code: SluiceErrorCode,
  layer: string,
  option: string,
];

const vector = (n: number) => input({ shape: [n], name: `vector${n}` });
const sequence = (steps: number | null, features: number) =>
  input({ shape: [steps, features], name: `sequence${steps}x${features}` });
/** A layer over inputs, as a model. */
const over = (layer: object, ...inputs: SymbolicTensor[]) => {
  const any = layer as { apply(x: SymbolicTensor | SymbolicTensor[]): SymbolicTensor };
  const outputs = any.apply(inputs.length > 1 ? inputs : (inputs[0] as SymbolicTensor));
  return model({ inputs, outputs });
};
const from = (layer: object, x: SymbolicTensor, ...states: SymbolicTensor[]) => {
  const any = layer as { apply(x: SymbolicTensor, call: object): SymbolicTensor };
  return model({ inputs: [x, ...states], outputs: any.apply(x, { initialState: states }) });
};
const gru = (options: object = {}) => layers.gru({ units: 3, ...options });
const both = (options: object) =>
  layers.bidirectional({ layer: gru(), ...options } as Parameters<typeof layers.bidirectional>[0]);
const heads = () => layers.multiHeadAttention({ numHeads: 2, keyDim: 3 });

const SHAPE = 'SHAPE_MISMATCH';

const COMBINATIONS: Refused[] = [
  ['a vector for a gru', () => over(gru(), vector(4)), SHAPE, 'gru', 'inputs'],
  ['an image for a gru', () => over(gru(), input({ shape: [2, 3, 4] })), SHAPE, 'gru', 'inputs'],
  [
    'a state of other units',
    () => from(gru(), sequence(5, 2), vector(4)),
    SHAPE,
    'gru',
    'initialState',
  ],
  [
    'a state for a stateful layer',
    () => from(gru({ stateful: true }), sequence(5, 2), vector(3)),
    'CONFIG',
    'gru',
    'stateful',
  ],
  [
    'a state for a learned one',
    () => from(gru({ initialState: 'learned' }), sequence(5, 2), vector(3)),
    'CONFIG',
    'gru',
    'initialState',
  ],
  [
    'a learned state that is carried over',
    () => over(gru({ initialState: 'learned', stateful: true }), sequence(5, 2)),
    'CONFIG',
    'gru',
    'initialState',
  ],
  [
    'norms of gates that are not computed together',
    () => over(gru({ layerNorm: true, resetAfter: false }), sequence(5, 2)),
    'CONFIG',
    'gru',
    'layerNorm',
  ],
  ['a sequence for a cell', () => over2(layers.gruCell({ units: 3 })), SHAPE, 'gruCell', 'inputs'],
  [
    'directions of other units, summed',
    () =>
      over(
        both({
          backwardLayer: layers.gru({ units: 4, goBackwards: true }),
          mergeMode: 'sum',
        }),
        sequence(5, 2),
      ),
    SHAPE,
    'bidirectional',
    'mergeMode',
  ],
  [
    'a forward layer that walks backwards',
    () => over(layers.bidirectional({ layer: gru({ goBackwards: true }) }), sequence(5, 2)),
    'CONFIG',
    'bidirectional',
    'layer.goBackwards',
  ],
  [
    'two layers of one direction',
    () => both({ backwardLayer: gru() }),
    'CONFIG',
    'bidirectional',
    'backwardLayer',
  ],
  [
    'one frozen direction',
    () => over(layers.bidirectional({ layer: gru({ trainable: false }) }), sequence(5, 2)),
    'CONFIG',
    'bidirectional',
    'layer.trainable',
  ],
  [
    'strides and dilation',
    () => layers.conv1d({ filters: 1, kernelSize: 2, strides: 2, dilationRate: 2 }),
    'CONFIG',
    'conv1d',
    'dilationRate',
  ],
  [
    'a window larger than the input',
    () => over(layers.conv1d({ filters: 1, kernelSize: 7 }), sequence(5, 2)),
    SHAPE,
    'conv1d',
    'inputs',
  ],
  [
    'a constraint along an axis that is not there',
    () =>
      over(layers.dense({ units: 2, biasConstraint: { name: 'unitNorm', axis: 1 } }), vector(3)),
    'CONFIG',
    'dense',
    'biasConstraint',
  ],
  [
    'unknown features',
    () => over(layers.dense({ units: 2 }), sequence2()),
    SHAPE,
    'dense',
    'inputs',
  ],
  [
    'unknown features, normalized',
    () => over(layers.normalization(), sequence2()),
    SHAPE,
    'normalization',
    'inputs',
  ],
  [
    'unknown extents, flattened',
    () => over(layers.flatten(), sequence(null, 2)),
    SHAPE,
    'flatten',
    'inputs',
  ],
  [
    'another size',
    () => over(layers.reshape({ targetShape: [4] }), vector(3)),
    SHAPE,
    'reshape',
    'targetShape',
  ],
  [
    'axes that are not there',
    () => over(layers.permute({ dims: [2, 1] }), vector(3)),
    SHAPE,
    'permute',
    'dims',
  ],
  [
    'an axis that is not there',
    () => over(layers.softmax({ axis: 3 }), vector(3)),
    'CONFIG',
    'softmax',
    'axis',
  ],
  [
    'the batch, normalized',
    () => over(layers.layerNorm({ axis: 0 }), vector(3)),
    'UNSUPPORTED',
    'layerNormalization',
    'axis',
  ],
  [
    'values of other shapes',
    () => over(layers.add(), vector(3), vector(4)),
    SHAPE,
    'add',
    'inputs',
  ],
  [
    'values of other steps',
    () => over(layers.concatenate(), sequence(3, 2), sequence(4, 2)),
    SHAPE,
    'concatenate',
    'inputs',
  ],
  [
    'products of other extents',
    () => over(layers.dot({ axes: 2 }), sequence(3, 2), sequence(3, 4)),
    SHAPE,
    'dot',
    'axes',
  ],
  [
    'steps of a vector',
    () => over(layers.timeDistributed({ layer: layers.dense({ units: 1 }) }), vector(3)),
    SHAPE,
    'timeDistributed',
    'inputs',
  ],
  [
    'steps that look at each other',
    () => over(layers.timeDistributed({ layer: layers.batchNorm() }), sequence(3, 2)),
    'UNSUPPORTED',
    'timeDistributed',
    'layer',
  ],
  [
    'ids that are floats',
    () => over(layers.embedding({ inputDim: 3, outputDim: 2 }), vector(3)),
    SHAPE,
    'embedding',
    'inputs',
  ],
  [
    'masks of ids that are no steps',
    () =>
      over(
        layers.embedding({ inputDim: 3, outputDim: 2, maskZero: true }),
        input({ shape: [4, 2], dtype: 'int32' }),
      ),
    SHAPE,
    'embedding',
    'maskZero',
  ],
  [
    'several values in a row of layers',
    () => sequential([layers.gru({ units: 2, returnState: true })], { inputShape: [3, 2] }),
    'CONFIG',
    'gru',
    'layers[0]',
  ],
];

/** Cells give two values. */
const over2 = (layer: ReturnType<typeof layers.gruCell>) => {
  const x = sequence(5, 2);
  return model({ inputs: x, outputs: layer.apply(x) });
};
const sequence2 = () => input({ shape: [3, null] });

const ATTENTION: Refused[] = [
  [
    'a query of other features',
    () => over(layers.attention(), sequence(3, 2), sequence(4, 5)),
    SHAPE,
    'attention',
    'inputs',
  ],
  [
    'a key of other steps',
    () => over(layers.attention(), sequence(3, 2), sequence(4, 5), sequence(6, 2)),
    SHAPE,
    'attention',
    'inputs',
  ],
  [
    'additive, a query of other features',
    () => over(layers.additiveAttention(), sequence(3, 2), sequence(4, 5)),
    SHAPE,
    'additiveAttention',
    'inputs',
  ],
  [
    'heads, a key of other steps',
    () => over(heads(), sequence(3, 2), sequence(4, 5), sequence(6, 2)),
    SHAPE,
    'multiHeadAttention',
    'inputs',
  ],
  [
    'a vector as the value',
    () => over(heads(), sequence(3, 2), vector(5)),
    SHAPE,
    'multiHeadAttention',
    'inputs',
  ],
];

function expectComplete(details: object, layer: string | undefined, option: string) {
  expect(details).toEqual({
    ...(layer === undefined ? {} : { layer }),
    option,
    expected: expect.stringMatching(/./),
    received: expect.stringMatching(/./),
  });
}

it.each([...COMBINATIONS, ...ATTENTION])('%s', async (_, make, code, layer, option) => {
  const { details } = await refusal(make, code);
  expectComplete(details, layer, option);
});

describe('a graph', () => {
  const x = () => input({ shape: [2], name: 'x' });
  const dense = (name?: string) => layers.dense({ units: 2, ...(name ? { name } : {}) });

  it('with an input that is not used', async () => {
    const [used, idle] = [x(), input({ shape: [3], name: 'idle' })];
    const outputs = dense().apply(used);
    const { details } = await refusal(() => model({ inputs: [used, idle], outputs }), 'CONFIG');
    expectComplete(details, 'idle', 'inputs');
  });

  it('without an input that it needs', async () => {
    const [used, left] = [x(), input({ shape: [2], name: 'left' })];
    const outputs = layers.add().apply([used, left]);
    const { details } = await refusal(() => model({ inputs: used, outputs }), 'CONFIG');
    expectComplete(details, 'left', 'inputs');
  });

  it('with two layers or outputs of one name', async () => {
    const start = x();
    const twice = dense('same').apply(dense('same').apply(start));
    const layersOfOneName = () => model({ inputs: start, outputs: twice });
    expectComplete((await refusal(layersOfOneName, 'CONFIG')).details, 'same', 'name');
    const y = dense().apply(start);
    const outputsOfOneName = () => model({ inputs: start, outputs: [y, y] });
    expectComplete((await refusal(outputsOfOneName, 'CONFIG')).details, undefined, 'outputs');
  });

  it('whose shared layer would have other weights', async () => {
    const shared: Layer = dense('shared');
    const start = input({ shape: [3], name: 'x' });
    const outputs = shared.apply(shared.apply(start) as SymbolicTensor) as SymbolicTensor;
    const { details } = await refusal(() => model({ inputs: start, outputs }), 'SHAPE_MISMATCH');
    expectComplete(details, 'shared_shared_1', 'inputs');
  });
});

describe('a description in a file', () => {
  /** Of x, y -> add -> dense; `change` is told the nodes by name. */
  async function changed(change: (nodes: Record<string, FileNode>, record: FileRecord) => void) {
    const [x, y] = [input({ shape: [2], name: 'x' }), input({ shape: [2], name: 'y' })];
    const sum = layers.add({ name: 'sum' }).apply([x, y]);
    const outputs = layers.dense({ units: 2, name: 'out', kernelRegularizer: 'l2' }).apply(sum);
    const file = await model({ inputs: [x, y], outputs }).save();
    return doctored(file, (record) => {
      const { nodes } = record.description as { nodes: FileNode[] };
      change(Object.fromEntries(nodes.map((node) => [node.name, node])), record);
    });
  }

  const CHANGES: [string, Parameters<typeof changed>[0], layer: string, option: string][] = [
    [
      'with a cycle',
      ({ sum }) =>
        put(sum, 'inputs', [
          ['x', 0],
          ['out', 0],
        ]),
      'sum',
      'inputs',
    ],
    [
      'with an input that is not used',
      ({ sum }) =>
        put(sum, 'inputs', [
          ['x', 0],
          ['x', 0],
        ]),
      'y',
      'inputs',
    ],
    [
      'that reads what is not there',
      ({ out }) => put(out, 'inputs', [['nope', 0]]),
      'out',
      'inputs',
    ],
    ['that reads another output', ({ out }) => put(out, 'inputs', [['sum', 1]]), 'out', 'inputs'],
    ['with too few inputs', ({ sum }) => put(sum, 'inputs', [['x', 0]]), 'sum', 'inputs'],
    ['with a kind that is not there', ({ out }) => put(out, 'kind', 'mamba'), 'out', 'kind'],
    ['with a name twice', ({ y }) => put(y, 'name', 'x'), 'x', 'name'],
    ['with zero units', ({ out }) => put(out, 'options.units', 0), 'out', 'units'],
    ['with text for a number', ({ out }) => put(out, 'options.units', '2'), 'out', 'units'],
    ['with a number for a boolean', ({ out }) => put(out, 'options.useBias', 1), 'out', 'useBias'],
    ['without an option', ({ out }) => put(out, 'options.units', undefined), 'out', 'units'],
    ['with an option too many', ({ out }) => put(out, 'options.unit', 1), 'out', 'unit'],
    [
      'with another activation',
      ({ out }) => put(out, 'options.activation', { name: 'mish' }),
      'out',
      'activation',
    ],
    [
      'with another initializer',
      ({ out }) => put(out, 'options.kernelInitializer', { name: 'x' }),
      'out',
      'kernelInitializer',
    ],
    [
      'with a wrong factor',
      ({ out }) => put(out, 'options.kernelRegularizer', { l1: -1, l2: 0 }),
      'out',
      'kernelRegularizer.l1',
    ],
    [
      'with another constraint',
      ({ out }) => put(out, 'options.biasConstraint', { name: 'x' }),
      'out',
      'biasConstraint.name',
    ],
    ['with no extents', ({ x }) => put(x, 'options.shape', []), 'x', 'shape'],
    ['with a shape of text', ({ x }) => put(x, 'options.shape', 'x'), 'x', 'shape'],
  ];

  const put = (node: FileNode | undefined, path: string, value: unknown) => {
    const keys = path.split('.');
    const last = keys.pop() as string;
    const target = keys.reduce(
      (at, key) => at[key] as Record<string, unknown>,
      node as unknown as Record<string, unknown>,
    );
    target[last] = value;
  };

  it.each(CHANGES)('%s', async (_, change, layer, option) => {
    const bytes = await changed(change);
    const { details } = await refusal(() => load(bytes), 'FORMAT');
    expectComplete(details, layer, option);
  });
});
