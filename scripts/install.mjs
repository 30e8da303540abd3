// Runs when npm installs the package: takes the prebuilt addon where it works on this machine, else
// compiles the sources that came along. Downloads nothing and installs no system packages; says what
// is missing. `npm_config_build_from_source=true` (npm install --build-from-source) compiles always.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  ROOT,
  runLogged,
  runMain,
  StepFailed,
  SystemIncomplete,
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
const TREE = 'build/install';

/** In a checkout, `npm run build` builds. The package leaves bootstrap.mjs out. */
function isCheckout() {
  return existsSync(join(ROOT, 'scripts', 'bootstrap.mjs'));
}

/**
 * Loads the addon as the library would, in a process of its own: one for another libc or processor
 * may take its process down.
 * @returns {string | undefined} why it cannot be used; undefined when it can
 */
function problemOfAddon() {
  const source = `
    import { createRequire } from 'node:module';
    const load = createRequire(${JSON.stringify(pathToFileURL(join(ROOT, 'package.json')))})('node-gyp-build');
    load(${JSON.stringify(ROOT)}).buildInfo();`;
  const answer = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  });
  if (answer.status === 0) return undefined;
  const message = /^(?:\w*Error): (.*)$/m.exec(answer.stderr)?.[1];
  return message ?? `loading it ended with ${answer.signal ?? `exit code ${answer.status}`}`;
}

function wantsSources() {
  const wish = process.env.npm_config_build_from_source;
  return wish === 'true' || wish === '' || wish === 'sluice';
}

async function compile() {
  const missing = COMPILE.filter((name) => !isInstalled(name));
  const env = buildEnvironment();
  const configure = [
    ...['cmake', '-S', '.', '-B', TREE, '-DCMAKE_BUILD_TYPE=Release'],
    // cmake takes no relative path for outputs.
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(ROOT, 'build', 'Release')}`,
  ];
  try {
    // Without these three there is nothing to try; a library may be where only CMake finds it.
    if (['compiler', 'cmake', 'generator'].some((name) => missing.includes(name))) {
      throw new SystemIncomplete('the addon cannot be compiled here');
    }
    await task('compiling the addon (a minute or two)', async (progress) => {
      rmSync(join(ROOT, TREE), { recursive: true, force: true });
      await runLogged(configure, { log: 'install', env, truncate: true });
      const build = ['cmake', '--build', TREE, '--target', 'sluice', '--parallel', jobs()];
      await runLogged(build, { log: 'install', env, progress });
    });
  } catch (error) {
    if (!(error instanceof StepFailed) || missing.length === 0) throw error;
    throw new SystemIncomplete([error.message, ...describeMissing(missing)].join('\n'));
  } finally {
    rmSync(join(ROOT, TREE), { recursive: true, force: true });
  }
}

async function main() {
  if (isCheckout()) return;
  if (!wantsSources()) {
    const problem = problemOfAddon();
    if (problem === undefined) return;
    say(`no prebuilt addon works here (${problem})`);
  }
  stopOnSignals();
  await compile();
  const problem = problemOfAddon();
  if (problem !== undefined) throw new StepFailed(`the compiled addon does not load: ${problem}`);
}

await runMain(main);
