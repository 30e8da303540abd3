// ONNX Runtime through its own package for Node: a model of one GRU node, steps first.
import onnxProto from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { sample, seeds, stepsFirst, transposed, values, weightsOf } from '../drivers/data.mjs';
import { serve } from '../drivers/protocol.mjs';

const { onnx } = onnxProto;
const FLOAT = onnx.TensorProto.DataType.FLOAT;
const { INT } = onnx.AttributeProto.AttributeType;

const weight = (name, dims, data) => ({ name, dims, dataType: FLOAT, floatData: data });
const port = (name, dims) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((n) => ({ dimValue: n })) } } },
});

/** The model file. Gates are in the order z, r, h as Sluice's, weights transposed. */
function modelOf(c) {
  const { batch, steps, features, units, state } = c;
  const { kernel, recurrentKernel, bias } = weightsOf(c);
  const inputs = [port('X', [steps, batch, features])];
  if (state) inputs.push(port('H0', [1, batch, units]));
  const node = {
    opType: 'GRU',
    input: ['X', 'W', 'R', 'B', '', state ? 'H0' : ''],
    output: ['Y'],
    attribute: [
      { name: 'hidden_size', type: INT, i: units },
      { name: 'linear_before_reset', type: INT, i: 1 },
    ],
  };
  const graph = {
    name: 'gru',
    node: [node],
    initializer: [
      weight('W', [1, 3 * units, features], transposed(kernel, features, 3 * units)),
      weight('R', [1, 3 * units, units], transposed(recurrentKernel, units, 3 * units)),
      weight('B', [1, 6 * units], bias),
    ],
    input: inputs,
    output: [port('Y', [steps, 1, batch, units])],
  };
  return onnx.ModelProto.encode({ irVersion: 8, opsetImport: [{ version: 14 }], graph }).finish();
}

serve(async (c) => {
  const { batch, steps, features, units, threads, state } = c;
  const session = await InferenceSession.create(modelOf(c), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const x = stepsFirst(values(batch * steps * features, seeds.x), batch, steps);
  const feeds = { X: new Tensor('float32', x, [steps, batch, features]) };
  if (state) {
    const h0 = values(batch * units, seeds.initialState);
    feeds.H0 = new Tensor('float32', h0, [1, batch, units]);
  }
  const check = async () => {
    const { Y } = await session.run(feeds);
    return { y: sample(stepsFirst(Y.data, steps, batch)) };
  };
  return { iterate: () => session.run(feeds), check };
});
