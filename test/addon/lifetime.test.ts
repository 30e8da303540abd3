// The three lifetimes: process, environment, object. All in processes of their own, as what would go
// wrong takes the process with it.
import { describe, expect, it } from 'vitest';
import { PRELUDE, runNode } from './support.js';

/** For scripts that start workers which have the prelude as well. */
const WORKERS = `
const { Worker } = require('node:worker_threads');
const PRELUDE = ${JSON.stringify(PRELUDE)};
const start = (script) => new Worker(PRELUDE + script, { eval: true });
const exit = (worker) => new Promise((resolve, reject) =>
  worker.once('exit', resolve).once('error', reject));
const message = (worker) => new Promise((resolve) => worker.once('message', resolve));
`;

function expectOutput(script: string, expected: string, argv: string[] = []): void {
  const ended = { status: 0, signal: null, stdout: expected, stderr: '' };
  expect(runNode(PRELUDE + script, argv)).toEqual(ended);
}

/** Without an error message and without a signal. */
function expectExit(script: string, status: number): void {
  expect(runNode(PRELUDE + script)).toEqual({ status, signal: null, stdout: '', stderr: '' });
}

describe('the event loop', () => {
  it('stays alive as long as a promise is pending', () => {
    expectOutput(`startSlow('predict').then(() => console.log('settled'));`, 'settled\n');
  });

  it('is not kept alive by the addon, its objects, or a run that has settled', () => {
    expectOutput(
      `const session = new addon.Session(new addon.Model(SMALL, 1));
      process.on('exit', () => console.log('over', session.stateSize));`,
      'over 4\n',
    );
    expectOutput(
      `startSlow('predict').then(() => startSlow('predict')).then(() => console.log('settled'));`,
      'settled\n',
    );
  });

  it('is free while a run is under way', () => {
    expectOutput(
      `let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      startSlow().then(() => { clearInterval(timer); console.log(ticks > 5); });`,
      'true\n',
    );
  });

  it('unhandled rejections name their code', () => {
    const { status, stderr } = runNode(`${PRELUDE}
      const model = new addon.Model(SMALL, 1);
      model.run('train', {}, OPTIONS);`);
    expect(status).toBe(1);
    expect(stderr).toContain('INVALID_ARGUMENT');
  });
});

describe('the process may end in mid-run', () => {
  const running = `startSlow(); startSlow('predict'); startSlow('gradients').catch(() => {});`;

  it('by process.exit', () => {
    for (const delay of [0, 20, 60]) {
      expectExit(`${running} setTimeout(() => process.exit(7), ${delay});`, 7);
    }
    expectExit(`${running} process.exit(7);`, 7);
  });

  it('by an uncaught throw', () => {
    const { status, signal, stderr } = runNode(
      `${PRELUDE} ${running} setTimeout(() => { throw new Error('mine'); }, 30);`,
    );
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toContain('Error: mine');
    expect(stderr).not.toContain('Native stack trace');
  });

  it('soon, however much waits', () => {
    const script = `
      const runs = Array.from({ length: 30 }, () => startSlow('train'));
      setTimeout(() => process.exit(7), 10);`;
    const started = performance.now();
    expectOutput(`startSlow();`, '');
    const one = performance.now() - started;
    expectExit(script, 7);
    expect(performance.now() - started - one).toBeLessThan(5 * one);
  });

  it('with workers in mid-run', () => {
    const inWorker = `startSlow(); require('worker_threads').parentPort.postMessage(1);`;
    expectExit(
      `${WORKERS}
      const workers = [1, 2].map(() => start(${JSON.stringify(inWorker)}));
      startSlow();
      Promise.all(workers.map(message)).then(() => process.exit(7));`,
      7,
    );
  });
});

