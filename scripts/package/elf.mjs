// What can be read in an ELF file, by the tools of binutils.
import { StepFailed } from '../bootstrap/report.mjs';
import { ask } from './ask.mjs';

/**
 * @typedef {object} Elf
 * @property {string[]} needed libraries that it asks for
 * @property {string | undefined} runPath
 * @property {boolean} isNeverUnloaded
 * @property {boolean} isStripped
 * @property {boolean} hasExecutableStack
 * @property {string[]} exported names that it defines for others
 * @property {(family: string) => string | undefined} newest highest version of a family of symbols
 *   (GLIBC, GLIBCXX) that it asks for
 */

/** @returns {Elf} */
export function readElf(file) {
  const dynamic = ask('readelf', '-dW', file);
  if (dynamic === '') throw new StepFailed(`readelf (of binutils) cannot read ${file}`);
  const versions = [...ask('readelf', '-VW', file).matchAll(/Name: (\w+?)_([\d.]+)\b/g)];
  const stack = /GNU_STACK.* (R?W?E?) +0x\w+$/m.exec(ask('readelf', '-lW', file))?.[1];
  return {
    needed: [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name),
    runPath: /\((?:RUNPATH|RPATH)\).*\[(.*)\]/.exec(dynamic)?.[1],
    isNeverUnloaded: /\(FLAGS_1\).*\bNODELETE\b/.test(dynamic),
    isStripped: !/ \.(symtab|debug_\w+) /.test(ask('readelf', '-SW', file)),
    // Without the entry, the kernel gives the whole process one.
    hasExecutableStack: stack === undefined || stack.includes('E'),
    exported: ask('nm', '-D', '--defined-only', '--format=posix', file)
      .split('\n')
      .map((line) => line.split(' ')[0])
      .filter((name) => name !== ''),
    newest: (family) =>
      versions
        .filter(([, name]) => name === family)
        .map(([, , version]) => version)
        .sort(compareVersions)
        .at(-1),
  };
}

export function compareVersions(a, b) {
  return new Intl.Collator('en', { numeric: true }).compare(a, b);
}
