// The table of docs/benchmarks.md about GPUs, from results that were made up here.
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { cudaTables } from '../../bench/cuda-tables.mjs';

const machine = { gpu: 'A GPU', runtime: '13.0', date: '2026-01-02' };
const sizes = { batch: 64, steps: 100, features: 512, units: 512, numbers: 'bf16' };
const pass = (median: number, shareOfPeak: number | null = null) => ({
  us: { median, low: median, high: median, count: 5 },
  shareOfPeak,
});
const theirs = (algorithm: string, valid: boolean, forward: number) => ({
  ...sizes,
  algorithm,
  valid,
  status: 'ok',
  inference: pass(forward),
  forward: pass(forward),
  backwardData: pass(300),
  backwardWeights: pass(100),
});
const ours = {
  machine,
  library: 'Sluice 1',
  rows: [
    { ...sizes, valid: true, inference: pass(80), forward: pass(100, 0.25), backward: pass(200) },
  ],
};
const cudnn = {
  machine,
  library: 'cuDNN 9',
  rows: [
    theirs('STANDARD', true, 500),
    theirs('PERSIST_STATIC', true, 150),
    theirs('PERSIST_DYNAMIC', false, 1), // fast, and wrong
    { ...sizes, algorithm: 'SMALL_H', valid: true, status: 'NOT_SUPPORTED' },
  ],
};
const text = (results: object) => cudaTables(results).join('\n');

describe('the part about GPUs', () => {
  it('is not there without results', () => {
    expect(cudaTables({})).toEqual([]);
    expect(cudaTables({ 'cuda-ours': { ...ours, rows: [] } })).toEqual([]);
  });

  it('sets our passes beside the fastest algorithm whose results were right', () => {
    expect(text({ 'cuda-ours': ours, 'cuda-cudnn': cudnn })).toContain(
      '| B64 T100 I512 H512, bf16 | 80 | 150 (PERSIST_STATIC) | 1.88 × ' +
        '| 100 | 150 (PERSIST_STATIC) | 1.5 × | 200 | 400 (STANDARD) | 2 × | 25 % |',
    );
  });

  it('shows what one side alone has measured', () => {
    expect(text({ 'cuda-cudnn': cudnn })).toContain('| – | 150 (PERSIST_STATIC) | – |');
    expect(text({ 'cuda-ours': ours })).toContain(
      '| 80 | – | – | 100 | – | – | 200 | – | – | 25 % |',
    );
    expect(text({ 'cuda-ours': ours })).not.toContain('cuDNN 9');
  });

  describe('training steps', () => {
    const median = (value: number) => ({ median: value, low: value, high: value, count: 5 });
    const row = { ...sizes, name: 'reference model', valid: true };
    const pytorch = {
      machine,
      library: 'PyTorch 2',
      conditions: 'launched at once',
      rows: ['bf16', 'fp16', 'tf32'].map((numbers) => ({
        ...row,
        numbers,
        valid: numbers !== 'fp16',
        stepUs: median(1234.5),
        forwardUs: median(400),
        backwardUs: median(600),
        optimizerUs: median(200),
      })),
    };
    const train = {
      machine: { gpu: 'A GPU', details: 'of ours', date: '2026-01-03' },
      library: 'Sluice 1',
      conditions: 'one by one',
      rows: ['bf16', 'fp16', 'fp32'].map((numbers) => ({
        ...row,
        numbers,
        valid: numbers !== 'fp16',
        stepUs: median(500),
        stepWithCopyUs: median(617.25),
      })),
    };
    const both = text({ 'cuda-train': train, 'cuda-pytorch': pytorch });

    it("are ours beside PyTorch's", () => {
      expect(both).toContain(
        '| reference model (B64 T100 I512 H512, bf16) | 500 | 617 | 1230 | 400 | 600 | 200 | 2.47 × |',
      );
      expect(both).toContain('A GPU, Sluice 1, 2026-01-03. one by one.');
      expect(both).toContain('A GPU, PyTorch 2, CUDA 13.0, 2026-01-02. launched at once.');
    });

    it('leave out what was wrong', () => {
      expect(both).not.toContain('fp16');
    });

    it('of one side alone are shown', () => {
      expect(both).toContain('fp32) | 500 | 617 | – | – | – | – | – |');
      expect(both).toContain('tf32) | – | – | 1230 | 400 | 600 | 200 | – |');
      expect(text({ 'cuda-train': train })).toContain('bf16) | 500 | 617 | – |');
      expect(text({ 'cuda-train': train })).not.toContain('PyTorch 2');
      expect(text({ 'cuda-pytorch': pytorch })).toContain('bf16) | – | – | 1230 |');
    });
  });
});