describe('workers', () => {
  it('load the addon several times, side by side and one after the other', () => {
    expectOutput(
      `${WORKERS}
      (async () => {
        for (let round = 0; round < 3; round++) {
          const workers = [1, 2, 3].map(() => start("startSlow('predict').then(() => " +
            "require('worker_threads').parentPort.postMessage('done'))"));
          const codes = workers.map(exit);
          console.log(...await Promise.all(workers.map(message)), ...await Promise.all(codes));
        }
      })();`,
      'done done done 0 0 0\n'.repeat(3),
    );
  });

  it('may be the only ones that load it, and come back', () => {
    const inWorker = `startSlow('predict').then(() => console.log('done'));`;
    const result = runNode(`${WORKERS}
      exit(start(${JSON.stringify(inWorker)}))
        .then(() => exit(start(${JSON.stringify(inWorker)})))
        .then(() => setTimeout(() => console.log('main goes on'), 50));`);
    const stdout = 'done\ndone\nmain goes on\n';
    expect(result).toEqual({ status: 0, signal: null, stdout, stderr: '' });
  });

  it('may be terminated in mid-run, while the main thread goes on', () => {
    expectOutput(
      `${WORKERS}
      (async () => {
        const mine = startSlow('predict');
        for (let round = 0; round < 4; round++) {
          const worker = start("startSlow(); startSlow('predict'); require('worker_threads').parentPort.postMessage(1)");
          await message(worker);
          await new Promise((resolve) => setTimeout(resolve, 10 * round));
          console.log(await worker.terminate());
        }
        await mine;
        await startSlow('predict');
        console.log('main goes on');
      })();`,
      `${'1\n'.repeat(4)}main goes on\n`,
    );
  });

  it('may be terminated inside a getter that the addon calls', () => {
    const forever = `() { require('worker_threads').parentPort.postMessage(1); for (;;); }`;
    const calls = [
      `new addon.Model({ get nodes${forever}, outputs: [] }, 1)`,
      `new addon.Batch(new addon.Model(SMALL, 1), 1, [{ get role${forever}, index: 0, shape: [],
        dtype: 'bool' }])`,
      `new addon.Model(SMALL, 1).run('predict', null, { ...OPTIONS, get seed${forever} })`,
    ];
    expectOutput(
      `${WORKERS}
      (async () => {
        for (const call of ${JSON.stringify(calls)}) {
          const worker = start(call);
          await message(worker);
          console.log(await worker.terminate());
        }
      })();`,
      '1\n1\n1\n',
    );
  });

  it('survive being stopped by a timeout of vm inside a getter that the addon calls', () => {
    const forever = '() { for (;;); }';
    const calls = [
      `new addon.Model({ get nodes${forever}, outputs: [] }, 1)`,
      `new addon.Model(new Proxy({}, { ownKeys${forever} }), 1)`,
      `new addon.Batch(new addon.Model(SMALL, 1), 1, Object.defineProperty([0], 0, { get${forever} }))`,
      `new addon.Model(SMALL, 1).run('predict', null, { ...OPTIONS, get seed${forever} })`,
      `new addon.Model(SMALL, 1).run('predict', null, { ...OPTIONS, cancel: 1 }).catch((error) =>
        console.log(error.code))`,
    ];
    expectOutput(
      `Object.assign(globalThis, { addon, SMALL, OPTIONS });
      for (const call of ${JSON.stringify(calls)}) {
        try {
          require('node:vm').runInThisContext(call, { timeout: 20 });
        } catch (error) {
          console.log(error.code);
        }
      }`,
      `${'ERR_SCRIPT_EXECUTION_TIMEOUT\n'.repeat(4)}INVALID_ARGUMENT\n`,
    );
  });

  it('may leave by process.exit and by an uncaught throw in mid-run', () => {
    expectOutput(
      `${WORKERS}
      (async () => {
        const leaving = start("startSlow(); setTimeout(() => process.exit(3), 10)");
        console.log(await exit(leaving));
        const throwing = start("startSlow(); setTimeout(() => { throw new Error('mine') }, 10)");
        await exit(throwing).catch((error) => console.log(error.message));
        await startSlow('predict');
        console.log('main goes on');
      })();`,
      '3\nmine\nmain goes on\n',
    );
  });
});

describe('objects', () => {
  it('are freed by the garbage collector, which knows their weight', () => {
    expectOutput(
      `const model = new addon.Model(SMALL, 1);
      let peak = 0;
      (async () => {
        // 7 GB in all, behind objects that are small to the collector's own eyes.
        for (let i = 0; i < 600; i++) {
          new addon.Batch(model, 1000, [slot('input', [1000, 3])]);
          await new Promise(setImmediate);
          peak = Math.max(peak, process.memoryUsage.rss());
        }
        console.log(peak < 2e9);
      })();`,
      'true\n',
    );
  });

  it('of every kind may be collected at any time', () => {
    expectOutput(
      `(async () => {
        for (let i = 0; i < 200; i++) {
          const model = new addon.Model(SMALL, 1);
          new addon.Session(model).pushOne(new Float32Array(3), new Float32Array(2));
          const batch = new addon.Batch(model, 1, [slot('input', [2, 3])]);
          const cancel = new addon.CancelToken();
          const run = model.run('predict', batch, { ...OPTIONS, cancel });
          if (i % 2) model.dispose();
          if (i % 3 === 0) cancel.cancel();
          gc();
          await run.catch(() => {});
        }
        console.log('done');
      })();`,
      'done\n',
      ['--expose-gc'],
    );
  });
});
