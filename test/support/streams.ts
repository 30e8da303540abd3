// A model that can be streamed, and steps for it.
import { layers, sequential } from 'sluice';
import { sequences } from './hostile.js';

export const STEPS = 6;

/** Sequences, and a model with a value for each step. */
export function stepwise() {
  const list = [
    layers.normalization({ mean: 0.5, variance: 2 }),
    layers.gru({ units: 4, returnSequences: true }),
    layers.gru({ units: 3, returnSequences: true, resetAfter: false }),
    layers.dense({ units: 2, activation: 'tanh' }),
  ];
  return sequential(list, { inputShape: [null, 3], seed: 1 });
}

/** Step t of a sequence, which is row 0 or 1. */
export const stepOf = (t: number, row = 0) => {
  const { data } = sequences(2, STEPS);
  return data.slice((row * STEPS + t) * 3, (row * STEPS + t + 1) * 3);
};

/** What a session answers to the steps from `from` to `to` of the first sequence. */
export const pushed = (session: { push(x: Float32Array): Float32Array }, from = 0, to = STEPS) =>
  Array.from({ length: to - from }, (_, i) => [...session.push(stepOf(from + i))]);
