// Two copies of the package in one process, as when two dependencies bring one each.
import { CHILDREN, ROOT } from '../../support/prelude.mjs';

const COPIES = `${CHILDREN}
const fs = require('node:fs'), { join } = require('node:path');
const ADDON = process.env.SLUICE_ADDON_PATH ?? ${JSON.stringify(`${ROOT}build/Release/sluice.node`)};
// Each copy takes its own.
delete process.env.SLUICE_ADDON_PATH;
/** Lays the package out as an installation does; with 'addon' as a second name for that file (pnpm). */
function install(name, addon) {
  const root = join(folder, name, 'node_modules', 'sluice');
  fs.mkdirSync(join(root, 'build', 'Release'), { recursive: true });
  for (const part of ['dist', 'package.json']) {
    fs.cpSync(join(${JSON.stringify(ROOT)}, part), join(root, part), { recursive: true });
  }
  fs.symlinkSync(${JSON.stringify(`${ROOT}node_modules`)}, join(root, 'node_modules'));
  const own = join(root, 'build', 'Release', 'sluice.node');
  if (addon) fs.linkSync(addon, own);
  else fs.copyFileSync(ADDON, own);
  return { root, addon: own };
}
const mapped = () => new Set(fs.readFileSync('/proc/self/maps', 'utf8').match(/\\/\\S+sluice\\.node$/gm)).size;
`;

/** \`first\` and \`second\` are the copies: how they work beside each other. */
const SIDE_BY_SIDE = `
  const [alone, one, two] = [first, first, second].map((copy) => build(copy));
  await alone.fit(x1, y1, FIT);
  await Promise.all([
    one.fit(x1, y1, FIT), two.fit(x2, y2, FIT),
    one.predict(x1, { batchSize: 3 }), two.predict(x2, { batchSize: 3 })]);
  console.log([one, two].map((m) => bits(m) === bits(alone)));
  const step = new Float32Array([1, 2, 3, 4]);
  const sessions = [one, two].map((m) => m.stream());
  console.log(sessions[0].push(step)[0] === sessions[1].push(step)[0]);
  const read = await second.load(await one.save());
  console.log(bits(read) === bits(one));
`;
const DATA = `
  const [x1, y1] = [first.tensor(x.data, x.shape), first.tensor(y.data, y.shape)];
  const [x2, y2] = [second.tensor(x.data, x.shape), second.tensor(y.data, y.shape)];
`;
const INSTALLED = `
  const paths = [install('one'), install('two')];
  const [first, second] = paths.map(({ root }) => require(root));
  ${DATA}`;

