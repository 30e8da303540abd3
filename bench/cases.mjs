// What is measured, as data. One case is one table row for each thread count.

/** A whole training step of gru(units) -> dense(1): forward, mse, backward, Adam. */
export const trainStep = [
  { name: 'reference model', batch: 32, steps: 100, features: 10, units: 64 },
  { name: 'H=256', batch: 64, steps: 50, features: 128, units: 256 },
  { name: 'H=512', batch: 64, steps: 50, features: 512, units: 512 },
];

export const threads = [1, 2];
