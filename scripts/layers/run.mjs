// Runs a case on the cpu and on the reference, holds the one to the other, and says what ran.
import { input, layers, model, optimizers } from 'sluice';
import { STATE } from './cases.mjs';
import { changed, inputData, isSequence, MASKS, maskOptions, noise, ROWS, STEPS } from './data.mjs';
import { make } from './inner.mjs';

/** The bounds of docs/semantics.md. */
const OUTPUT_BOUND = 2e-6;
const GRADIENT_BOUND = 5e-6;
/** One rounding. */
const ROUNDING = 2 ** -23;

/** Why an option is refused, where it is not its value. */
export const NO_OPTION = 'no such option';
export const NOT_YET = 'a later release';

const reference = { device: 'reference' };

/**
 * What is true of a case: shapes, what becomes of masks, whether it streams, and which path predict and
 * training take ('fast', or 'detour: ' or 'slower: ' and why), by kind of mask where that matters; or why it is refused.
 * Throws where the two backends differ.
 */
export async function factsOf(testCase) {
  const { layer, column, title } = testCase;
  const name = { layer, ...(column && { column }), case: title };
  try {
    build(testCase).dispose();
  } catch (error) {
    return { ...name, refused: refusal(error) };
  }
  const inputs = inputsOf(testCase);
  const kinds = inputs.some(({ shape }) => isSequence(shape)) ? Object.keys(MASKS) : ['none'];
  const paths = {};
  for (const kind of kinds) paths[kind] = await pathsOf(testCase, kind);
  const shapes = await shapesOf(testCase);
  return {
    ...name,
    shapes: `${inputs.map(({ shape }) => symbolic(shape)).join(' ')} → ${shapes.join(' ')}`,
    mask: kinds.length > 1 ? await maskFact(testCase, shapes) : null,
    streams: streamFact(testCase),
    predict: common(paths, 'predict'),
    train: common(paths, 'train'),
  };
}

/** An option that the layer does not have, or not yet; else the whole message. */
function refusal({ message }) {
  if (message.includes('unknown option')) return NO_OPTION;
  return message.includes('not part of this release') ? NOT_YET : message;
}

const STATES = { lstm: 2, bidirectional: 2 };

function inputsOf({ layer, inputs, given }) {
  const states = given ? Array.from({ length: STATES[layer] ?? 1 }, () => STATE) : [];
  return [...inputs, ...states].map((of, i) => ({ ...of, name: `x${i}` }));
}

function build(testCase) {
  const symbols = inputsOf(testCase).map((of) => input(of));
  const [x, ...rest] = symbols;
  const layer = make(layers, testCase.layer, testCase.options);
  const several = () => (rest.length ? layer.apply(symbols) : layer.apply(x));
  const outputs = testCase.given ? layer.apply(x, { initialState: rest }) : several();
  return model({ inputs: symbols, outputs: [outputs].flat(), seed: 1 });
}

function dataOf(testCase, options) {
  return Object.fromEntries(
    inputsOf(testCase).map((of, i) => [
      of.name,
      inputData(of, 1 + i, isSequence(of.shape) ? options : {}),
    ]),
  );
}

const compiled = (testCase) => {
  const m = build(testCase);
  const loss = m.outputNames.map(() => /** @type {const} */ ('mse'));
  m.compile({ loss, optimizer: optimizers.sgd({ learningRate: 1 }), memory: testCase.memory });
  return m;
};

/** The same calls on both backends. */
async function pathsOf(testCase, kind) {
  const x = dataOf(testCase, { kind });
  const masks = maskOptions(kind, inputsOf(testCase));
  const where = `${testCase.layer}(${testCase.title}), mask ${kind}`;
  const [fast, exact] = [compiled(testCase), compiled(testCase)];

  const predicted = await pathOf((strict) => fast.predict(x, { ...masks, strict }));
  const expected = await exact.predict(x, { ...masks, ...reference });
  expectClose(
    `${where}: output`,
    predicted.value,
    expected,
    (largest) => OUTPUT_BOUND * Math.max(1, largest),
  );

  const cotangents = expected.map(({ shape }, i) => noise(shape, 11 + i));
  const vjp = { ...masks, training: true };
  const back = await pathOf((strict) => fast.vjp(x, cotangents, { ...vjp, strict }));
  const exactBack = await exact.vjp(x, cotangents, { ...vjp, ...reference });
  expectGradients(where, back.value, exactBack);

  const y = expected.map(({ shape }, i) => noise(shape, 21 + i));
  const hasWeights = fast.weights.some(({ trainable }) => trainable);
  const trained = hasWeights
    ? await pathOf((strict) => fast.trainOnBatch(x, y, { ...masks, strict }))
    : back;
  if (hasWeights) {
    await exact.trainOnBatch(x, y, { ...masks, ...reference });
    const bound = (largest) => GRADIENT_BOUND * Math.max(1, largest);
    expectClose(`${where}: weights`, fast.getWeights(), exact.getWeights(), bound);
  }
  const trainPath = hasWeights ? explainedPath(where, fast, 'train', trained.path) : trained.path;
  return { predict: explainedPath(where, fast, 'predict', predicted.path), train: trainPath };
}

/** The value of a call, and whether `strict` let it through. */
async function pathOf(call) {
  try {
    return { value: await call(true), path: 'fast' };
  } catch (error) {
    if (error.code !== 'UNSUPPORTED' || error.details.option !== 'strict') throw error;
    const [, why] = /does not run on the fast path of '.*?': (.*)$/.exec(error.message);
    return { value: await call(false), path: `slower: ${why}` };
  }
}

