// Each case once, with the Node that runs the tests. npm run check:lifecycle runs them more often, on
// every Node version and with AddressSanitizer.
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { runCase } from '../support/child.mjs';
// @ts-expect-error: plain JavaScript
import { groups } from './cases/index.mjs';

interface Case {
  name: string;
}

for (const [group, cases] of Object.entries<Case[]>(groups)) {
  describe(group, () => {
    it.each(cases)('$name', async (one) => {
      expect(await runCase(one)).toEqual({ verdict: 'ok', report: '' });
    });
  });
}
