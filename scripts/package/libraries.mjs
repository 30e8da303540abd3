// Which libraries stand behind the addon: those that every machine with a Node has, those to lay
// beside it, and those that were linked into it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, StepFailed } from '../bootstrap/report.mjs';
import { ask } from './ask.mjs';

/** What every machine with a Node has: Node itself needs it. */
export const EVERYWHERE = /^(linux-vdso|ld-linux[^.]*|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s))\./;

/**
 * The shared libraries to bring along: the name that the addon asks for, and the file.
 * @returns {{ name: string, file: string }[]}
 */
export function librariesToBring(addon) {
  return ask('ldd', addon)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name, arrow]) => arrow === '=>' && !EVERYWHERE.test(name))
    .map(([name, , file]) => {
      if (!file?.startsWith('/')) throw new StepFailed(`${name} was not found by ldd`);
      return { name, file };
    });
}

/** Archives of which the linker took what it needed: no file of theirs is seen any more. */
export function archivesLinkedIn() {
  const cache = readFileSync(join(ROOT, 'build', 'CMakeCache.txt'), 'utf8');
  const entry = (name) => new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(cache)?.[1] ?? '';
  const archives = [entry('SLUICE_BLAS_LIBRARY')].filter((file) => file.endsWith('.a'));
  if (entry('SLUICE_STATIC_LIBSTDCXX') === '1') {
    archives.push(ask(entry('CMAKE_CXX_COMPILER'), '-print-file-name=libstdc++.a').trim());
  }
  return archives;
}
