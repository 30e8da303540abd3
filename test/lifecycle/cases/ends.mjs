// A process ends when and how its program says, whatever the library is doing.

/** @type {import('./index.mjs').Case[]} */
const byItself = [
  { name: 'after an import, and after a model was made', script: `build(); build().stream();` },
  {
    name: 'when fit is done, and not before',
    script: `build().fit(x, y, FIT).then((history) => console.log(history.epoch));`,
    stdout: '[ 0, 1, 2 ]\n',
  },
  {
    name: 'after all kinds of calls, with a signal that is never aborted',
    script: `(async () => {
      const m = build(), { signal } = new AbortController();
      await m.fit(x, y, { ...FIT, signal, validationSplit: 0.25 });
      await m.evaluate(x, y, { signal });
      await m.predict(x, { signal, batchSize: 7 });
      await m.vjp(x, y, { signal });
      await m.gradients(x, y, { loss: 'mae' });
      const again = await load(await m.save());
      again.stream().push(new Float32Array(4));
      await again.predict(x);
      console.log(bits(m) === bits(again));
    })();`,
    stdout: 'true\n',
  },
  {
    name: 'with lines of progress, which go to stderr',
    script: `build().fit(x, y, { ...FIT, verbose: 2 });`,
    stderr: /^\s*\S[^\n]*\n[^\n]+\n[^\n]+\n\s*$/,
  },
  {
    name: 'with a bar of progress, which goes to stderr',
    script: `build().fit(x, y, { ...FIT, verbose: 1 });`,
    stderr: /^/,
  },
];

const BUSY = `const { m, started } = startFit(); const p = m.predict(x, { batchSize: 1 });`;
const MINE = /^(?![\s\S]*Native stack trace)[\s\S]*Error: mine/;

/** @type {import('./index.mjs').Case[]} */
const inMidFit = [
  { name: 'by process.exit at once', script: `${BUSY} process.exit(7);`, status: 7 },
  {
    name: 'by process.exit after a step',
    script: `${BUSY} started.then(() => process.exit(7));`,
    status: 7,
  },
  {
    name: 'by process.exit from a timer',
    script: `${BUSY} setTimeout(() => process.exit(7), 30);`,
    status: 7,
  },
  {
    name: 'by process.exit in a callback',
    script: `startFit(build(), { callbacks: [{ onBatchEnd: () => process.exit(7) }] });`,
    status: 7,
  },
  {
    name: 'by process.exit while a model is saved',
    script: `const { m, started } = startFit();
      started.then(() => { m.save(); m.save('/dev/null/none').catch(() => {}); process.exit(7); });`,
    status: 7,
  },
  {
    name: 'by process.exit, with calls that only its listeners make',
    script: `const { m, started } = startFit();
      process.on('exit', () => { m.predict(x); build().fit(x, y); m.dispose(); console.log('bye'); });
      started.then(() => process.exit(7));`,
    status: 7,
    stdout: 'bye\n',
  },
  {
    name: 'by process.exit while many models work',
    script: `const all = Array.from({ length: 6 }, () => startFit());
      for (const { m } of all) for (let i = 0; i < 4; i++) m.predict(x, { batchSize: 1 });
      Promise.all(all.map(({ started }) => started)).then(() => process.exit(7));`,
    status: 7,
  },
  {
    name: 'by process.exit in large matrix products',
    // What takes libraries down at the end of a process meets work that goes on for long.
    script: `
      const wide = (units) => {
        const recurrentInitializer = 'glorotUniform';
        const m = sequential([layers.gru({ units, recurrentInitializer }), layers.dense({ units: 1 })],
          { inputShape: [null, 128], seed: 3 });
        m.compile({ optimizer: 'sgd', loss: 'mse' });
        return m;
      };
      const rows = tensor(noise(64 * 20 * 128), [64, 20, 128]);
      const epochs = 1e6;
      const started = new Promise((resolve) => {
        wide(384).fit(rows, y, { epochs, batchSize: 64, callbacks: [{ onBatchEnd: resolve }] });
      });
      wide(256).fit(rows, y, { epochs, batchSize: 64 });
      started.then(() => setTimeout(() => process.exit(7), 20));`,
    status: 7,
  },
  {
    name: 'by an uncaught exception after a step',
    script: `startFit().started.then(() => setTimeout(() => { throw new Error('mine'); }));`,
    status: 1,
    stderr: MINE,
  },
  {
    name: 'by an uncaught exception at once',
    script: `startFit(); throw new Error('mine');`,
    status: 1,
    stderr: MINE,
  },
  {
    name: 'by a rejection that nobody handles',
    script: `startFit().started.then(() => { Promise.reject(new Error('mine')); });`,
    status: 1,
    stderr: MINE,
  },
  {
    name: 'by the rejection of fit itself, which nobody handles',
    script: `build().fit(x, y, { callbacks: [{ onBatchEnd() { throw new Error('mine'); } }] });`,
    status: 1,
    stderr: MINE,
  },
  {
    name: 'but goes on after an exception that is caught',
    script: `process.on('uncaughtException', (error) => console.log(error.message));
      setTimeout(() => { throw new Error('mine'); }, 5);
      build().fit(x, y, { ...FIT, epochs: 20 }).then(({ epoch }) => console.log(epoch.length));`,
    stdout: 'mine\n20\n',
  },
];

export const ends = { byItself, inMidFit };
