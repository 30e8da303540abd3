// Driver processes, with the driver that is always here.
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { sample, stepsFirst, transposed, values } from '../../bench/drivers/data.mjs';
// @ts-expect-error: plain JavaScript
import { start } from '../../bench/drivers.mjs';
// @ts-expect-error: plain JavaScript
import { measureInRounds } from '../../bench/rounds.mjs';
import { runNode } from '../scripts/support.js';

const sizes = { batch: 2, steps: 3, features: 4, units: 5, threads: 1 };

describe('the data of the cases', () => {
  it('is the same everywhere and every time', () => {
    // The same formula stands in bench/native/data.h and in bench/drivers/protocol.py.
    expect(Array.from(values(3, 1))).toEqual([
      -0.9844697713851929, 0.24463915824890137, -0.94045090675354,
    ]);
    expect(values(1000, 2, 0.5).every((value: number) => Math.abs(value) <= 0.5)).toBe(true);
    expect(values(4, 1)).not.toEqual(values(4, 2));
  });

  it('changes its layout and back', () => {
    const data = Float32Array.from({ length: 12 }, (_, i) => i);
    expect(Array.from(transposed(data.subarray(0, 6), 2, 3))).toEqual([0, 3, 1, 4, 2, 5]);
    const turned = stepsFirst(data, 2, 3); // [2,3,2] as [3,2,2]
    expect(Array.from(turned)).toEqual([0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
    expect(stepsFirst(turned, 3, 2)).toEqual(data);
  });

  it('is sampled from the first value to the last', () => {
    const picked = sample(Float32Array.from({ length: 1000 }, (_, i) => i));
    expect([picked.length, picked[0], picked[63]]).toEqual([64, 0, 999]);
  });
});

describe('a driver', () => {
  it('computes a case and says how long it takes', async () => {
    const driver = await start('sluice', { kind: 'training', state: 1, ...sizes });
    expect(await driver.run(3)).toBeGreaterThan(0);
    const results = await driver.check();
    expect(Object.keys(results).sort()).toEqual(
      ['dBias', 'dInitialState', 'dKernel', 'dRecurrentKernel', 'dx', 'y'].sort(),
    );
    expect(driver.peakMiB()).toBeGreaterThan(10);
    driver.stop();
  });

  it('streams one step as it predicts it', async () => {
    const one = { kind: 'inference', ...sizes, batch: 1, steps: 1, state: 1 };
    const [stream, trained] = await Promise.all([
      start('sluice', one),
      start('sluice', { ...one, kind: 'training' }),
    ]);
    expect((await stream.check()).y).toEqual((await trained.check()).y);
    stream.stop();
    trained.stop();
  });

  it('is left out with its reason when it ends early, and others go on', async () => {
    const entry = (more: object) => ({
      driver: 'sluice',
      case: { kind: 'inference', state: 0, ...sizes, ...more },
    });
    const settings = { rounds: 2, roundMs: 5 };
    const [bad, good] = await measureInRounds([entry({ units: 0 }), entry({})], settings);
    expect(bad.failed).toMatch(/units/);
    expect(good.failed).toBeUndefined();
    expect(good.ms).toHaveLength(2);
  });
});

describe('npm run bench', () => {
  it('names what it does not know and how it is used', () => {
    const { status, lines } = runNode(['bench/run.mjs', 'kernel']);
    expect(status).toBe(2);
    expect(lines[0]).toBe('unknown measurement: kernel');
    expect(runNode(['bench/run.mjs', '--rounds', '0']).lines[0]).toMatch(/^--rounds: expected/);
    expect(runNode(['bench/run.mjs', '--help']).status).toBe(0);
  });
});
