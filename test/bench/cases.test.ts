import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { flopOf, kernels, scaling, shapeOf, trainStep } from '../../bench/cases.mjs';

interface Case {
  kind: string;
  group: string;
  batch: number;
  steps: number;
  features: number;
  units: number;
  state: number;
}

const allOf = (kind: string, group: string) =>
  (kernels as Case[]).filter((c) => c.kind === kind && c.group === group).map(shapeOf);

describe('the cases of the kernels', () => {
  it('are those of the published comparison', () => {
    expect(allOf('training', 'usual')).toEqual([
      'B32 T100 I10 H64',
      'B16 T64 I32 H128',
      'B64 T50 I128 H256',
      'B64 T50 I512 H512',
      'B32 T50 I1024 H1024',
    ]);
    expect(allOf('inference', 'usual')).toEqual([
      'B1 T1 I64 H64',
      'B1 T1 I256 H256',
      'B1 T1 I512 H512',
      'B1 T100 I10 H64',
      'B1 T100 I128 H256',
      'B64 T100 I10 H64',
      'B64 T50 I128 H256',
      'B64 T50 I512 H512',
    ]);
  });

  it('have others beside them, of odd sizes, many rows and few units', () => {
    for (const kind of ['training', 'inference']) {
      const others = (kernels as Case[]).filter((c) => c.kind === kind && c.group === 'other');
      expect(others.some(({ batch, steps }) => batch % 2 === 1 && steps % 2 === 1)).toBe(true);
      expect(others.some(({ batch }) => batch >= 256)).toBe(true);
      expect(others.some(({ units }) => units <= 32)).toBe(true);
      expect(others.some(({ units }) => units % 16 !== 0)).toBe(true);
    }
  });

  it('are positive whole sizes, each once, with a state where one is carried on', () => {
    const all = [...kernels, ...scaling, ...trainStep] as Case[];
    for (const c of all) {
      for (const size of [c.batch, c.steps, c.features, c.units]) {
        expect(Number.isInteger(size) && size > 0, shapeOf(c)).toBe(true);
      }
      if (c.kind === 'training') expect(c.state, shapeOf(c)).toBe(1);
      if (c.kind === 'inference') expect(c.state, shapeOf(c)).toBe(c.steps === 1 ? 1 : 0);
    }
    const names = (kernels as Case[]).map((c) => `${c.kind} ${shapeOf(c)}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('count the products of all gates, and twice as many for backward', () => {
    const sizes = { batch: 2, steps: 3, features: 4, units: 5 };
    // Three gates of (4 + 5) × 5 multiplications and additions, for 2 × 3 rows.
    expect(flopOf({ kind: 'inference', ...sizes })).toBe(2 * 3 * (4 + 5) * 5 * 2 * 3);
    expect(flopOf({ kind: 'training', ...sizes })).toBe(3 * 1620);
  });
});
