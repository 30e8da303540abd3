// Calls that are ended early: whatever becomes of them, each settles once and the process ends by itself.

const CALLS = `
const calls = {
  fit: (m, options) => m.fit(x, y, { epochs: 1e6, batchSize: 4, ...options }),
  predict: (m, options) => m.predict(x, { batchSize: 1, ...options }),
  evaluate: (m, options) => m.evaluate(x, y, { batchSize: 1, ...options }),
  vjp: (m, options) => m.vjp(x, y, options),
  gradients: (m, options) => m.gradients(x, y, { loss: 'mae', ...options }),
};
const turns = async (count) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};
`;

/** @type {import('./index.mjs').Case[]} */
export const early = [
  {
    name: 'abort in mid-epoch leaves a model that goes on to the same bits as its copy',
    script: `(async () => {
      const controller = new AbortController();
      const m = build();
      const onBatchEnd = (batch) => { if (batch === 5) setImmediate(() => controller.abort()); };
      console.log(await outcome(
        m.fit(x, y, { ...FIT, epochs: 1e6, signal: controller.signal, callbacks: [{ onBatchEnd }] })));
      const copy = await load(await m.save());
      copy.compile({ optimizer: 'adam', loss: 'mse' });
      m.compile({ optimizer: 'adam', loss: 'mse' });
      await Promise.all([m.fit(x, y, FIT), copy.fit(x, y, FIT)]);
      console.log(bits(m) === bits(copy));
    })();`,
    stdout: 'ABORTED\ntrue\n',
  },
  {
    name: 'abort ends calls of all kinds, sooner or later in their course',
    script: `${CALLS}(async () => {
      const m = build(), endings = new Set();
      for (const call of Object.values(calls)) {
        for (let count = 0; count < 6; count++) {
          const controller = new AbortController();
          const running = call(m, { signal: controller.signal });
          await turns(count);
          controller.abort();
          endings.add(await outcome(running));
        }
      }
      endings.delete('done');
      console.log(...endings, (await m.fit(x, y, FIT)).epoch.length);
    })();`,
    stdout: 'ABORTED 3\n',
  },
  {
    name: 'abort of many models at once, and exit before anything has settled',
    script: `
      const controller = new AbortController(), { signal } = controller;
      const all = Array.from({ length: 8 }, () => startFit(build(), { signal }));
      Promise.all(all.map(({ started }) => started)).then(() => {
        controller.abort();
        process.exit(7);
      });`,
    status: 7,
  },
  {
    name: 'a timeout aborts, and does not hold the process',
    script: `
      outcome(startFit(build(), { signal: AbortSignal.timeout(20) }).ended).then(console.log);
      build().predict(x, { signal: AbortSignal.timeout(1e8) });`,
    stdout: 'ABORTED\n',
  },
  {
    name: 'dispose in flight settles calls of all kinds',
    script: `${CALLS}(async () => {
      const endings = new Set();
      for (const call of Object.values(calls)) {
        for (let count = 0; count < 6; count++) {
          const m = build(), session = m.stream();
          const running = call(m), saved = m.save();
          await turns(count);
          m.dispose();
          session.push(new Float32Array(4));
          endings.add(await outcome(running));
          await outcome(saved);
        }
      }
      endings.delete('done');
      console.log(...endings);
    })();`,
    stdout: 'DISPOSED\n',
  },
  {
    name: 'dispose in flight, and exit at once',
    script: `const { m, started } = startFit(); m.predict(x, { batchSize: 1 });
      started.then(() => { m.dispose(); process.exit(7); });`,
    status: 7,
  },
  {
    name: 'dispose, abort and the collector at once',
    flags: ['--expose-gc'],
    script: `${CALLS}(async () => {
      const collect = setInterval(gc, 1);
      const allowed = new Set(['done', 'ABORTED', 'DISPOSED']);
      for (let round = 0; round < 10; round++) {
        const controller = new AbortController();
        const running = Object.values(calls).map((call) => {
          const m = build();
          const one = outcome(call(m, { signal: controller.signal }));
          if (round % 2) setImmediate(() => m.dispose());
          return one;
        });
        await turns(round);
        controller.abort();
        for (const ending of await Promise.all(running)) if (!allowed.has(ending)) console.log(ending);
      }
      clearInterval(collect);
    })();`,
  },
];
