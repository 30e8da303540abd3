// GRU layers against torch.nn.GRU, keras.layers.GRU and, for updateGate, the equations in double.
import { type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import {
  DEVICES,
  expectGolden,
  GoldenCase,
  goldenCases,
  maskedCases,
  type Reorder,
} from '../support/golden.js';

/**
 * With a mask and goBackwards Keras reverses the whole row, padding included, so that its output k
 * belongs to step T-1-k. We reverse the valid steps among themselves and leave padding in its place
 * (docs/semantics.md, "Masks, lengths, states"). States and gradients are the same; only sequences are
 * put into our order.
 */
const WHOLE_ROW_REVERSED = [
  'keras-masks/reset-after-go-backwards',
  'keras-masks/reset-before-go-backwards',
];

const CASES = goldenCases('layers/gru');
const MASKED = maskedCases('layers/gru');

const fromWholeRow: Reorder = (sequence, mask) => {
  const [rows = 0, steps = 0, units = 0] = sequence.shape;
  const result = new Float32Array(sequence.size);
  for (let row = 0; row < rows; row++) {
    const walked = stepsInOurOrder(row, mask);
    walked.forEach((step, position) => {
      for (let unit = 0; unit < units; unit++) {
        const at = (row * steps + position) * units + unit;
        result[at] = sequence.at(row, steps - 1 - step, unit);
      }
    });
  }
  return tensor(result, sequence.shape);
};

/** Which step of the input each position of our output belongs to. */
function stepsInOurOrder(row: number, mask: Tensor): number[] {
  const steps = Array.from({ length: mask.shape[1] ?? 0 }, (_, step) => step);
  const valid = steps.filter((step) => mask.at(row, step) === 1);
  return steps.map((step) => (mask.at(row, step) === 1 ? (valid.pop() as number) : step));
}

function changeFor(id: string): { reorder?: Reorder } {
  return WHOLE_ROW_REVERSED.includes(id) ? { reorder: fromWholeRow } : {};
}

describe.each(DEVICES)('GRU on %s', (device) => {
  it.each(CASES)('%s', async (id) => {
    await expectGolden(new GoldenCase(id), device, changeFor(id));
  });

  it.each(MASKED)('%s with NaN in the padding', async (id) => {
    const change = { ...changeFor(id), padding: Number.NaN };
    await expectGolden(new GoldenCase(id), device, change);
  });
});

describe('the order of masked sequences that go backwards', () => {
  it('reverses the valid steps among themselves', () => {
    const mask = tensor([[false, true, true, false, true]]);
    expect(stepsInOurOrder(0, mask)).toEqual([0, 4, 2, 3, 1]);
    const keras = tensor([[[4], [3], [2], [1], [0]]]);
    expect([...fromWholeRow(keras, mask).data]).toEqual([0, 4, 2, 3, 1]);
  });

  it('is another one than Keras has', async () => {
    for (const id of WHOLE_ROW_REVERSED) {
      const comparison = expectGolden(new GoldenCase(id), 'reference');
      await expect(comparison).rejects.toThrow('predict, output 0');
    }
  });
});

describe('these comparisons', () => {
  const optionOf = (golden: GoldenCase) => golden.description.layers[0]?.options ?? {};

  it('tell the two places of the reset gate apart', async () => {
    // Without biases both have the same parameters, so that only the equations differ.
    const golden = new GoldenCase('keras-gru/reset-before-no-bias');
    expect(optionOf(golden)).toMatchObject({ resetAfter: false, useBias: false });
    optionOf(golden).resetAfter = true;
    await expect(expectGolden(golden, 'cpu')).rejects.toThrow('predict, output 0');
  });

  it('tell the two meanings of the update gate apart', async () => {
    const golden = new GoldenCase('update-gate/reset-after-sequences');
    optionOf(golden).updateGate = 'keep';
    await expect(expectGolden(golden, 'cpu')).rejects.toThrow('predict, output 0');
  });
});
