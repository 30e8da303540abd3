// fork and cluster: processes that begin from nothing while their parent has used the addon.
import { CHILDREN } from '../../support/prelude.mjs';

const FITS = 'startFit().started.then(() => process.send(1));';

/** Serves predictions; the answer carries the number of the process. */
const SERVER = `
const m = build();
require('node:http').createServer(async (request, response) => {
  const found = await answer(m);
  response.setHeader('connection', 'close');
  response.end(JSON.stringify({ found, pid: process.pid }));
}).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
`;

const CLUSTER = `
const cluster = require('node:cluster');
// Without execArgv they would get this script, which is on Node's command line.
cluster.setupPrimary({ exec: program('server.cjs', ${JSON.stringify(SERVER)}), execArgv: [] });
/** Asks until two different processes have answered, and a few times more; whether all said the same. */
async function askAll(port, expected) {
  const pids = new Set();
  let same = true;
  const ask = async () => {
    const { found, pid } = await (await fetch('http://127.0.0.1:' + port)).json();
    same &&= found === expected;
    pids.add(pid);
  };
  while (pids.size < 2) await Promise.all([ask(), ask(), ask(), ask()]);
  return same;
}
`;

/** @type {import('./index.mjs').Case[]} */
export const processes = [
  {
    name: 'a forked child takes a model over from its parent and gives it back trained',
    script: `${CHILDREN}(async () => {
      const { fork } = require('node:child_process');
      const file = program('child.cjs',
        'process.once("message", async (file) => { const m = await load(file);' +
        'm.compile({ optimizer: "adam", loss: "mse" });' +
        'await m.fit(x, y, FIT); process.send(await m.save()); process.disconnect(); });');
      const m = build();
      await m.fit(x, y, FIT);
      const child = fork(file, [], { serialization: 'advanced' });
      const end = exit(child), trained = message(child);
      child.send(await m.save());
      const copy = await load(await m.save());
      copy.compile({ optimizer: 'adam', loss: 'mse' });
      await copy.fit(x, y, FIT);
      console.log(bits(await load(await trained)) === bits(copy), await end);
    })();`,
    stdout: 'true 0\n',
  },
  {
    name: 'forked children end in all ways in mid-fit, while the parent goes on',
    script: `${CHILDREN}(async () => {
      const { fork } = require('node:child_process');
      const file = program('child.cjs', '${FITS} process.once("message", () => process.exit(3));');
      const alone = build(), m = build();
      await alone.fit(x, y, { ...FIT, epochs: 10 });
      const fit = m.fit(x, y, { ...FIT, epochs: 10 });
      const endings = [
        (child) => child.kill('SIGKILL'), (child) => child.kill('SIGTERM'), (child) => child.send(1)];
      const children = endings.map(() => fork(file));
      const ends = Promise.all(children.map(exit));
      await Promise.all(children.map(message));
      endings.forEach((end, i) => end(children[i]));
      console.log(...await ends);
      await fit;
      console.log(bits(m) === bits(alone));
    })();`,
    stdout: 'SIGKILL SIGTERM 3\ntrue\n',
  },
  {
    name: 'a program runs to its end while the thread that trains waits for it',
    script: `${CHILDREN}(async () => {
      const { execFileSync } = require('node:child_process');
      const file = program('child.cjs', 'build().fit(x, y, FIT).then(({ epoch }) => console.log(epoch.length));');
      const m = build();
      const onEpochEnd = () => process.stdout.write(execFileSync(process.execPath, [file]));
      const fit = m.fit(x, y, { ...FIT, callbacks: [{ onEpochEnd }] });
      process.stdout.write(execFileSync(process.execPath, [file]));
      await fit;
    })();`,
    stdout: '3\n'.repeat(4),
  },
  {
    name: 'a forked child fits on when its parent is gone, and ends in good order',
    script: `${CHILDREN}
      const { fork } = require('node:child_process');
      const child = fork(program('child.cjs',
        'const controller = new AbortController();' +
        'const { m, started, ended } = startFit(build(), { signal: controller.signal });' +
        'process.once("disconnect", () => controller.abort());' +
        'ended.catch(() => m.save(folder + "/model.safetensors"));' +
        'started.then(() => process.send(1));'));
      startFit();
      child.once('message', () => process.exit(7));`,
    status: 7,
    // It holds the pipes of its parent, whose end therefore waits for its own.
    afterwards: [
      {
        script: `load(folder + '/model.safetensors').then((m) => console.log(m.weights.length));`,
        stdout: '8\n',
      },
    ],
  },
  {
    name: 'a cluster serves predictions, also after one of its workers was killed',
    script: `${CHILDREN}${CLUSTER}(async () => {
      const expected = await answer(build());
      const startTwo = async (count) => {
        const workers = Array.from({ length: count }, () => cluster.fork());
        return Promise.all(workers.map(async (worker) => [worker, await message(worker)]));
      };
      const [[victim, port]] = await startTwo(2);
      console.log(await askAll(port, expected));
      const end = exit(victim);
      victim.process.kill('SIGKILL');
      console.log(await end);
      await startTwo(1);
      console.log(await askAll(port, expected));
      const fit = await build().fit(x, y, FIT);
      await new Promise((resolve) => cluster.disconnect(resolve));
      console.log(fit.epoch.length);
    })();`,
    stdout: 'true\nSIGKILL\ntrue\n3\n',
  },
  {
    name: 'a cluster is ended by SIGTERM in mid-fit of its primary',
    script: `${CHILDREN}${CLUSTER}
      const controller = new AbortController();
      process.once('SIGTERM', () => controller.abort());
      (async () => {
        const workers = [cluster.fork(), cluster.fork()];
        const ends = Promise.all(workers.map(exit));
        await Promise.all(workers.map(message));
        const { started, ended } = startFit(build(), { signal: controller.signal });
        await started;
        console.log('fits');
        console.log(await outcome(ended));
        cluster.disconnect();
        console.log(...await ends);
      })();`,
    send: 'SIGTERM',
    stdout: 'fits\nABORTED\n0 0\n',
  },
];
