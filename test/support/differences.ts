// Gradients by central differences, for comparison with those that the engine computes.
import type { Model, Tensor } from 'sluice';
import { tensor } from 'sluice';
import { range } from './numbers.js';

type Floats = Tensor<'float32'>;

/** Wide enough for differences of double sums, exact in float32 where values are near 1. */
const STEP = 2 ** -8;

/**
 * The gradient of `value` by each element of `at`. Extrapolated from two widths: what remains of the
 * error shrinks with the fourth power of the step.
 */
async function slopes(at: Floats, value: (changed: Floats) => Promise<number>): Promise<number[]> {
  const result = [];
  for (const i of range(at.data.length)) {
    const difference = async (step: number) => {
      const moved = [1, -1].map((sign) => {
        const data = at.data.slice();
        data[i] = (data[i] as number) + sign * step;
        return tensor(data, at.shape);
      }) as [Floats, Floats];
      const [up, down] = [await value(moved[0]), await value(moved[1])];
      // The distance that float32 really made of it.
      return (up - down) / ((moved[0].data[i] as number) - (moved[1].data[i] as number));
    };
    const [wide, narrow] = [await difference(2 * STEP), await difference(STEP)];
    result.push((4 * narrow - wide) / 3);
  }
  return result;
}

/** By each parameter; the weights are put back. */
export async function parameterSlopes(
  m: Pick<Model, 'getWeights' | 'setWeights'>,
  value: () => Promise<number>,
): Promise<Record<string, number[]>> {
  const weights = m.getWeights();
  const result: Record<string, number[]> = {};
  for (const [name, weight] of Object.entries(weights)) {
    result[name] = await slopes(weight, (changed) => {
      m.setWeights({ ...weights, [name]: changed });
      return value();
    });
  }
  m.setWeights(weights);
  return result;
}

export const inputSlopes = slopes;
