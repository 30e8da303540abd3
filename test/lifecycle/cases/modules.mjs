// ES modules and CommonJS. (Where nothing else is said, cases are CommonJS.)
import { CHILDREN } from '../../support/prelude.mjs';

const SCRIPT = `
const m = build();
await m.fit(x, y, FIT);
const again = await load(await m.save());
console.log(sluice.default === undefined || sluice.default.load === load, bits(m) === bits(again));
m.stream().push(new Float32Array(4));
console.log((await m.predict(x)).shape);
`;

/** @type {import('./index.mjs').Case[]} */
export const modules = [
  {
    name: 'ESM: all kinds of calls',
    module: 'esm',
    script: SCRIPT,
    stdout: 'true true\n[ 64, 1 ]\n',
  },
  {
    name: 'CommonJS: all kinds of calls',
    script: `(async () => {${SCRIPT}})();`,
    stdout: 'true true\n[ 64, 1 ]\n',
  },
  {
    name: 'ESM: process.exit in mid-fit',
    module: 'esm',
    script: `const { started } = startFit(); await started; process.exit(7);`,
    status: 7,
  },
  {
    name: 'ESM: a throw at top level in mid-fit',
    module: 'esm',
    script: `const { started } = startFit(); await started; throw new Error('mine');`,
    status: 1,
    stderr: /^(?![\s\S]*Native stack trace)[\s\S]*Error: mine/,
  },
  {
    name: 'ESM: SIGTERM while fit is waited for at top level',
    module: 'esm',
    script: `const { started, ended } = startFit(); started.then(() => console.log('fits')); await ended;`,
    send: 'SIGTERM',
    status: null,
    signal: 'SIGTERM',
    stdout: 'fits\n',
  },
  {
    name: 'ESM: a worker that is terminated in mid-fit',
    module: 'esm',
    script: `
      const { Worker } = await import('node:worker_threads');
      const { pathToFileURL } = await import('node:url');
      const url = pathToFileURL(require.resolve('./dist/index.mjs')).href;
      const source = 'import { sequential, layers, tensor } from ' + JSON.stringify(url) + ';' +
        'import { parentPort } from "node:worker_threads";' +
        'const m = sequential([layers.gru({ units: 24 })], { inputShape: [null, 1] });' +
        'm.compile({ optimizer: "adam", loss: "mse" });' +
        'const onBatchEnd = () => parentPort.postMessage(1);' +
        'await m.fit(tensor(new Float32Array(640), [64, 10, 1]), tensor(new Float32Array(64 * 24), [64, 24]),' +
        '  { epochs: 1e6, batchSize: 4, callbacks: [{ onBatchEnd }] });';
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      await new Promise((resolve) => worker.once('message', resolve));
      console.log(await worker.terminate());
      console.log((await build().fit(x, y, FIT)).epoch.length);`,
    stdout: '1\n3\n',
  },
  {
    name: 'import and require share one instance',
    script: `
      const { pathToFileURL } = require('node:url');
      const required = require('sluice');
      (async () => {
        const byName = await import('sluice');
        const byPath = await import(pathToFileURL(require.resolve('./dist/index.mjs')));
        const m = byName.sequential([required.layers.gru({ units: 2 })], { inputShape: [null, 1] });
        const error = await m.predict(1).catch((caught) => caught);
        const thrown = await required.load('').catch((caught) => caught);
        console.log(
          Object.keys(byName).filter((name) => byName[name] !== required[name] && name !== 'default'),
          Object.keys(required).filter((name) => byName[name] !== required[name]),
          byName.SluiceError === byPath.SluiceError,
          error instanceof required.SluiceError, thrown instanceof byName.SluiceError,
          m instanceof required.Model,
          (await m.predict(required.tensor([[[1]]]))) instanceof byName.Tensor,
        );
      })();`,
    stdout: '[] [] true true true true true\n',
  },
  {
    name: 'errors of workers and of the main thread are told apart by their code',
    script: `${CHILDREN}
      start('build().predict(1)').once('error', (error) => console.log(error.code));`,
    stdout: 'INVALID_ARGUMENT\n',
  },
];
