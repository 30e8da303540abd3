// The library in worker threads: side by side with the main thread, and ended at any moment.
import { CHILDREN } from '../../support/prelude.mjs';

const CALLS = [
  'm.predict(x, { batchSize: 1 })',
  'm.evaluate(x, y, { batchSize: 1 })',
  'm.save()',
  'm.save("/dev/null/none").catch(() => {})',
  'm.gradients(x, y, { loss: "mae" })',
];

/** A worker that says when it fits, and fits for ever. */
const FITS = 'startFit().started.then(() => parentPort.postMessage(1));';
const MINE = /^(?![\s\S]*Native stack trace)[\s\S]*Error: mine/;

/** @type {import('./index.mjs').Case[]} */
export const workers = [
  {
    name: 'train side by side with the main thread, each to the same bits as alone',
    script: `${CHILDREN}
      (async () => {
        const alone = build();
        await alone.fit(x, y, FIT);
        const script = 'const m = build(); m.fit(x, y, FIT).then(() => parentPort.postMessage(bits(m)));';
        for (let round = 0; round < 2; round++) {
          const workers = [1, 2, 3].map(() => start(script));
          const ends = workers.map(exit);
          const m = build();
          const [, ...found] = await Promise.all([m.fit(x, y, FIT), ...workers.map(message)]);
          console.log(bits(m) === bits(alone), found.map((one) => one === bits(alone)), await Promise.all(ends));
        }
      })();`,
    stdout: 'true [ true, true, true ] [ 0, 0, 0 ]\n'.repeat(2),
  },
  {
    name: 'end by themselves when fit is done',
    script: `${CHILDREN}
      exit(start('build().fit(x, y, FIT);')).then((code) => console.log(code));`,
    stdout: '0\n',
  },
  {
    name: 'are terminated in mid-fit, while the main thread goes on',
    script: `${CHILDREN}
      const script = 'startFit().started.then(() => parentPort.postMessage(1));';
      (async () => {
        const alone = build(), m = build();
        await alone.fit(x, y, { ...FIT, epochs: 10 });
        const fit = m.fit(x, y, { ...FIT, epochs: 10 });
        for (let round = 0; round < 3; round++) {
          const workers = [start(script), start(script)];
          await Promise.all(workers.map(message));
          await new Promise((resolve) => setTimeout(resolve, 7 * round));
          console.log(...await Promise.all(workers.map((worker) => worker.terminate())));
        }
        await fit;
        console.log(bits(m) === bits(alone));
      })();`,
    stdout: '1 1\n1 1\n1 1\ntrue\n',
  },
  {
    name: 'are terminated in whatever else they do',
    script: `${CHILDREN}
      (async () => {
        for (const call of ${JSON.stringify(CALLS)}) {
          const worker = start('const m = build(); const again = () => ' + call +
            '.then(() => setImmediate(again)); again(); again(); setImmediate(() => parentPort.postMessage(1));');
          await message(worker);
          console.log(await worker.terminate());
        }
        await build().fit(x, y, FIT);
        console.log('main goes on');
      })();`,
    stdout: `${'1\n'.repeat(CALLS.length)}main goes on\n`,
  },
  {
    name: 'are terminated while callbacks of fit never return',
    script: `${CHILDREN}
      (async () => {
        const worker = start('startFit(build(), { callbacks: [{ onBatchEnd() { ' +
          'parentPort.postMessage(1); for (;;); } }] });');
        await message(worker);
        console.log(await worker.terminate());
        await build().fit(x, y, FIT);
        console.log('main goes on');
      })();`,
    stdout: '1\nmain goes on\n',
  },
  {
    name: 'leave by process.exit and by an uncaught exception',
    script: `${CHILDREN}
      (async () => {
        console.log(await exit(start('startFit().started.then(() => process.exit(3));')));
        const throwing = start('startFit().started.then(() => setImmediate(() => { throw new Error("mine"); }));');
        await exit(throwing).catch((error) => console.log(error.message));
        await build().fit(x, y, FIT);
        console.log('main goes on');
      })();`,
    stdout: '3\nmine\nmain goes on\n',
  },
  {
    name: 'take models as files',
    script: `${CHILDREN}
      (async () => {
        const m = build();
        await m.fit(x, y, FIT);
        const worker = start('parentPort.once("message", async (file) => ' +
          'parentPort.postMessage((await (await load(file)).predict(x)).data));');
        worker.postMessage(await m.save());
        const [theirs, ours] = [await message(worker), (await m.predict(x)).data];
        console.log(Buffer.compare(Buffer.from(theirs.buffer), Buffer.from(ours.buffer)));
      })();`,
    stdout: '0\n',
  },
  {
    name: 'train, predict and step side by side, all with the same answers',
    script: `${CHILDREN}
      const work = async (build, x, y, FIT) => {
        const other = build(), m = build(), session = other.stream(), step = new Float32Array(4);
        const predicted = [];
        const predict = async () => {
          for (let i = 0; i < 8; i++) predicted.push(await answer(other), session.push(step)[0]);
        };
        await Promise.all([m.fit(x, y, FIT), predict()]);
        return [bits(m), ...predicted].join();
      };
      const script = 'const work = ' + work +
        '; work(build, x, y, FIT).then((found) => parentPort.postMessage(found));';
      (async () => {
        const workers = [1, 2, 3, 4].map(() => start(script));
        const found = Promise.all(workers.map(message)), ends = Promise.all(workers.map(exit));
        const ours = await work(build, x, y, FIT);
        console.log((await found).map((theirs) => theirs === ours), await ends);
      })();`,
    stdout: '[ true, true, true, true ] [ 0, 0, 0, 0 ]\n',
  },
  {
    name: 'fit when process.exit is called by the main thread',
    script: `${CHILDREN}
      const workers = [start('${FITS}'), start('${FITS}')];
      startFit();
      Promise.all(workers.map(message)).then(() => process.exit(7));`,
    status: 7,
  },
  {
    name: 'fit when the main thread throws',
    script: `${CHILDREN}
      const workers = [start('${FITS}'), start('${FITS}')];
      Promise.all(workers.map(message)).then(() => setImmediate(() => { throw new Error('mine'); }));`,
    status: 1,
    stderr: MINE,
  },
  {
    name: 'throw in mid-fit, which ends the process where nobody listens',
    script: `${CHILDREN}
      start('${FITS}');
      start('startFit().started.then(() => setImmediate(() => { throw new Error("mine"); }));');
      startFit();`,
    status: 1,
    stderr: MINE,
  },
  {
    name: 'fit for ever, and do not hold the process when they are not to',
    script: `${CHILDREN}
      const worker = start('${FITS}');
      message(worker).then(() => { worker.unref(); console.log('end'); });`,
    stdout: 'end\n',
  },
  {
    name: 'are terminated with workers of their own',
    script: `${CHILDREN}
      const { SHARE_ENV } = require('node:worker_threads');
      const inner = PRELUDE + 'const { parentPort } = require("node:worker_threads");' + '${FITS}';
      const outer = 'const { Worker } = require("node:worker_threads");' +
        'const inner = new Worker(' + JSON.stringify(inner) + ', { eval: true });' +
        'const { started } = startFit();' +
        'inner.once("message", () => started.then(() => parentPort.postMessage(1)));';
      (async () => {
        for (let round = 0; round < 3; round++) {
          const worker = start(outer, { env: SHARE_ENV });
          await message(worker);
          console.log(await worker.terminate());
        }
        console.log((await build().fit(x, y, FIT)).epoch.length);
      })();`,
    stdout: '1\n1\n1\n3\n',
  },
];
