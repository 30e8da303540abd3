// A signal that nobody listens to ends the process as if the library were not there; whoever listens
// has all the time to end in good order.
import { CHILDREN } from '../../support/prelude.mjs';

const FITS = `const { started } = startFit(); started.then(() => console.log('fits'));`;

const plain = /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL']).map((name) => ({
  name: `${name} in mid-fit ends the process`,
  script: FITS,
  send: name,
  status: null,
  signal: name,
  stdout: 'fits\n',
}));

/**
 * Aborts, saves, ends by itself.
 * @param {NodeJS.Signals} name
 */
const graceful = (name) => ({
  name: `${name} aborts the fit, the model is saved, and the file loads`,
  script: `
    const controller = new AbortController();
    process.once('${name}', () => controller.abort('${name}'));
    const { m, started, ended } = startFit(build(), { signal: controller.signal });
    started.then(() => console.log('fits'));
    ended.catch(async (error) => {
      await m.save(folder + '/model.safetensors');
      require('node:fs').writeFileSync(folder + '/answer', await answer(m));
      console.log(error.name, error.cause);
      process.exitCode = 0;
    });`,
  send: name,
  stdout: `fits\nAbortError ${name}\n`,
  // Another process, which goes on where this one ended.
  afterwards: [
    {
      script: `(async () => {
        const m = await load(folder + '/model.safetensors');
        console.log(await answer(m) === require('node:fs').readFileSync(folder + '/answer', 'utf8'));
        m.compile({ optimizer: 'adam', loss: 'mse' });
        console.log((await m.fit(x, y, FIT)).epoch.length);
      })();`,
      stdout: 'true\n3\n',
    },
  ],
});

/** @type {import('./index.mjs').Case[]} */
export const signals = [
  ...plain,
  graceful('SIGTERM'),
  graceful('SIGINT'),
  {
    name: 'SIGTERM exits from its listener in mid-fit',
    script: `process.once('SIGTERM', () => process.exit(143)); ${FITS}`,
    send: 'SIGTERM',
    status: 143,
    stdout: 'fits\n',
  },
  {
    name: 'SIGTERM ends the process while workers fit',
    script: `${CHILDREN}
      const script = 'startFit().started.then(() => parentPort.postMessage(1));';
      const workers = [start(script), start(script)];
      Promise.all(workers.map(message)).then(() => console.log('fit'));`,
    send: 'SIGTERM',
    status: null,
    signal: 'SIGTERM',
    stdout: 'fit\n',
  },
];
