// No golden case is left out: every folder has a test file, and every test file takes whole folders.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONSUMERS, type Consumer, casesIn, goldenFolders } from '../support/golden.js';

const CONSUMER_NAMES = Object.keys(CONSUMERS) as Consumer[];

describe('golden data', () => {
  it('belongs to a test file, folder by folder', () => {
    const taken = Object.values(CONSUMERS).flat();
    expect(taken.toSorted()).toEqual(goldenFolders().toSorted());
  });

  it.each(goldenFolders())('%s holds cases', (folder) => {
    expect(casesIn(folder).length).toBeGreaterThan(0);
  });

  it.each(CONSUMER_NAMES)('test/%s.golden.test.ts runs what belongs to it', (consumer) => {
    const path = join(__dirname, '..', `${consumer}.golden.test.ts`);
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain(`goldenCases('${consumer}')`);
  });
});
