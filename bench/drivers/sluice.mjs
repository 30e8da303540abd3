// Sluice from JavaScript.
import { model as graph, input, layers, sequential, setThreads, tensor } from 'sluice';
import { sample, seeds, values, weightsOf } from './data.mjs';
import { serve } from './protocol.mjs';

const gru = ({ units, resetAfter = 1 }, returnSequences) =>
  layers.gru({ units, returnSequences, resetAfter: resetAfter === 1, name: 'gru' });

function setWeights(model, c) {
  const { features, units } = c;
  const { kernel, recurrentKernel, bias } = weightsOf(c);
  model.setWeights({
    ...model.getWeights(),
    'gru/kernel': tensor(kernel, [features, 3 * units]),
    'gru/recurrent_kernel': tensor(recurrentKernel, [units, 3 * units]),
    'gru/bias': tensor(bias, bias.length > 3 * units ? [2, 3 * units] : [3 * units]),
  });
}

const data = (seed, ...shape) =>
  tensor(
    values(
      shape.reduce((a, b) => a * b),
      seed,
    ),
    shape,
  );

function training(c) {
  const { batch, steps, features, units } = c;
  const [x, h0] = [input({ shape: [steps, features] }), input({ shape: [units] })];
  const outputs = gru(c, true).apply(x, { initialState: h0 });
  const model = graph({ inputs: [x, h0], outputs });
  setWeights(model, c);
  const inputs = [data(seeds.x, batch, steps, features), data(seeds.initialState, batch, units)];
  const dy = data(seeds.outputGradient, batch, steps, units);
  const iterate = () => model.vjp(inputs, dy);
  const check = async () => {
    const { outputs, gradients, inputGradients } = await iterate();
    return {
      y: sample(outputs.data),
      dx: sample(inputGradients[0].data),
      dKernel: sample(gradients['gru/kernel'].data),
      dRecurrentKernel: sample(gradients['gru/recurrent_kernel'].data),
      dBias: sample(gradients['gru/bias'].data),
      dInitialState: sample(inputGradients[1].data),
    };
  };
  return { iterate, check };
}

function inference(c) {
  const { batch, steps, features, units } = c;
  const model = sequential([gru(c, true)], { inputShape: [steps, features] });
  setWeights(model, c);
  const x = data(seeds.x, batch, steps, features);
  if (c.state) return stream(model, x.data, values(units, seeds.initialState));
  const check = async () => ({ y: sample((await model.predict(x)).data) });
  return { iterate: () => model.predict(x), check };
}

/** One step after the other: what a stream does. */
function stream(model, x, initialState) {
  const session = model.stream();
  const out = new Float32Array(initialState.length);
  const iterate = () => {
    session.push(x, out);
  };
  const check = () => {
    session.state = initialState;
    iterate();
    return { y: sample(out) };
  };
  return { iterate, check };
}

function step(c) {
  const { batch, steps, features, units } = c;
  const model = sequential([gru(c, false), layers.dense({ units: 1, name: 'dense' })], {
    inputShape: [steps, features],
  });
  setWeights(model, c);
  const { denseKernel } = weightsOf(c);
  model.setWeights({ ...model.getWeights(), 'dense/kernel': tensor(denseKernel, [units, 1]) });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const [x, y] = [data(seeds.x, batch, steps, features), data(seeds.target, batch, 1)];
  let first;
  const iterate = async () => {
    const { loss } = await model.trainOnBatch(x, y);
    first ??= loss;
  };
  return { iterate, check: () => ({ firstLoss: [first] }) };
}

serve((c) => {
  setThreads(c.threads);
  return { training, inference, step }[c.kind](c);
});
