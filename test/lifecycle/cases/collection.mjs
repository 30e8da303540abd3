// The garbage collector: what is in use stays, what is not goes.
import { CHILDREN } from '../../support/prelude.mjs';

const GC = ['--expose-gc'];

/** Collects until all that was registered is gone, for a while. */
const REGISTRY = `
let gone = 0;
const registry = new FinalizationRegistry(() => gone++);
const collected = async (count) => {
  for (let i = 0; i < 200 && gone < count; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return gone;
};
`;

/** @type {import('./index.mjs').Case[]} */
export const collection = [
  {
    name: 'leaves models alone whose calls are under way, though nobody else holds them',
    flags: GC,
    script: `(async () => {
      const alone = build();
      const before = await alone.predict(x);
      await alone.fit(x, y, FIT);
      const collect = setInterval(gc, 1);
      const fresh = () => build();
      const end = { onTrainEnd: (logs, model) => { last = model.getWeights(); } };
      let last;
      const [fit, predicted] = await Promise.all([
        fresh().fit(x, y, { ...FIT, callbacks: [end] }),
        fresh().predict(x, { batchSize: 1 }),
        fresh().evaluate(x, y, { batchSize: 1 }),
        fresh().vjp(x, y),
        fresh().gradients(x, y, { loss: 'mae' }),
        fresh().save(),
      ]);
      clearInterval(collect);
      const same = (a, b) => Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;
      const trained = alone.getWeights();
      console.log(fit.epoch.length, same(predicted.data, before.data),
        Object.entries(last).every(([name, data]) => same(data, trained[name].data)));
    })();`,
    stdout: '3 true true\n',
  },
  {
    name: 'leaves data alone that a call reads, though nobody else holds it',
    // Above 1 MiB data is not copied at the call.
    flags: GC,
    script: `(async () => {
      const m = build();
      const rows = 2000;
      const make = () => tensor(noise(rows * 40 * 4), [rows, 40, 4]);
      const expected = await m.predict(make());
      const collect = setInterval(() => { gc(); new Float32Array(rows * 160).fill(7); }, 1);
      const [found] = await Promise.all([m.predict(make()), m.predict(make(), { batchSize: 64 })]);
      clearInterval(collect);
      console.log(Buffer.compare(Buffer.from(found.data.buffer), Buffer.from(expected.data.buffer)));
    })();`,
    stdout: '0\n',
  },
  {
    name: 'leaves a model alone that a session steps',
    flags: GC,
    script: `const session = build().stream(), again = build().stream();
    const step = new Float32Array([1, 2, 3, 4]);
    let same = true;
    for (let i = 0; i < 50; i++) {
      gc();
      same &&= session.push(step)[0] === again.push(step)[0];
    }
    console.log(same);`,
    stdout: 'true\n',
  },
  {
    name: 'takes models when their calls are over, however these ended',
    flags: GC,
    script: `${REGISTRY}
      // It outlives them all, and must not hold those that listened to it.
      const { signal } = new AbortController();
      const calls = [
        (m) => m.fit(x, y, { ...FIT, signal }),
        (m) => m.predict(x, { signal }),
        (m) => m.evaluate(x, y, { signal, batchSize: 5 }),
        (m) => m.fit(x, y, { signal: AbortSignal.timeout(10), epochs: 1e6 }),
        (m) => m.fit(x, y, { callbacks: [{ onBatchEnd() { throw new Error('mine'); } }] }),
        (m) => m.predict(tensor([1])),
        (m) => { const p = m.fit(x, y, FIT); m.dispose(); return p; },
        async (m) => { m.stream().push(new Float32Array(4)); await load(await m.save()); },
      ];
      (async () => {
        for (const call of calls) {
          await (async () => {
            const m = build();
            registry.register(m, null);
            await call(m).catch(() => {});
          })();
        }
        console.log(await collected(calls.length) === calls.length);
      })();`,
    stdout: 'true\n',
  },
  {
    name: 'keeps up with models that are made and trained and not disposed',
    script: `(async () => {
      const recurrentInitializer = 'glorotUniform';
      const make = () => {
        const gru = layers.gru({ units: 400, recurrentInitializer });
        const m = sequential([gru, layers.dense({ units: 1 })], { inputShape: [null, 4] });
        m.compile({ optimizer: 'adam', loss: 'mse' });
        return m;
      };
      const few = tensor(noise(16), [2, 2, 4]), answers = tensor(noise(2), [2, 1]);
      let peak = 0;
      // Some 10 MB each: 1.2 GB in all.
      for (let i = 0; i < 120; i++) {
        await make().trainOnBatch(few, answers);
        peak = Math.max(peak, process.memoryUsage.rss());
      }
      console.log(peak < 7e8);
    })();`,
    stdout: 'true\n',
  },
  {
    name: 'finds as much memory outside of the heap after many calls as after a few',
    flags: GC,
    script: `(async () => {
      const m = build(), session = m.stream(), step = new Float32Array(4), out = new Float32Array(1);
      const held = async (call, times) => {
        for (let i = 0; i < times; i++) await call();
        gc();
        await new Promise(setImmediate);
        gc();
        return process.memoryUsage().external;
      };
      // A leak of one output a call would be 77 KB, of anything else more.
      for (const call of [() => m.predict(x), () => m.trainOnBatch(x, y), () => session.push(step, out)]) {
        const few = await held(call, 20);
        console.log(Math.abs((await held(call, 300)) - few) < 20_000);
      }
    })();`,
    stdout: 'true\ntrue\ntrue\n',
  },
  {
    name: 'has little room, and a model still trains to the same bits',
    flags: [...GC, '--max-old-space-size=48', '--max-semi-space-size=1'],
    script: `(async () => {
      const alone = build(), m = build();
      await alone.fit(x, y, { ...FIT, epochs: 10 });
      let garbage = [];
      const waste = setInterval(() => {
        for (let i = 0; i < 2000; i++) garbage.push({ i, text: 'x' + i });
        if (garbage.length > 60_000) garbage = [];
        gc({ type: 'minor' });
      }, 1);
      const onBatchEnd = () => { gc({ type: 'minor' }); };
      let answers;
      const predict = async () => {
        for (let i = 0; i < 30; i++) answers = await build().predict(x, { batchSize: 16 });
      };
      await Promise.all([m.fit(x, y, { ...FIT, epochs: 10, callbacks: [{ onBatchEnd }] }), predict()]);
      clearInterval(waste);
      console.log(bits(m) === bits(alone), answers.shape);
    })();`,
    stdout: 'true [ 64, 1 ]\n',
  },
  {
    name: 'has no room left in a worker that fits; the main thread goes on',
    script: `${CHILDREN}
      const script = 'const { started } = startFit();' +
        'const all = [], waste = () => { for (let i = 0; i < 1000; i++) all.push(new Array(100).fill({})); };' +
        'started.then(() => setInterval(waste));';
      (async () => {
        const alone = build(), m = build();
        await alone.fit(x, y, FIT);
        const resourceLimits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 2 };
        for (let round = 0; round < 2; round++) {
          const [fit] = await Promise.all([
            build().fit(x, y, FIT),
            exit(start(script, { resourceLimits })).catch((error) => console.log(error.code)),
          ]);
          console.log(fit.epoch.length);
        }
        await m.fit(x, y, FIT);
        console.log(bits(m) === bits(alone));
      })();`,
    stdout: 'ERR_WORKER_OUT_OF_MEMORY\n3\nERR_WORKER_OUT_OF_MEMORY\n3\ntrue\n',
  },
];
