// Everything that reads weights holds those it started with: a whole step of training, never a part.
import { setImmediate } from 'node:timers/promises';
import { type Model, tensor } from 'sluice';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  answers,
  bitsOf,
  busyModel,
  FIT,
  type Look,
  looks,
  probe,
  UPDATES,
  x,
  y,
} from '../support/busyModel.js';

/** What each look sees of a model with the weights of each step, from before the first to the last. */
async function seenAlone(): Promise<Record<Look, string[]>> {
  using m = busyModel();
  const steps = [m.getWeights()];
  const keep = () => void steps.push(m.getWeights());
  await m.fit(x, y, { ...FIT, callbacks: [{ onBatchEnd: keep }] });
  const seen = Object.fromEntries(
    Object.keys(looks).map((name) => [name, []]),
  ) as unknown as Record<Look, string[]>;
  using other = busyModel();
  for (const weights of steps) {
    other.setWeights(weights);
    for (const name of Object.keys(looks) as Look[]) seen[name].push(await looks[name](other));
  }
  return seen;
}

describe('beside fit, a whole step is seen by', () => {
  let known: Record<Look, string[]>;
  beforeAll(async () => {
    known = await seenAlone();
  });

  it.each(Object.keys(looks) as Look[])('%s', async (name) => {
    expect(new Set(known[name]).size).toBe(UPDATES + 1);
    using m = busyModel();
    let isOver = false;
    const fit = m.fit(x, y, FIT).finally(() => {
      isOver = true;
    });
    const seen: number[] = [];
    while (!isOver) {
      seen.push(known[name].indexOf(await looks[name](m)));
      await setImmediate();
    }
    await fit;
    seen.push(known[name].indexOf(await looks[name](m)));
    expect(seen).not.toContain(-1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(UPDATES);
    // Else nothing was looked at while training went on.
    expect(new Set(seen).size).toBeGreaterThan(3);
  });
});

describe('weights that are set while a call goes on', () => {
  const zeros = (m: Model) => {
    const entries = Object.entries(m.getWeights()).map(([name, { data, shape }]) => [
      name,
      tensor(new Float32Array(data.length), shape),
    ]);
    return Object.fromEntries(entries);
  };

  it.each([1, 2, 96])('are not those of predict with batchSize %i', async (batchSize) => {
    using m = busyModel();
    const before = bitsOf((await m.predict(x, { batchSize })).data);
    const first = m.predict(x, { batchSize });
    const second = m.predict(x, { batchSize });
    // At once for the one, in the middle of the other.
    await m.predict(probe);
    m.setWeights(zeros(m));
    expect([bitsOf((await first).data), bitsOf((await second).data)]).toEqual([before, before]);
    expect((await m.predict(x)).data.every((value) => value === 0)).toBe(true);
  });

  it('are not those of predict, although it had not begun to run', async () => {
    using m = busyModel();
    const before = bitsOf((await m.predict(x)).data);
    const predicted = m.predict(x);
    m.setWeights(zeros(m));
    expect(bitsOf((await predicted).data)).toBe(before);
  });

  it('are not those of evaluate', async () => {
    using m = busyModel();
    const before = await m.evaluate(x, y, { batchSize: 4 });
    const evaluated = m.evaluate(x, y, { batchSize: 4 });
    await m.predict(probe);
    m.setWeights(zeros(m));
    expect(await evaluated).toEqual(before);
    expect(await m.evaluate(probe, answers)).not.toEqual(before);
  });
});
