// The library in worker threads: side by side with the main thread, and ended at any moment.
import { describe, it } from 'vitest';
import { expectOutput, WORKERS } from '../support/process.js';

describe('workers', () => {
  it('train side by side with the main thread, each to the same bits as alone', () => {
    expectOutput(
      `${WORKERS}
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
      'true [ true, true, true ] [ 0, 0, 0 ]\n'.repeat(2),
    );
  });

  it('end by themselves when fit is done', () => {
    expectOutput(
      `${WORKERS}
      exit(start('build().fit(x, y, FIT);')).then((code) => console.log(code));`,
      '0\n',
    );
  });

  it('are terminated in mid-fit, while the main thread goes on', () => {
    expectOutput(
      `${WORKERS}
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
      '1 1\n1 1\n1 1\ntrue\n',
    );
  });

  it('are terminated in whatever else they do', () => {
    const calls = [
      'm.predict(x, { batchSize: 1 })',
      'm.evaluate(x, y, { batchSize: 1 })',
      'm.save()',
      'm.save("/dev/null/none").catch(() => {})',
      'm.gradients(x, y, { loss: "mae" })',
    ];
    expectOutput(
      `${WORKERS}
      (async () => {
        for (const call of ${JSON.stringify(calls)}) {
          const worker = start('const m = build(); const again = () => ' + call +
            '.then(() => setImmediate(again)); again(); again(); setImmediate(() => parentPort.postMessage(1));');
          await message(worker);
          console.log(await worker.terminate());
        }
        await build().fit(x, y, FIT);
        console.log('main goes on');
      })();`,
      `${'1\n'.repeat(calls.length)}main goes on\n`,
    );
  });

  it('are terminated while callbacks of fit never return', () => {
    expectOutput(
      `${WORKERS}
      (async () => {
        const worker = start('startFit(build(), { callbacks: [{ onBatchEnd() { ' +
          'parentPort.postMessage(1); for (;;); } }] });');
        await message(worker);
        console.log(await worker.terminate());
        await build().fit(x, y, FIT);
        console.log('main goes on');
      })();`,
      '1\nmain goes on\n',
    );
  });

  it('leave by process.exit and by an uncaught exception', () => {
    expectOutput(
      `${WORKERS}
      (async () => {
        console.log(await exit(start('startFit().started.then(() => process.exit(3));')));
        const throwing = start('startFit().started.then(() => setImmediate(() => { throw new Error("mine"); }));');
        await exit(throwing).catch((error) => console.log(error.message));
        await build().fit(x, y, FIT);
        console.log('main goes on');
      })();`,
      '3\nmine\nmain goes on\n',
    );
  });

  it('take models as files', () => {
    expectOutput(
      `${WORKERS}
      (async () => {
        const m = build();
        await m.fit(x, y, FIT);
        const worker = start('parentPort.once("message", async (file) => ' +
          'parentPort.postMessage((await (await load(file)).predict(x)).data));');
        worker.postMessage(await m.save());
        const [theirs, ours] = [await message(worker), (await m.predict(x)).data];
        console.log(Buffer.compare(Buffer.from(theirs.buffer), Buffer.from(ours.buffer)));
      })();`,
      '0\n',
    );
  });
});
