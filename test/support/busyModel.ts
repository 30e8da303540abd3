// A model whose training takes long enough for other calls to come in between, and its data.
import {
  type FitOptions,
  layers,
  load,
  type Model,
  optimizers,
  sequential,
  type Tensor,
} from 'sluice';
import { noiseTensor } from './numbers.js';

export const STEPS = 30;
export const FEATURES = 4;
const ROWS = 96;

export const x = noiseTensor([ROWS, STEPS, FEATURES], 1);
export const y = noiseTensor([ROWS, 1], 2);
export const FIT = { epochs: 4, batchSize: 8 } satisfies FitOptions;
/** Updates of a fit with these options. */
export const UPDATES = 48;

/** Several layers, so that other work gets in between the operations of a step. */
export function busyModel(options: { stateful?: boolean } = {}): Model {
  const m = sequential(
    [
      layers.gru({ units: 24, returnSequences: true, ...options }),
      layers.gru({ units: 24, returnSequences: true, ...options }),
      layers.dropout({ rate: 0.1 }),
      layers.gru({ units: 24, ...options }),
      layers.dense({ units: 1 }),
    ],
    { inputShape: [null, FEATURES], seed: 7 },
  );
  m.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse', metrics: ['mae'] });
  return m;
}

/** Bits as text, to be compared and looked up. */
export function bitsOf(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

export function weightBits(weights: Record<string, Tensor<'float32'>>): string {
  return Object.values(weights)
    .map(({ data }) => bitsOf(data))
    .join();
}

/** The weights that an undisturbed fit arrives at. */
export async function trainedAlone(options: FitOptions = {}): Promise<string> {
  using m = busyModel();
  await m.fit(x, y, { ...FIT, ...options });
  return weightBits(m.getWeights());
}

/** A promise, and the function that settles it. */
export function signalled(): { promise: Promise<void>; now: () => void } {
  let now = () => {};
  const promise = new Promise<void>((resolve) => {
    now = resolve;
  });
  return { promise, now };
}

/** What is looked at while training goes on: few rows, so that there are many looks. */
export const probe = noiseTensor([6, STEPS, FEATURES], 3);
export const answers = noiseTensor([6, 1], 4);

/** All that reads weights, as bits. */
export const looks = {
  getWeights: (m: Model) => weightBits(m.getWeights()),
  save: async (m: Model) => {
    using saved = await load(await m.save());
    return weightBits(saved.getWeights());
  },
  push: (m: Model) => {
    using session = m.stream();
    return bitsOf(session.push(probe.data.slice(0, FEATURES)));
  },
  predict: async (m: Model) => bitsOf((await m.predict(probe)).data),
  'predict in several batches': async (m: Model) =>
    bitsOf((await m.predict(probe, { batchSize: 1 })).data),
  evaluate: async (m: Model) => JSON.stringify(await m.evaluate(probe, answers)),
  'evaluate in several batches': async (m: Model) =>
    JSON.stringify(await m.evaluate(probe, answers, { batchSize: 2 })),
  vjp: async (m: Model) => weightBits((await m.vjp(probe, answers)).gradients),
};
export type Look = keyof typeof looks;
