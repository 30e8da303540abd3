// From the times of the rounds to the figures of a case, and from those to the document.
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { plots } from '../../bench/plots.mjs';
// @ts-expect-error: plain JavaScript
import { render } from '../../bench/render.mjs';
// @ts-expect-error: plain JavaScript
import { summarize } from '../../bench/summary.mjs';

const benchCase = {
  kind: 'inference',
  group: 'usual',
  batch: 64,
  steps: 10,
  features: 100,
  units: 400,
  state: 0,
};
// 6 × 64 × 10 × 400 × 500 flop: 768 GFLOP/s in one millisecond.
const samples = { y: [0.5, -0.5] };
const before = { y: [0.25, -0.25] };
const run = (driver: string, threads: number, ms: number[], more: object = {}) => ({
  driver,
  case: { ...benchCase, threads },
  ms,
  samples,
  peakMiB: 10 * threads,
  ...more,
});
const fma = { case: { kind: 'fma', threads: 2 }, samples: { flop: 8e9 } };
const runs = [
  run('native', 1, [8, 10, 9]),
  run('native', 2, [4, 8, 5]),
  run('sluice', 2, [8, 12, 10]),
  run('onednn', 1, [12, 14, 16]),
  run('onednn', 2, [8, 12, 10]),
  run('jax', 1, [], { failed: 'no such instruction' }),
  run('jax', 2, [], { failed: 'no such instruction' }),
  run('onnxruntime', 1, [1, 1, 1], { samples: before }),
  run('tfjsWasm', 1, [400, 500, 600], { samples: before }),
  run('tfjsWasm', 2, [], { failed: 'one thread alone' }),
  { ...run('native', 2, [10, 20, 10]), ...fma },
];
const expected = { 1: samples, 0: before };
const row = summarize(benchCase, runs, expected);

describe('a row of figures', () => {
  it('compares the better numbers of threads, round by round', () => {
    expect(row.results.native).toMatchObject({
      ms: { 1: 9, 2: 5 },
      threads: 2,
      ratio: { native: 1, sluice: 0.5 },
    });
    expect(row.results.onednn).toMatchObject({
      ms: { 1: 14, 2: 10 },
      threads: 2,
      ratio: { native: 2 },
    });
    expect(row.results.onednn.peakMiB).toBe(20);
  });

  it('keeps the reason of a driver that fails, and figures of one that fails with two threads', () => {
    expect(row.failed.jax).toBe('no such instruction');
    expect(row.results.jax).toBeUndefined();
    expect(row.results.tfjsWasm).toMatchObject({
      ms: { 1: 500 },
      threads: 1,
      ratio: { native: 100 },
    });
  });

  it('leaves out a driver that computes something else, and knows which GRU each has', () => {
    expect(row.failed.onnxruntime).toMatch(/^computes something else \(distance 0.25\)$/);
    expect(row.results.tfjsWasm.distance).toBe(0);
  });

  it("has the share of the machine's limit, by thread and round", () => {
    // A thread does 800, 400, 800 GFLOP/s at most, and 96, 48, 76.8 here.
    expect(row.limits.fma).toEqual({ 2: { gflops: 800, share: 0.12 } });
  });

  it('does without samples where only times can be compared, and not without Sluice', () => {
    const slow = run('brainjs', 1, [50], { samples: {} });
    const own = run('sluice', 1, [5, 6, 7]);
    const { results } = summarize(benchCase, [own, slow], expected);
    expect(results.brainjs).toMatchObject({ ratio: { sluice: 10 }, distance: null });
    const failed = run('native', 1, [], { failed: 'no memory' });
    expect(() => summarize(benchCase, [failed], expected)).toThrow(/no memory/);
  });
});

const machine = { cpu: 'A processor', cores: 2, memoryGiB: 8, node: 'v20.0.0', date: '2020-01-01' };
const drivers = {
  native: 'Sluice, native',
  sluice: 'Sluice, JavaScript',
  onednn: 'oneDNN 2.6.3',
  tfjsWasm: 'TF.js WASM 4.22.0',
};
const scaling = [16, 64].map((value) => ({
  ...benchCase,
  axis: 'batch',
  value,
  batch: value,
  ms: { 1: 4, 2: 2 },
}));
const measured = {
  machine,
  rounds: 3,
  device: 'AVX2, OpenBLAS',
  drivers,
  missing: ['PyTorch: none'],
};
const kernels = { ...measured, rows: [row], scaling };

describe('the document', () => {
  const text: string = render({ kernels });

  it('has a line for each case, with versions, ratios and reasons', () => {
    expect(text).toContain(
      '| case | Sluice, native, ms | Sluice, JavaScript, ms | oneDNN 2.6.3, ms | TF.js WASM 4.22.0, ms |',
    );
    expect(text).toContain(
      '| B64 T10 I100 H400 | 5 | 10 (2 ×) | 10 (2 ×) | 500 (100 ×) | 2 × | 1 × |',
    );
    expect(text).toContain(
      'Geometric mean of the best peers: 2 × Sluice, native (usual sizes), 1 × Sluice, JavaScript (usual sizes).',
    );
    expect(text).toContain('Not measured: PyTorch: none.');
    expect(text).toContain('Not measured: JAX: no such instruction.');
    expect(text).toContain('| inference, B64 T10 I100 H400 | 2 | 76.8 | 800 | 12 % | – | – |');
    expect(text).toContain('| inference, B64 T10 I100 H400 | 20 | 20 | 20 | 10 |');
  });

  it('shows the plots that are there', () => {
    const shown = [...text.matchAll(/\]\(benchmarks\/(.*?)\)/g)].map((match) => match[1]);
    expect(shown.sort()).toEqual(Object.keys(plots({ kernels })).sort());
  });

  it('does without what was not measured', () => {
    expect(render({})).not.toContain('kernels');
    const empty = { ...kernels, rows: [], scaling: [] };
    expect(render({ kernels: empty })).toContain('No case was measured.');
    expect(plots({ kernels: empty })).toEqual({});
    expect(plots({})).toEqual({});
  });
});

describe('the plots', () => {
  const drawn: Record<string, string> = plots({ kernels });

  it('are SVG on white, with units at the axes and the names of what is compared', () => {
    for (const svg of Object.values(drawn)) {
      expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      expect(svg).toContain('fill="#ffffff"');
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(drawn['inference.svg']).toContain('oneDNN');
    expect(drawn['inference.svg']).toContain('time / time of Sluice');
    expect(drawn['limits.svg']).toContain('%');
    expect(drawn['scaling.svg']).toContain('GFLOP/s');
    expect(drawn['scaling.svg']).toContain('B, rows');
  });
});