/** What `explain` says of the path, which has to be what `strict` made of it. */
function explainedPath(where, m, mode, path) {
  const { ops } = m.explain({ mode, batch: ROWS, steps: STEPS });
  const away = ops.find(({ device }) => device !== 'cpu');
  if (away) throw new Error(`${where}: ${away.op} runs on ${away.device}: ${away.fallback}`);
  const first = (property) => ops.map((op) => op[property]).find((why) => why !== null);
  const slower = first('fallback');
  const explained = slower ? `slower: ${slower}` : 'fast';
  if (explained !== path) throw new Error(`${where}: explain says ${explained}, strict ${path}`);
  const detour = first('detour');
  return detour && !slower ? `detour: ${detour}` : path;
}

/** What predict says, an array where there are several outputs; or named tensors. */
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

/** Small sums of large terms, one of each step, keep the rounding errors of those. */
function expectGradients(where, actual, expected) {
  const named = ({ gradients, inputGradients }) =>
    Object.fromEntries(
      Object.entries({ ...gradients, ...inputGradients }).filter(([, value]) => value !== null),
    );
  const all = named(expected);
  const largest = Math.max(1, ...Object.values(all).map(({ data }) => farthest(data)));
  expectClose(`${where}: gradient`, named(actual), all, (own) =>
    Math.max(GRADIENT_BOUND * own, ROUNDING * Math.sqrt(ROWS * STEPS) * largest),
  );
}

/** max |a - b|; NaN where one of them is. */
function farthest(a, b) {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - (b ? b[i] : 0)));
  return most;
}

const symbolic = (shape) => `[B${shape.map((extent) => `,${extent ?? 'T'}`).join('')}]`;

/** Of the outputs: what is as long as the sequence is T, what changes with it T′. */
async function shapesOf(testCase) {
  const shapeAt = async (steps) =>
    (await build(testCase).predict(dataOf(testCase, { steps }))).map(({ shape }) => shape.slice(1));
  const [short, long] = [await shapeAt(STEPS), await shapeAt(STEPS + 2)];
  return short.map((shape, i) =>
    symbolic(
      shape.map((extent, axis) => {
        const other = long[i][axis];
        if (other === extent) return extent;
        return extent === STEPS && other === STEPS + 2 ? null : 'T′';
      }),
    ),
  );
}

/**
 * 'made', or whether the values that count depend on a mask, and whether it goes on to the loss. The steps
 * that do not count hold the largest values.
 */
async function maskFact(testCase, shapes) {
  const kind = 'holes';
  const masks = maskOptions(kind, inputsOf(testCase));
  const x = dataOf(testCase, { kind, hidden: testCase.options.maskValue ?? 0, offset: -2 });
  const outputs = await build(testCase).predict(x, masks);
  const plain = await build(testCase).predict(x);
  const keepsSteps = (i) =>
    shapes[i].startsWith('[B,T') || (shapes[i].startsWith(`[B,${STEPS}`) && shapes.length === 1);
  const visible = (tensor, i) => (keepsSteps(i) ? changed(tensor, kind, () => 0) : tensor);
  const isUsed = outputs.some(
    (output, i) => farthest(visible(output, i).data, visible(plain[i], i).data) > 0,
  );

  const y = outputs.map(({ shape }, i) => noise(shape, 31 + i));
  const other = y.map((target, i) =>
    keepsSteps(i) ? changed(target, kind, (v) => v + 1) : target,
  );
  const isHidden = async (options) => {
    const { loss } = await compiled(testCase).evaluate(x, y, options);
    return loss === (await compiled(testCase).evaluate(x, other, options)).loss;
  };
  const keeps = y.some((_, i) => keepsSteps(i));
  if (keeps && (await isHidden({}))) return 'made';
  const goesOn = keeps && (await isHidden(masks)) ? 'passes on' : 'ends';
  if (goesOn === 'ends') await expectWholeLoss(testCase, x, y, masks, outputs);
  return isUsed ? `used, ${goesOn}` : goesOn;
}

/** A mask that has ended weighs nothing: the loss is the mean over all values, but for penalties. */
async function expectWholeLoss(testCase, x, y, masks, outputs) {
  if (testCase.title.includes('Regularizer')) return;
  const { loss } = await compiled(testCase).evaluate(x, y, masks);
  const squares = outputs.map(({ data }, i) =>
    data.reduce((sum, value, at) => sum + (value - y[i].data[at]) ** 2 / data.length, 0),
  );
  const mean = squares.reduce((sum, value) => sum + value, 0);
  if (!(Math.abs(loss - mean) <= 1e-5 * Math.max(1, mean))) {
    throw new Error(`${testCase.layer}(${testCase.title}): a mask that ends weighs the loss`);
  }
}

/** 'yes', or why not. */
function streamFact(testCase) {
  try {
    build(testCase).stream();
    return 'yes';
  } catch (error) {
    if (error.code !== 'UNSUPPORTED') throw error;
    return error.message.replace(/^.*cannot be stepped here: /, '').replace(/^x\d+: /, '');
  }
}

/** One text where all masks have the same. */
function common(paths, mode) {
  const all = Object.entries(paths).map(([kind, path]) => [kind, path[mode]]);
  const first = all[0][1];
  return all.every(([, path]) => path === first) ? first : Object.fromEntries(all);
}