/** @type {import('./index.mjs').Case[]} */
export const copies = [
  {
    name: 'train and predict at the same time, each to the same bits as alone',
    script: `${COPIES}(async () => {
      ${INSTALLED}
      ${SIDE_BY_SIDE}
      console.log(first.Model === second.Model, mapped());
    })();`,
    stdout: '[ true, true ]\ntrue\ntrue\nfalse 2\n',
  },
  {
    name: 'are two names of one file',
    script: `${COPIES}(async () => {
      const original = install('one');
      const [first, second] = [original, install('two', original.addon)].map(({ root }) => require(root));
      ${DATA}
      ${SIDE_BY_SIDE}
    })();`,
    stdout: '[ true, true ]\ntrue\ntrue\n',
  },
  {
    name: 'are one package that was loaded again, its modules forgotten',
    script: `(async () => {
      const first = sluice;
      build(first);
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      const second = require('sluice');
      console.log(first.Model === second.Model);
      ${DATA}
      ${SIDE_BY_SIDE}
    })();`,
    stdout: 'false\n[ true, true ]\ntrue\ntrue\n',
  },
  {
    name: 'do not share their error classes, and share the codes',
    script: `${COPIES}(async () => {
      ${INSTALLED}
      const errors = await Promise.all([first, second].map((copy) =>
        build(copy).predict(copy.tensor([1])).catch((error) => error)));
      errors.forEach((error, i) => console.log(
        error instanceof [first, second][i].SluiceError, error instanceof [second, first][i].SluiceError,
        error instanceof Error, error.name, error.code));
      const controller = new AbortController();
      const aborted = build(second).fit(x2, y2, { epochs: 1e6, signal: controller.signal });
      controller.abort();
      const error = await aborted.catch((caught) => caught);
      console.log(error instanceof first.AbortError, error instanceof second.AbortError, error.code);
    })();`,
    stdout: `${'true false true SluiceError SHAPE_MISMATCH\n'.repeat(2)}false true ABORTED\n`,
  },
  {
    name: 'refuse the objects of the other by an error, and take plain data of it',
    script: `${COPIES}(async () => {
      ${INSTALLED}
      const [one, two] = [build(first), build(second)];
      const inputs = second.input({ shape: [null, 4] });
      const attempts = {
        layer: () => first.sequential([second.layers.gru({ units: 2 })], { inputShape: [null, 4] }),
        apply: () => first.layers.gru({ units: 2 }).apply(inputs),
        graph: () => first.model({ inputs, outputs: second.layers.gru({ units: 2 }).apply(inputs) }),
        predict: () => one.predict(x2),
        fit: () => one.fit(x1, y2),
        method: () => first.Model.prototype.predict.call(two, x1),
        optimizer: () => one.compile({ optimizer: second.optimizers.adam(), loss: 'mse' }),
      };
      for (const [name, attempt] of Object.entries(attempts)) {
        const found = await (async () => attempt())().catch((error) => error);
        console.log(name, found?.code ?? found?.name);
      }
      const { message } = await one.predict(x2).catch((error) => error);
      console.log(/another copy of sluice/.test(message));
      console.log((await one.fit(x1, y1, FIT)).epoch.length, (await two.fit(x2, y2, FIT)).epoch.length);
    })();`,
    stdout: `layer INVALID_ARGUMENT
apply INVALID_ARGUMENT
graph INVALID_ARGUMENT
predict INVALID_ARGUMENT
fit INVALID_ARGUMENT
method TypeError
optimizer undefined
true
3 3
`,
  },
  {
    name: 'refuse the objects of the other addon',
    script: `${COPIES}
      const [first, second] = [install('one'), install('two')].map(({ addon }) => require(addon));
      const cancel = (token) => first.CancelToken.prototype.cancel.call(token);
      cancel(new first.CancelToken());
      try { cancel(new second.CancelToken()); } catch (error) { console.log(error.code); }`,
    stdout: 'INVALID_ARGUMENT\n',
  },
  {
    name: 'in a worker each, which are terminated in mid-fit',
    script: `${COPIES}(async () => {
      const script = (root) => 'const copy = require(' + JSON.stringify(root) + ');' +
        'const [x1, y1] = [x, y].map(({ data, shape }) => copy.tensor(data, shape));' +
        'const onBatchEnd = () => parentPort.postMessage(1);' +
        'build(copy).fit(x1, y1, { epochs: 1e6, batchSize: 4, callbacks: [{ onBatchEnd }] });';
      const paths = [install('one'), install('two')];
      for (let round = 0; round < 3; round++) {
        const workers = paths.map(({ root }) => start(script(root)));
        await Promise.all(workers.map(message));
        console.log(...await Promise.all(workers.map((worker) => worker.terminate())));
      }
      const [first, second] = paths.map(({ root }) => require(root));
      ${DATA}
      ${SIDE_BY_SIDE}
    })();`,
    stdout: `${'1 1\n'.repeat(3)}[ true, true ]\ntrue\ntrue\n`,
  },
  {
    name: 'both fit when process.exit is called',
    script: `${COPIES}
      ${INSTALLED}
      const fits = [[first, x1, y1], [second, x2, y2]].map(([copy, x, y]) => new Promise((resolve) => {
        build(copy).fit(x, y, { epochs: 1e6, batchSize: 4, callbacks: [{ onBatchEnd: resolve }] });
      }));
      Promise.all(fits).then(() => process.exit(7));`,
    status: 7,
  },
];
