// Model files made to do harm: whatever stands in them, they load as a model or are refused as FORMAT.
import { load } from 'sluice';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  doctored,
  type FileNode,
  type FileRecord,
  type Header,
  put,
  respelled,
} from '../support/files.js';
import { Bystander, victim } from '../support/hostile.js';
import { refusal } from '../support/refusal.js';

let file: Uint8Array;
beforeAll(async () => {
  file = await victim().save();
});

const bystander = new Bystander();
afterEach(() => bystander.check());

/** A tensor that takes no room in the data. */
const NOTHING = { dtype: 'F32', shape: [0], data_offsets: [0, 0] };

const GRU = 1;
const DENSE = 2;
const node = (record: FileRecord, index: number) => record.description.nodes[index] as FileNode;

type Change = (record: FileRecord, header: Header) => unknown;

/** Puts a value at a path such as `description/nodes/1/options/units`. */
const replaced =
  (path: string, value: unknown): Change =>
  (record) =>
    put(record, path.split('/'), value);

/** A change of one member of one node. */
const member = (index: number, name: string, value: unknown) =>
  replaced(`description/nodes/${index}/${name}`, value);

const option = (index: number, name: string, value: unknown) =>
  member(index, `options/${name}`, value);

const compiled = (name: string, value: unknown) => replaced(`compiled/${name}`, value);

const tensor = (name: string, key: string, value: unknown): Change => {
  return (_record, header) => Reflect.set(header[name] as object, key, value);
};

