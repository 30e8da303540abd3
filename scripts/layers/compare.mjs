// Holds what a case gives on a device to what it gives on the reference.

/** The bounds of docs/semantics.md. */
const OUTPUT_BOUND = 2e-6;
const GRADIENT_BOUND = 5e-6;
/** One rounding. */
const ROUNDING = 2 ** -23;

/**
 * Throws where they differ; `terms`: of how many a gradient is the sum.
 * @param {Awaited<ReturnType<typeof import('./run.mjs').runOn>>} actual
 * @param {Awaited<ReturnType<typeof import('./run.mjs').runOn>>} expected
 */
export function expectAgreement(where, actual, expected, terms) {
  const within = (bound) => (largest) => bound * Math.max(1, largest);
  expectClose(`${where}: output`, actual.outputs, expected.outputs, within(OUTPUT_BOUND));
  expectGradients(where, actual.gradients, expected.gradients, terms);
  expectClose(`${where}: weights`, actual.weights, expected.weights, within(GRADIENT_BOUND));
}

/** Of an array of outputs, or of named tensors. */
function expectClose(what, actual, expected, boundOf) {
  for (const [name, { data, shape }] of Object.entries(expected)) {
    const other = actual[name];
    if (String(other?.shape) !== String(shape))
      throw new Error(`${what} ${name} is ${other?.shape}`);
    const error = farthest(other.data, data);
    const bound = boundOf(farthest(data));
    if (!(error <= bound)) throw new Error(`${what} ${name} is ${error} off, more than ${bound}`);
  }
}

/** Small sums of large terms keep the rounding errors of those. */
function expectGradients(where, actual, expected, terms) {
  const named = ({ gradients, inputGradients }) =>
    Object.fromEntries(
      Object.entries({ ...gradients, ...inputGradients }).filter(([, value]) => value !== null),
    );
  const all = named(expected);
  const largest = Math.max(1, ...Object.values(all).map(({ data }) => farthest(data)));
  expectClose(`${where}: gradient`, named(actual), all, (own) =>
    Math.max(GRADIENT_BOUND * own, ROUNDING * Math.sqrt(terms) * largest),
  );
}

/** max |a - b|; NaN where one of them is. */
export function farthest(a, b) {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - (b ? b[i] : 0)));
  return most;
}
