import { setImmediate } from 'node:timers/promises';

/** Swaps between two turns of the event loop: about a millisecond. */
const SWAPS = 1 << 16;

/**
 * A random order of the rows [0, count): Fisher-Yates with numbers of sfc32 (Chris Doty-Humphrey's
 * small fast counter), seeded with the two halves of `seed` and with `position`. It depends on these
 * three numbers alone, so that the order of an epoch can be made again.
 */
export async function permutation(
  count: number,
  seed: number,
  position: number,
): Promise<Int32Array> {
  const order = new Int32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  const next = sfc32(seed % 2 ** 32, Math.floor(seed / 2 ** 32), position);
  for (let i = count - 1; i > 0; i--) {
    if ((i & (SWAPS - 1)) === 0) await setImmediate();
    // Scaling 32 bits to a range is uneven by at most i / 2^32.
    const j = Math.floor((next() / 2 ** 32) * (i + 1));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}

/** A generator of 32-bit numbers with a counter in its state, hence a period of at least 2^32. */
function sfc32(low: number, high: number, position: number): () => number {
  let a = low | 0;
  let b = high | 0;
  let c = position | 0;
  let counter = 1;
  const next = () => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    return result >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}
