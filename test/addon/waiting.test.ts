// The environment in which the addon, and libgomp with it, is loaded.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withSleepingThreads } from '../../lib/addon/waiting.js';

const NAMES = ['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'] as const;
const before = NAMES.map((name) => process.env[name]);

function restore(values: readonly (string | undefined)[]) {
  for (const [i, name] of NAMES.entries()) {
    if (values[i] === undefined) delete process.env[name];
    else process.env[name] = values[i];
  }
}
const seen = () => NAMES.map((name) => process.env[name]);

describe('the environment while the addon is loaded', () => {
  beforeEach(() => restore([undefined, undefined]));
  afterEach(() => restore(before));

  it('lets threads sleep soon, and is as before afterwards', () => {
    expect(withSleepingThreads(seen)).toEqual([undefined, '10000']);
    expect(seen()).toEqual([undefined, undefined]);
  });

  it('is as before where loading fails', () => {
    const fail = () => {
      throw new Error('mine');
    };
    expect(() => withSleepingThreads(fail)).toThrow('mine');
    expect(seen()).toEqual([undefined, undefined]);
  });

  it('stays as the user set it', () => {
    for (const own of [
      ['active', undefined],
      [undefined, '7'],
      [undefined, ''],
    ]) {
      restore(own);
      expect(withSleepingThreads(seen)).toEqual(own);
      expect(seen()).toEqual(own);
    }
  });
});
