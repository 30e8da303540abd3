import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../errors.js';
import type { Attempt } from './places.js';

/**
 * NATIVE_NOT_FOUND: every place with its reason, and what to do about it.
 * @param root the package's folder
 */
export function notFound(root: string, attempts: readonly Attempt[]): SluiceError {
  const system = `${process.platform}-${process.arch}, Node ${process.version}`;
  const message = [
    `the native addon of sluice could not be loaded on ${system}:`,
    ...attempts.map(({ name, reason }) => `  ${name}: ${reason}`),
    ...whatToDo(root, attempts),
  ].join('\n');
  return new SluiceError('NATIVE_NOT_FOUND', message);
}

/** An installed package is compiled by its command line, a checkout by its build. */
export function whatToDo(root: string, attempts: readonly Attempt[]): string[] {
  if (attempts.length === 1) {
    return ['Correct SLUICE_ADDON_PATH, or unset it: then the usual places are tried.'];
  }
  const isCheckout = existsSync(join(root, 'scripts', 'bootstrap.mjs'));
  return [
    `To compile it, run: ${isCheckout ? `npm --prefix "${root}" run build` : 'npx sluice build'}`,
    '(needs a C++20 compiler, CMake, Ninja or make, OpenBLAS and Highway; it names what is missing).',
  ];
}
