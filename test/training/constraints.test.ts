// Constraints: what is left of weights after an update.
import {
  type ConstraintOption,
  layers,
  load,
  type Model,
  optimizers,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { expectClose, noiseTensor, range, sum } from '../support/numbers.js';
import { refusal } from '../support/refusal.js';

const x = noiseTensor([4, 5, 3], 301);
const y = noiseTensor([4, 2], 302);

/** [4, 5, 3] -> [4, 2], all of its weights with constraints, or none. */
function small(constraints: Record<string, ConstraintOption> = {}): Model {
  const { recurrentConstraint: _, ...ofDense } = constraints;
  const m = sequential(
    [layers.lstm({ units: 4, ...constraints }), layers.dense({ units: 2, ...ofDense })],
    { inputShape: [null, 3], seed: 3 },
  );
  m.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss: 'mse' });
  return m;
}

function everywhere(constraint: ConstraintOption) {
  return {
    kernelConstraint: constraint,
    recurrentConstraint: constraint,
    biasConstraint: constraint,
  };
}

/** A weight's vectors along an axis, as lists of positions. */
function vectors(shape: readonly number[], axis: number): number[][] {
  const [rows = 1, columns = 1] = shape.length === 1 ? [shape[0], 1] : shape;
  if (axis === 0) return range(columns).map((c) => range(rows).map((r) => r * columns + c));
  return range(rows).map((r) => range(columns).map((c) => r * columns + c));
}

/** What the constraint makes of a weight. */
function constrained(option: ConstraintOption, { data, shape }: Tensor): number[] {
  const {
    name,
    maxValue = 2,
    axis = 0,
  } = { ...(typeof option === 'string' ? { name: option } : option) } as {
    name: string;
    maxValue?: number;
    axis?: number;
  };
  if (name === 'nonNeg') return Array.from(data, (w) => Math.max(w, 0));
  const result = Array.from(data);
  for (const vector of vectors(shape, axis)) {
    const norm = Math.sqrt(sum(vector.map((i) => (data[i] as number) ** 2)));
    const wanted = name === 'unitNorm' ? 1 : Math.min(norm, maxValue);
    for (const i of vector) result[i] = ((data[i] as number) * wanted) / (1e-7 + norm);
  }
  return result;
}

const CONSTRAINTS: ConstraintOption[] = [
  'nonNeg',
  'unitNorm',
  { name: 'maxNorm', maxValue: 0.7 },
  { name: 'maxNorm', maxValue: 0.1, axis: -1 },
];

describe.each(['cpu', 'reference'])('an update on %s', (device) => {
  it.each(CONSTRAINTS)('brings weights back to %j', async (constraint) => {
    const [plain, m] = [small(), small(everywhere(constraint))];
    await plain.trainOnBatch(x, y, { device });
    await m.trainOnBatch(x, y, { device });
    const weights = m.getWeights();
    for (const [name, updated] of Object.entries(plain.getWeights())) {
      const axis = updated.shape.length - 1;
      const resolved =
        typeof constraint === 'object' && 'axis' in constraint
          ? { ...constraint, axis }
          : constraint;
      const expected = constrained(resolved, updated);
      expectClose(weights[name]?.data ?? [], expected, 3e-7);
      expect(weights[name]?.data).not.toEqual(updated.data);
    }
  });

  it('leaves frozen weights as they are', async () => {
    const m = small(everywhere('nonNeg'));
    m.freeze('lstm');
    const before = m.getWeights();
    await m.trainOnBatch(x, y, { device });
    const after = m.getWeights();
    for (const name of Object.keys(before)) {
      const data = after[name]?.data as Float32Array;
      if (name.startsWith('lstm')) expect(data).toEqual(before[name]?.data);
      else expect(Math.min(...data)).toBeGreaterThanOrEqual(0);
    }
  });
});

describe('a constraint', () => {
  it('holds in every step that anybody sees, and nowhere else', async () => {
    const m = small(everywhere('nonNeg'));
    const least = () => Math.min(...Object.values(m.getWeights()).flatMap(({ data }) => [...data]));
    expect(least()).toBeLessThan(0); // initial weights are nobody's update
    const seen: number[] = [];
    const callback = { onBatchEnd: () => void seen.push(least()) };
    const call = { epochs: 2, batchSize: 1, accumulateSteps: 2, verbose: 0 as const };
    await m.fit(x, y, { ...call, callbacks: [callback] });
    expect(seen).toEqual([0, 0, 0, 0]);
    const given = tensor(new Float32Array(2).fill(-3), [2]);
    m.setWeights({ 'dense/bias': given });
    expect(m.getWeights()['dense/bias']).toEqual(given);
    await m.evaluate(x, y);
    await m.gradients(x, y);
    expect(m.getWeights()['dense/bias']).toEqual(given);
  });

  it('is that of each direction', async () => {
    const one = layers.gru({ units: 2, kernelConstraint: 'nonNeg' });
    const other = layers.gru({ units: 2, goBackwards: true, biasConstraint: 'unitNorm' });
    const m = sequential([layers.bidirectional({ layer: one, backwardLayer: other })], {
      inputShape: [null, 3],
      seed: 1,
    });
    m.compile({ optimizer: optimizers.sgd({ learningRate: 1 }), loss: 'mse' });
    await m.trainOnBatch(x, noiseTensor([4, 4], 303));
    const weights = m.getWeights();
    const least = (name: string) => Math.min(...(weights[`bidirectional/${name}`]?.data ?? []));
    expect(least('forward/kernel')).toBe(0);
    expect(least('backward/kernel')).toBeLessThan(0);
    const bias = weights['bidirectional/backward/bias'] as Tensor;
    for (const vector of vectors(bias.shape, 0)) {
      expectClose(sum(vector.map((i) => (bias.data[i] as number) ** 2)), 1, 1e-3);
    }
  });

  it('is the same after save and load', async () => {
    const m = small({
      ...everywhere('unitNorm'),
      biasConstraint: { name: 'maxNorm', maxValue: 0.01 },
    });
    const again = await load(await m.save());
    for (const each of [m, again]) await each.trainOnBatch(x, y);
    expect(again.getWeights()).toEqual(m.getWeights());
  });

  it('names an axis that the weight has', async () => {
    const build = (biasConstraint: ConstraintOption, resetAfter: boolean) =>
      sequential([layers.gru({ units: 2, biasConstraint, resetAfter })], { inputShape: [null, 3] });
    await refusal(() => build({ name: 'unitNorm', axis: 1 }, false), 'CONFIG', {
      layer: 'gru',
      option: 'biasConstraint',
      expected: 'an axis from -1 to 0',
      received: '1',
    });
    expect(build({ name: 'unitNorm', axis: 1 }, true).weights).toHaveLength(3);
    expect(build({ name: 'unitNorm', axis: -1 }, false).weights).toHaveLength(3);
  });
});
