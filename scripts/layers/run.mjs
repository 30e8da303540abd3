// Runs a case on every device, holds it to the reference, and says what ran.
import { input, layers, model, optimizers } from 'sluice';
import { STATE } from './cases.mjs';
import { expectAgreement, farthest } from './compare.mjs';
import { changed, inputData, isSequence, MASKS, maskOptions, noise, ROWS, STEPS } from './data.mjs';
import { make } from './inner.mjs';

/** What every case runs on beside the reference, and with which masks: an emulated device takes its time. */
const DEVICES = { cpu: Object.keys(MASKS), cuda: ['none', 'holes', 'empty row'] };

/** Why an option is refused, where it is not its value. */
export const NO_OPTION = 'no such option';
export const NOT_YET = 'a later release';

/**
 * What is true of a case: shapes, what becomes of masks, whether it streams, and which path predict and
 * training take on each device ('fast', or 'detour: ' or 'slower: ' and why), by kind of mask where that matters; or
 * why it is refused. Throws where a device differs from the reference.
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
    ...Object.fromEntries(Object.keys(DEVICES).map((device) => [device, common(paths, device)])),
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

/** Which path a case takes on each device; throws where one does not give what the reference gives. */
async function pathsOf(testCase, kind) {
  const exact = await runOn('reference', testCase, kind);
  const paths = {};
  for (const device of devicesOf(kind)) {
    const run = await runOn(device, testCase, kind);
    expectAgreement(run.where, run, exact, ROWS * STEPS);
    paths[device] = { predict: run.predict, train: run.train };
  }
  return paths;
}

const devicesOf = (kind) => Object.keys(DEVICES).filter((device) => DEVICES[device].includes(kind));

/** What a case gives on a device, and by which path. */
export async function runOn(device, testCase, kind) {
  const where = `${testCase.layer}(${testCase.title}), mask ${kind}, ${device}`;
  const m = compiled(testCase);
  const x = dataOf(testCase, { kind });
  const options = { ...maskOptions(kind, inputsOf(testCase)), device };

  const predicted = await pathOf((strict) => m.predict(x, { ...options, strict }));
  const like = (seed) => predicted.value.map(({ shape }, i) => noise(shape, seed + i));
  const back = await pathOf((strict) => m.vjp(x, like(11), { ...options, training: true, strict }));
  const hasWeights = m.weights.some(({ trainable }) => trainable);
  const trained = hasWeights
    ? await pathOf((strict) => m.trainOnBatch(x, like(21), { ...options, strict }))
    : back;
  const explained = (mode, path) => explainedPath(where, m, { mode, device }, path);
  return {
    where,
    outputs: predicted.value,
    gradients: back.value,
    weights: m.getWeights(),
    predict: explained('predict', predicted.path),
    train: hasWeights ? explained('train', trained.path) : trained.path,
  };
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
function explainedPath(where, m, plan, path) {
  const { ops } = m.explain({ ...plan, batch: ROWS, steps: STEPS });
  const first = (property) => ops.map((op) => op[property]).find((why) => why !== null);
  const slower = first('fallback');
  const explained = slower ? `slower: ${slower}` : 'fast';
  if (explained !== path) throw new Error(`${where}: explain says ${explained}, strict ${path}`);
  const detour = first('detour');
  return detour && !slower ? `detour: ${detour}` : path;
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
function common(paths, device) {
  const of = (mode) => {
    const all = Object.entries(paths).flatMap(([kind, { [device]: path }]) =>
      path ? [[kind, path[mode]]] : [],
    );
    const first = all[0][1];
    return all.every(([, path]) => path === first) ? first : Object.fromEntries(all);
  };
  return { predict: of('predict'), train: of('train') };
}
