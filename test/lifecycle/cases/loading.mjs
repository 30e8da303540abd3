// Node unloads an addon with the last environment that uses it. Here the main thread does not load it
// before the workers that did are gone, whatever they were doing.
import { CHILDREN } from '../../support/prelude.mjs';

const FITS = 'startFit().started.then(() => parentPort.postMessage(1));';
/** What comes after them: another worker, which fits to the bits that the main thread will find. */
const AFTERWARDS = `
  const worker = start('const m = build(); m.fit(x, y, FIT).then(() => parentPort.postMessage(bits(m)));');
  const end = exit(worker), theirs = await message(worker);
  console.log(await end);
  const m = build();
  await m.fit(x, y, FIT);
  console.log(bits(m) === theirs);`;

/** @type {import('./index.mjs').Case[]} */
export const loading = [
  {
    name: 'that ends by itself, then in another one, then in the main thread',
    script: `${CHILDREN}
      (async () => {
        console.log(isLoaded());
        console.log(await exit(start('build().fit(x, y, FIT);')));
        ${AFTERWARDS}
        console.log(isLoaded());
      })();`,
    stdout: 'false\n0\n0\ntrue\ntrue\n',
  },
  {
    name: 'that is terminated in mid-fit, then in another one, then in the main thread',
    script: `${CHILDREN}
      (async () => {
        for (let round = 0; round < 3; round++) {
          const worker = start('${FITS}');
          await message(worker);
          console.log(await worker.terminate());
        }
        ${AFTERWARDS}
      })();`,
    stdout: '1\n1\n1\n0\ntrue\n',
  },
  {
    name: 'that leaves by process.exit in mid-fit, then in another one, then in the main thread',
    script: `${CHILDREN}
      (async () => {
        console.log(await exit(start('startFit().started.then(() => process.exit(3));')));
        ${AFTERWARDS}
      })();`,
    stdout: '3\n0\ntrue\n',
  },
  {
    name: 'that is terminated while it loads it, sooner or later',
    script: `${CHILDREN}
      (async () => {
        for (let round = 0; round < 8; round++) {
          const worker = start('parentPort.postMessage(1); build(); parentPort.postMessage(2);');
          await message(worker);
          for (let turn = 0; turn < 4 * round; turn++) await new Promise(setImmediate);
          await worker.terminate();
        }
        ${AFTERWARDS}
      })();`,
    stdout: '0\ntrue\n',
  },
  {
    name: 'several of which load it at the same moment',
    script: `${CHILDREN}
      (async () => {
        const workers = Array.from({ length: 6 }, () =>
          start('parentPort.once("message", () => { build(); parentPort.close(); });'));
        const ends = Promise.all(workers.map(exit));
        await Promise.all(workers.map((worker) => new Promise((online) => worker.once('online', online))));
        for (const worker of workers) worker.postMessage(1);
        console.log(...await ends);
        ${AFTERWARDS}
      })();`,
    stdout: '0 0 0 0 0 0\n0\ntrue\n',
  },
  {
    name: 'that never ends, while process.exit is called',
    script: `${CHILDREN}
      const worker = start('${FITS}');
      message(worker).then(() => { console.log('fits'); process.exit(7); });`,
    status: 7,
    stdout: 'fits\n',
  },
];
