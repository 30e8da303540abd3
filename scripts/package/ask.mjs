import { spawnSync } from 'node:child_process';

/**
 * Standard output of a program.
 * @returns {string} '' where it fails or does not exist
 */
export function ask(program, ...args) {
  const answer = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return answer.status === 0 ? answer.stdout : '';
}
