// Puts the compiled addon where the package carries it: prebuilds/<platform>-<arch>/. prebuildify
// does that, with package/node-gyp.mjs in the place of node-gyp; what is around it lays the licences
// beside the addon, checks the result and tries it out.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT, runMain, StepFailed } from './bootstrap/report.mjs';
import { archivesLinkedIn, librariesToBring } from './package/libraries.mjs';
import { thirdPartyNotices } from './package/notices.mjs';

const ADDON = join(ROOT, 'build', 'Release', 'sluice.node');
const TARGET = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`);
/** The folder that prebuildify takes for the project: it moves and strips what it finds there. */
const STAGE = join(ROOT, 'build', 'prebuild');

function prebuildify() {
  const program = join(ROOT, 'node_modules', 'prebuildify', 'bin.js');
  const options = [
    ...['--napi', '--strip', '--tag-libc', '--name', 'sluice', '--quiet'],
    ...['--target', `node@${process.versions.node}`],
    ...['--cwd', STAGE, '--out', ROOT, '--cache', join(STAGE, 'cache')],
    ...['--node-gyp', join(ROOT, 'scripts', 'package', 'node-gyp.mjs')],
  ];
  runNode(program, ...options);
}

/** A script that says itself what went wrong. */
function runNode(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) throw new StepFailed(`no prebuilt addon: ${basename(script)} failed`);
}

/** Loads what was laid out, in a process of its own, and sees whose libraries it got. */
function tryOut(libraries) {
  const addon = readdirSync(TARGET).find((name) => name.endsWith('.node'));
  const source = `
    const addon = require(${JSON.stringify(join(TARGET, addon))});
    const devices = addon.devices().filter((d) => d.available).map((d) => d.name);
    const maps = require('fs').readFileSync('/proc/self/maps', 'utf8');
    console.log(JSON.stringify({ devices, maps }));`;
  const { LD_LIBRARY_PATH: _, ...env } = process.env;
  const answer = execFileSync(process.execPath, ['-e', source], { encoding: 'utf8', env });
  const { devices, maps } = JSON.parse(answer);
  if (!devices.includes('cpu')) throw new StepFailed('the prebuilt addon has no CPU backend');
  for (const { name } of libraries) {
    if (!maps.includes(join(TARGET, name))) {
      throw new StepFailed(`the prebuilt addon does not load the ${name} that lies beside it`);
    }
  }
}

await runMain(async () => {
  if (process.platform !== 'linux') {
    throw new StepFailed(`prebuilt addons are made on Linux, not on ${process.platform}`);
  }
  rmSync(TARGET, { recursive: true, force: true });
  rmSync(STAGE, { recursive: true, force: true });
  mkdirSync(STAGE, { recursive: true });
  prebuildify();
  const libraries = librariesToBring(ADDON);
  writeFileSync(
    join(TARGET, 'THIRD_PARTY_NOTICES'),
    thirdPartyNotices({
      archives: archivesLinkedIn(),
      libraries: libraries.map(({ file }) => file),
    }),
  );
  tryOut(libraries);
  // Last, so that its lines are the last: sizes, and the oldest system.
  runNode(join(ROOT, 'scripts', 'check-prebuild.mjs'));
});
