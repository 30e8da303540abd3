import { randomInt } from 'node:crypto';
import { integer } from '../layers/options.js';

/** What `setSeed` was given and how many seeds were drawn from it. */
let base: { seed: bigint; drawn: bigint } | undefined;

/** The field that checks seeds. */
export const SEED = integer(0);

/**
 * Makes everything random reproducible: models that are built from now on without a seed of their own
 * get seeds that follow from this one, in the order in which they are built. A model's seed drives its
 * initializers, shuffles and dropout.
 *
 * @param seed an integer >= 0
 * @throws SluiceError INVALID_ARGUMENT for anything else
 *
 * @example
 * setSeed(42);
 */
export function setSeed(seed: number): void {
  base = { seed: BigInt(SEED.parse(seed, 'seed', 'setSeed')), drawn: 0n };
}

/** A seed for a model that was given none: random, unless `setSeed` was called. */
export function nextSeed(): number {
  if (!base) return randomInt(2 ** 48 - 1);
  base.drawn++;
  // The finaliser of splitmix64 spreads neighbouring seeds over the whole range.
  let z = (base.seed + base.drawn * 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return Number((z ^ (z >> 31n)) >> 11n);
}

const MASK = (1n << 64n) - 1n;
