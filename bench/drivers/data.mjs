// The numbers that every driver computes with: bench/native/data.h in JavaScript.

export const seeds = {
  x: 1,
  kernel: 2,
  recurrentKernel: 3,
  bias: 4,
  initialState: 5,
  outputGradient: 6,
  denseKernel: 7,
  target: 8,
};

/** Uniform in [-scale, scale): a hash of the position and the seed. */
export function values(count, seed, scale = 1) {
  const start = Math.imul(seed, 0x9e3779b9);
  const single = Math.fround(scale);
  return Float32Array.from({ length: count }, (_, i) => {
    let x = i + start;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    x ^= x >>> 16;
    return ((x >>> 8) / 8388608 - 1) * single;
  });
}

const kSamples = 64;

/** The values of a tensor that are compared: spread evenly from the first to the last. */
export const sample = (data) =>
  Array.from(
    { length: kSamples },
    (_, k) => data[Math.floor((k * (data.length - 1)) / (kSamples - 1))],
  );

/** A case's weights in Sluice's layout. `resetAfter` false: one bias. */
export function weightsOf({ features, units, resetAfter = 1 }) {
  const scale = 1 / Math.sqrt(units);
  return {
    kernel: values(features * 3 * units, seeds.kernel, scale),
    recurrentKernel: values(units * 3 * units, seeds.recurrentKernel, scale),
    bias: values((resetAfter ? 2 : 1) * 3 * units, seeds.bias, scale),
    denseKernel: values(units, seeds.denseKernel, scale),
  };
}

/** [rows, columns] as [columns, rows]. */
export function transposed(data, rows, columns) {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c];
  return out;
}

/** [batch, steps, width] as [steps, batch, width], and back with the two numbers exchanged. */
export function stepsFirst(data, batch, steps) {
  const width = data.length / (batch * steps);
  const out = new Float32Array(data.length);
  for (let b = 0; b < batch; b++)
    for (let t = 0; t < steps; t++) {
      const from = (b * steps + t) * width;
      out.set(data.subarray(from, from + width), (t * batch + b) * width);
    }
  return out;
}
