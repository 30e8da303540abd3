// `sluice build`: compiles the addon from the sources in the package.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { PACKAGE_ROOT } from '../native.js';

const HELP = `
Needs a C++20 compiler (g++ 12, clang 15), CMake 3.20, Ninja or make, OpenBLAS built on OpenMP, and
Highway 1.0; names what is missing and how to install it. Downloads nothing. The addon is put into the
package's build/Release. CXX names another compiler, CMAKE_BUILD_PARALLEL_LEVEL limits how many run.

Example:
  npx sluice build && npx sluice doctor`;

export function addBuild(program: Command): void {
  program
    .command('build')
    .description('compile the addon from source, where no prebuilt one works')
    .addHelpText('after', HELP)
    .action(async () => {
      process.exitCode = await build();
    });
}

/** The script works by itself; this process waits for it and passes on how it ended. */
async function build(): Promise<number> {
  const bootstrap = join(PACKAGE_ROOT, 'scripts', 'bootstrap.mjs');
  // A checkout's own build keeps its tree, for the next one to be quick.
  if (!existsSync(bootstrap)) return await runScript(join(PACKAGE_ROOT, 'scripts/build-addon.mjs'));
  const code = await runScript(bootstrap, '--for', 'native');
  // Its own code for "install something first", which here is a failure like others.
  return code === 3 ? 1 : code;
}

function runScript(...args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    // A terminal sends its signal to both, anyone else to this process alone; the script cleans up.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => child.kill(signal));
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
