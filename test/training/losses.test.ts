import { type LossOption, losses, type Model, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import * as formulas from '../support/lossFormulas.js';
import { expectClose, noise, noiseTensor, range, rowsOf } from '../support/numbers.js';

const DEVICES = ['reference', 'cpu'] as const;

/** Logits where a probability would have been rounded to 0 or 1, or its logarithm to -Infinity. */
const EXTREME = [
  [1e4, -1e4, 0],
  [-1e4, 1e4, 1e4],
  [-1e4, -1e4, -1e4],
  [100, 89, -104],
  [0, 0, 0],
];

async function lossOf(m: Model, loss: LossOption, x: Tensor, y: Tensor, device: string) {
  m.compile({ loss, device });
  return (await m.evaluate(x, y)).loss as number;
}

describe('losses against their formulas in double', () => {
  const regression: [string, LossOption, (p: number[], t: number[]) => number][] = [
    ['mse', 'mse', formulas.mse],
    ['meanSquaredError', 'meanSquaredError', formulas.mse],
    ['mae', 'mae', formulas.mae],
    ['meanAbsoluteError', 'meanAbsoluteError', formulas.mae],
    ['huber', 'huber', formulas.huber(1)],
    ['losses.huber()', losses.huber(), formulas.huber(1)],
    ['losses.huber({ delta: 0.25 })', losses.huber({ delta: 0.25 }), formulas.huber(0.25)],
    ['losses.huber({ delta: 4 })', losses.huber({ delta: 4 }), formulas.huber(4)],
  ];

  it.each(regression)('%s', async (_name, loss, formula) => {
    const x = noiseTensor([7, 3], 1);
    // Errors on both sides of huber's delta.
    const y = tensor(
      noise(21, 2).map((value) => 2 * value),
      [7, 3],
    );
    const targets = rowsOf(y);
    const expected = formulas.weightedMean(
      rowsOf(x).map((row, i) => formula(row, targets[i] as number[])),
    );
    for (const device of DEVICES) {
      expectClose(await lossOf(echo(3), loss, x, y, device), expected, 1e-7);
    }
  });

  it.each(['mse', 'mae', 'huber'] as const)('%s far apart', async (loss) => {
    const formula = { mse: formulas.mse, mae: formulas.mae, huber: formulas.huber(1) }[loss];
    for (const device of DEVICES) {
      const value = await lossOf(
        echo(2),
        loss,
        tensor([[1e4, -1e4]]),
        tensor([[-1e4, 5e3]]),
        device,
      );
      expectClose(value, formula([1e4, -1e4], [-1e4, 5e3]), 1e-7);
    }
  });

  describe('cross-entropies of logits', () => {
    const logits = [
      ...EXTREME,
      ...rowsOf(noiseTensor([8, 3], 3)).map((row) => row.map((v) => 5 * v)),
    ];
    const x = tensor(logits);

    it('binaryCrossentropy, also for targets between 0 and 1', async () => {
      const targets = logits.map((_, i) => [0, 1, 2].map((j) => ((i * 3 + j) % 5) / 4));
      const each = logits.map((row, i) => formulas.binaryCrossentropy(row, targets[i] as number[]));
      const expected = formulas.weightedMean(each);
      for (const device of DEVICES) {
        const value = await lossOf(echo(3), 'binaryCrossentropy', x, tensor(targets), device);
        expectClose(value, expected, 1e-7);
      }
    });

    it.each(range(EXTREME.length))('binaryCrossentropy of extreme row %i alone', async (i) => {
      const row = EXTREME[i] as number[];
      for (const target of [0, 1]) {
        const y = row.map(() => target);
        for (const device of DEVICES) {
          const value = await lossOf(
            echo(3),
            'binaryCrossentropy',
            tensor([row]),
            tensor([y]),
            device,
          );
          expectClose(value, formulas.binaryCrossentropy(row, y), 1e-6);
        }
      }
    });

    it('categoricalCrossentropy, also for soft targets', async () => {
      const targets = logits.map((_, i) => (i % 2 === 0 ? [0, 1, 0] : [0.25, 0.25, 0.5]));
      const each = logits.map((row, i) =>
        formulas.categoricalCrossentropy(row, targets[i] as number[]),
      );
      for (const device of DEVICES) {
        const value = await lossOf(echo(3), 'categoricalCrossentropy', x, tensor(targets), device);
        expectClose(value, formulas.weightedMean(each), 1e-6);
      }
    });

    it('sparseCategoricalCrossentropy', async () => {
      const labels = Int32Array.from(logits, (_, i) => i % 3);
      const each = logits.map((row, i) =>
        formulas.sparseCategoricalCrossentropy(row, labels[i] as number),
      );
      for (const device of DEVICES) {
        const value = await lossOf(
          echo(3),
          'sparseCategoricalCrossentropy',
          x,
          tensor(labels),
          device,
        );
        expectClose(value, formulas.weightedMean(each), 1e-6);
      }
    });

    it('have finite gradients at extreme logits, and the right ones', async () => {
      const row = [1e4, -1e4, 0];
      for (const device of DEVICES) {
        const call = { device };
        const sparse = await echo(3).gradients(tensor([row]), tensor(Int32Array.of(1)), {
          ...call,
          loss: 'sparseCategoricalCrossentropy',
        });
        // softmax - onehot
        expect(Array.from(sparse.gradients['echo/bias']?.data ?? [])).toEqual([1, -1, 0]);
        const binary = await echo(3).gradients(tensor([row]), tensor([[0, 1, 1]]), {
          ...call,
          loss: 'binaryCrossentropy',
        });
        // (σ(p) - t) / 3
        expectClose(binary.gradients['echo/bias']?.data ?? [], [1 / 3, -1 / 3, -0.5 / 3], 1e-7);
      }
    });
  });
});

describe('options of losses', () => {
  it('are checked', async () => {
    await expectFailure(() => losses.huber({ delta: 0 }), 'INVALID_ARGUMENT', /delta.*received 0/);
    await expectFailure(() => losses.huber({ delta: Number.NaN }), 'INVALID_ARGUMENT', /delta/);
    await expectFailure(
      () => losses.huber({ Delta: 1 } as never),
      'INVALID_ARGUMENT',
      /losses\.huber: unknown option 'Delta', did you mean 'delta'/,
    );
  });
});