describe('a description', () => {
  const changes: [string, Change, RegExp?][] = [
    ['a cycle of two', member(GRU, 'inputs', [['dense', 0]]), /gru.*cycle/],
    ['a layer that reads itself', member(GRU, 'inputs', [['gru', 0]]), /gru.*cycle/],
    ['a duplicate name', member(DENSE, 'name', 'gru'), /two nodes are called 'gru'/],
    ['an unknown kind', member(GRU, 'kind', 'mamba'), /gru: unknown layer kind 'mamba'/],
    ['a kind from the prototype', member(GRU, 'kind', 'constructor'), /unknown layer kind/],
    ['no kind', member(GRU, 'kind', undefined), /kind/],
    ['2^31 units', option(GRU, 'units', 2 ** 31), /gru.*units.*2147483648/],
    ['1e300 units', option(GRU, 'units', 1e300), /units/],
    ['no units', option(GRU, 'units', undefined), /units/],
    ['zero units', option(GRU, 'units', 0), /units/],
    ['half a unit', option(GRU, 'units', 0.5), /units/],
    ['text as units', option(GRU, 'units', '4'), /units/],
    ['units that the weights do not have', option(GRU, 'units', 5), /'gru\/kernel' has shape/],
    ['many units', option(GRU, 'units', 8000), /'gru\/kernel' has shape \[3,12\]/],
    ['missing inputs', member(GRU, 'inputs', []), /gru takes 1 to 2 inputs, received 0/],
    ['no inputs', member(GRU, 'inputs', undefined), /inputs/],
    ['inputs that are text', member(GRU, 'inputs', 'input'), /inputs/],
    ['inputs without numbers', member(GRU, 'inputs', [['input']]), /input/],
    ['an input that is not there', member(GRU, 'inputs', [['nope', 0]]), /no node 'nope'/],
    ['an output that is not there', member(GRU, 'inputs', [['input', 7]]), /number 7/],
    ['a negative output', member(GRU, 'inputs', [['input', -1]]), /number -1/],
    ['an unknown option', option(GRU, 'unit', 1), /unknown option unit/],
    ['no options', member(GRU, 'options', undefined), /options/],
    ['options in a list', member(GRU, 'options', []), /options/],
    ['an unknown activation', option(GRU, 'activation', { name: 'x' }), /activation/],
    ['an activation without a name', option(GRU, 'activation', {}), /activation/],
    ['an unknown initializer', option(GRU, 'kernelInitializer', { name: 'x' }), /nitializer/],
    ['a number as a name', member(GRU, 'name', 7), /name/],
    ['an empty name', member(GRU, 'name', ''), /name/],
    ['a path as a name', member(GRU, 'name', 'a/b'), /name/],
    ['a node that is null', replaced('description/nodes/1', null), /node/],
    ['a node that is a list', replaced('description/nodes/1', []), /node/],
    ['no nodes', replaced('description/nodes', []), /1 to 10000 nodes/],
    ['nodes that are no list', replaced('description/nodes', {})],
    ['sharing with itself', member(GRU, 'sharedWith', 'gru'), /gru/],
    ['sharing with what is not there', member(GRU, 'sharedWith', 'nope'), /nope/],
    ['sharing with another kind', member(DENSE, 'sharedWith', 'gru')],
    ['an unknown dtype', option(0, 'dtype', 'complex'), /dtype/],
    ['a shape that overflows', option(0, 'shape', [2 ** 53, 2 ** 53]), /extent/],
    ['a shape that is text', option(0, 'shape', 'x'), /shape/],
    ['other features', option(0, 'shape', [null, 4]), /'gru\/kernel' has shape/],
    ['outputs that are not there', replaced('description/outputs', [['x', 0]])],
    ['outputs that are text', replaced('description/outputs', 'dense')],
    [
      'no outputs',
      (record) => {
        record.description.outputs = [];
        record.outputs = { kind: 'array', names: [] };
      },
    ],
    [
      'two outputs of one name',
      (record) => {
        record.description.outputs = [
          ['dense', 0],
          ['gru', 0],
        ];
        record.outputs = { kind: 'record', names: ['a', 'a'] };
        record.compiled = null;
      },
      /two outputs have the same name/,
    ],
    ['names of outputs that are numbers', replaced('outputs/names', [1])],
    ['too many names of outputs', replaced('outputs/names', ['a', 'b'])],
    ['an unknown form of outputs', replaced('outputs/kind', 'tree')],
    ['no outputs at all', replaced('outputs', null)],
    ['no description', replaced('description', null)],
    ['a negative seed', replaced('seed', -1)],
    ['a seed beyond 2^53', replaced('seed', 2 ** 60)],
    ['a name that is no text', replaced('name', 5)],
    ['losses of too few outputs', compiled('losses', [])],
    ['an unknown loss', compiled('losses', [{ kind: 'toString' }])],
    ['an unknown optimizer', compiled('optimizer', { kind: '__proto__' }), /kind/],
    ['a learning rate that is text', compiled('optimizer', { kind: 'sgd', learningRate: '1' })],
    ['an unknown metric', compiled('metrics', [['loss']])],
    ['losses that are missing', replaced('compiled', {})],
    ['a compilation that is a number', replaced('compiled', 5), /compiled/],
    [
      'a tensor less',
      (_record, header) => {
        header['dense/bios'] = header['dense/bias'];
        delete header['dense/bias'];
      },
      /the file lacks the weights 'dense\/bias'/,
    ],
    [
      'a tensor that is transposed',
      tensor('gru/kernel', 'shape', [12, 3]),
      /'gru\/kernel' has shape \[12,3\], the model needs \[3,12\]/,
    ],
    ['a dtype that cannot be read', tensor('gru/kernel', 'dtype', 'F16'), /F16/],
    [
      'one tensor over another',
      tensor('dense/bias', 'data_offsets', [0, 4]),
      /does not|overlaps|bytes/,
    ],
    [
      'a tensor more, of no size',
      (_record, header) => Reflect.set(header, 'x', { ...NOTHING }),
      /no place for the tensors 'x'/,
    ],
  ];

  it.each(changes)('with %s is refused', async (_name, change, message = /./) => {
    const error = await refusal(() => load(doctored(file, change)), 'FORMAT');
    expect(error.message).toMatch(message);
  });

  it('of more than the machine has is refused without asking for it', async () => {
    const huge = doctored(file, option(GRU, 'units', 2 ** 30));
    await refusal(() => load(huge), 'OUT_OF_MEMORY', { layer: 'gru' });
  });

  it('that is nested without end is refused', async () => {
    const deep: [string, string][] = [
      ['{"a":'.repeat(1e5), '}'.repeat(1e5)],
      ['['.repeat(1e6), ']'.repeat(1e6)],
      ['['.repeat(64), ']'.repeat(64)],
    ];
    // In the file the description is JSON within JSON.
    const activation = JSON.stringify('"activation":{"name":"tanh","alpha":0,"beta":0}').slice(
      1,
      -1,
    );
    for (const [open, close] of deep) {
      const inner = JSON.stringify(`"activation":${open}1${close}`).slice(1, -1);
      const bad = respelled(file, activation, inner);
      await refusal(() => load(bad), 'FORMAT');
    }
  });

  it('of many nodes is refused quickly', async () => {
    const many = doctored(file, (record) => {
      const { nodes } = record.description;
      const last = node(record, DENSE);
      for (let i = 0; i < 20_000; i++) nodes.push({ ...last, name: `dense_${i}` });
    });
    await refusal(() => load(many), 'FORMAT');
  });

  it('in which a name stands twice is refused', async () => {
    const seed = JSON.stringify('"seed":1').slice(1, -1);
    const twice = JSON.stringify('"seed":1,"seed":2').slice(1, -1);
    const error = await refusal(() => load(respelled(file, seed, twice)), 'FORMAT');
    expect(error.message).toContain('the name "seed" stands there twice');
    const kernel = '"dense/bias":';
    await refusal(() => load(respelled(file, kernel, `${kernel}{},${kernel}`)), 'FORMAT');
  });

  it('with members called __proto__ changes no prototype', async () => {
    const own = (target: object, value: unknown) =>
      Object.defineProperty(target, '__proto__', { value, enumerable: true });
    const onNode = doctored(file, (record) => void own(node(record, GRU).options, { units: 9 }));
    await refusal(() => load(onNode), 'FORMAT');
    const elsewhere = doctored(file, (record) => {
      own(record, { polluted: 1 });
      own(record.description, { polluted: 1 });
      own(record.outputs, { polluted: 1 });
    });
    await load(elsewhere);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
