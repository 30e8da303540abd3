// The garbage collector: what is in use stays, what is not goes.
import { describe, it } from 'vitest';
import { expectOutput } from '../support/process.js';

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

describe('the garbage collector', () => {
  it('leaves models alone whose calls are under way, though nobody else holds them', () => {
    expectOutput(
      `(async () => {
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
      '3 true true\n',
      GC,
    );
  });

  it('leaves data alone that a call reads, though nobody else holds it', () => {
    // Above 1 MiB data is not copied at the call.
    expectOutput(
      `(async () => {
        const m = build();
        const rows = 2000;
        const make = () => tensor(noise(rows * 40 * 4), [rows, 40, 4]);
        const expected = await m.predict(make());
        const collect = setInterval(() => { gc(); new Float32Array(rows * 160).fill(7); }, 1);
        const [found] = await Promise.all([m.predict(make()), m.predict(make(), { batchSize: 64 })]);
        clearInterval(collect);
        console.log(Buffer.compare(Buffer.from(found.data.buffer), Buffer.from(expected.data.buffer)));
      })();`,
      '0\n',
      GC,
    );
  });

  it('leaves a model alone that a session steps', () => {
    expectOutput(
      `const session = build().stream(), again = build().stream();
      const step = new Float32Array([1, 2, 3, 4]);
      let same = true;
      for (let i = 0; i < 50; i++) {
        gc();
        same &&= session.push(step)[0] === again.push(step)[0];
      }
      console.log(same);`,
      'true\n',
      GC,
    );
  });

  it('takes models when their calls are over, however these ended', () => {
    expectOutput(
      `${REGISTRY}
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
      'true\n',
      GC,
    );
  });

  it('keeps up with models that are made and trained and not disposed', () => {
    expectOutput(
      `(async () => {
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
      'true\n',
    );
  });
});
