// A session of a pool is a session of its own, whoever is stepped beside it.
import fc from 'fast-check';
import { layers, sequential } from 'sluice';
import { describe, expect, it } from 'vitest';
import { noise, range } from '../support/numbers.js';
import { forAll } from '../support/properties.js';

const cases = fc.record({
  seed: fc.nat(),
  features: fc.integer({ min: 1, max: 20 }),
  units: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
  resetAfter: fc.boolean(),
  dense: fc.boolean(),
  weights: fc.constantFrom('float32', 'float16', 'bfloat16', 'int8'),
  capacity: fc.integer({ min: 1, max: 150 }),
  steps: fc.integer({ min: 1, max: 8 }),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function build({ seed, features, units, resetAfter, dense }: Case) {
  const recurrent = units.map((size, i) =>
    layers.gru({ units: size, resetAfter, returnSequences: i + 1 < units.length }),
  );
  const list = dense ? [...recurrent, layers.dense({ units: 3 })] : recurrent;
  return sequential(list, { inputShape: [null, features], seed });
}

/** Some numbers below `count` in some order, none twice. */
function someOf(count: number, seed: number): number[] {
  const random = noise(count, seed);
  return range(count)
    .filter((i) => (random[i] as number) > -0.4)
    .sort((a, b) => (random[a] as number) - (random[b] as number));
}

describe('pool.step', () => {
  it('gives the bits of session.push, for any sessions in any order', async () => {
    await forAll(cases, 100, async (one) => {
      using built = build(one);
      const { capacity, features, weights, steps, seed } = one;
      using pool = built.sessions({ capacity, weights });
      const alone = range(capacity).map(() => built.stream({ weights }));
      const slots = alone.map(() => pool.open());
      for (const t of range(steps)) {
        const chosen = someOf(capacity, seed + t);
        const xs = noise(chosen.length * features, seed + 100 + t);
        const got = pool.step(
          Int32Array.from(chosen, (i) => slots[i] as number),
          xs,
        );
        const width = got.length / chosen.length;
        for (const [row, i] of chosen.entries()) {
          const want = alone[i]?.push(xs.subarray(row * features, (row + 1) * features));
          expect(got.subarray(row * width, (row + 1) * width)).toEqual(want);
        }
        // Now and then one ends, and another one begins in its place.
        const last = chosen.at(-1);
        if (t % 3 === 2 && last !== undefined) {
          pool.close(slots[last] as number);
          alone[last]?.reset();
          slots[last] = pool.open();
        }
      }
      for (const [i, session] of alone.entries()) {
        expect(pool.snapshot(slots[i] as number)).toEqual(session.snapshot());
        session.dispose();
      }
    });
  });
});
