// Compiles the addon of an installed package from the sources that came along: `npx sluice build`.
// Downloads nothing and installs no system packages; names what is missing. In a checkout,
// scripts/bootstrap.mjs does this and more.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  ROOT,
  runLogged,
  runMain,
  StepFailed,
  say,
  stopOnSignals,
  task,
} from './bootstrap/report.mjs';
import {
  buildEnvironment,
  COMPILE,
  describeMissing,
  isInstalled,
  jobs,
} from './bootstrap/system.mjs';

/** The tree that is compiled in; only the addon outlives it. */
const TREE = 'build/tree';
const OUTPUT = join(ROOT, 'build', 'Release');
const ADDON = join(OUTPUT, 'sluice.node');

async function compile() {
  const missing = COMPILE.filter((name) => !isInstalled(name));
  const env = buildEnvironment();
  const configure = [
    ...['cmake', '-S', '.', '-B', TREE, '-DCMAKE_BUILD_TYPE=Release'],
    // cmake takes no relative path for outputs.
    ...[`-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${OUTPUT}`, '-DSLUICE_CUDA=OFF'],
  ];
  try {
    // Without these three there is nothing to try; a library may be where only CMake finds it.
    if (['compiler', 'cmake', 'generator'].some((name) => missing.includes(name))) {
      throw new StepFailed('the addon cannot be compiled here');
    }
    await task('compiling the addon (a minute or two)', async (progress) => {
      rmSync(join(ROOT, TREE), { recursive: true, force: true });
      await runLogged(configure, { log: 'addon', env, truncate: true });
      const build = ['cmake', '--build', TREE, '--target', 'sluice', '--parallel', jobs()];
      await runLogged(build, { log: 'addon', env, progress });
    });
  } catch (error) {
    if (!(error instanceof StepFailed) || missing.length === 0) throw error;
    throw new StepFailed([error.message, ...describeMissing(missing)].join('\n'));
  } finally {
    rmSync(join(ROOT, TREE), { recursive: true, force: true });
  }
}

/**
 * Asks the library which addon it takes, in a process of its own: one that was compiled for another
 * processor may take its process down.
 * @param {Record<string, string>} [env] on top of this process'
 * @returns {{ search?: import('../lib/native.js').Search, devices?: string[], problem?: string }}
 */
function ask(env = {}) {
  const source = `
    const { addonSearch, native } = require(${JSON.stringify(join(ROOT, 'dist', 'native.js'))});
    const devices = native((addon) => addon.devices()).filter((d) => d.available);
    console.log(JSON.stringify({ search: addonSearch(), devices: devices.map((d) => d.name) }));`;
  const answer = spawnSync(process.execPath, ['-e', source], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (answer.status === 0) return JSON.parse(answer.stdout);
  const message = /Error: (.*?)\n {4}at /s.exec(answer.stderr)?.[1];
  return { problem: message ?? `it ended with ${answer.signal ?? `exit code ${answer.status}`}` };
}

async function main() {
  stopOnSignals();
  await compile();
  const { devices, problem } = ask({ SLUICE_ADDON_PATH: ADDON });
  if (problem !== undefined) throw new StepFailed(`the compiled addon does not load: ${problem}`);
  if (!devices?.includes('cpu'))
    say('the compiled addon has no CPU backend: see npx sluice doctor');
  say(`compiled ${ADDON}`);
  const taken = ask().search?.loaded;
  if (taken && taken.file !== ADDON) {
    say(`the library takes ${taken.file} first;`);
    say(`to have it take the new one, set SLUICE_ADDON_PATH=${ADDON}`);
  }
}

await runMain(main);
