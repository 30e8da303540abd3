// Puts the compiled addon where the package carries it: prebuilds/<platform>-<arch>/, under the name
// that node-gyp-build looks for, with the shared libraries that a machine may lack beside it and
// the licences of everything that is inside. (prebuildify would copy the addon alone.)
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import { ROOT, runMain, StepFailed, say } from './bootstrap/report.mjs';

const ADDON = join(ROOT, 'build', 'Release', 'sluice.node');
const CACHE = join(ROOT, 'build', 'CMakeCache.txt');
const TARGET = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`);

/** What every machine with a Node has: Node itself needs it. */
const EVERYWHERE = /^(linux-vdso|ld-linux[^.]*|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s))\./;

/** @returns {string} '' where the program fails or does not exist */
function ask(program, ...args) {
  const answer = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return answer.status === 0 ? answer.stdout : '';
}

function addonName() {
  if (process.platform !== 'linux') return 'node.napi.node';
  return existsSync('/etc/alpine-release') ? 'node.napi.musl.node' : 'node.napi.glibc.node';
}

/** The shared libraries to bring along: [name that the addon asks for, file]. */
function librariesToBring(file) {
  if (process.platform !== 'linux') return [];
  return ask('ldd', file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name, arrow]) => arrow === '=>' && !EVERYWHERE.test(name))
    .map(([name, , path]) => {
      if (!path?.startsWith('/')) throw new StepFailed(`${name} was not found by ldd`);
      return [name, path];
    });
}

/** Libraries of which the linker took what it needed: no file of theirs is seen any more. */
function linkedIn() {
  const cache = readFileSync(CACHE, 'utf8');
  const blas = /^SLUICE_BLAS_LIBRARY:\w+=(.*\.a)$/m.exec(cache)?.[1];
  return blas ? [blas] : [];
}

/** The text that has to go with a copy of this library. */
function licenceOf(file) {
  const names = [realpathSync(file), file];
  const name = names.map((path) => ask('dpkg', '-S', path).split(':')[0]).find(Boolean);
  const text = `/usr/share/doc/${name}/copyright`;
  if (!name || !existsSync(text)) {
    throw new StepFailed(
      `no licence text was found for ${file}, which the prebuilt addon contains`,
    );
  }
  return `${'='.repeat(80)}\n${basename(file)} (Debian package ${name})\n\n${readFileSync(text, 'utf8')}`;
}

/** Highest version of a symbol family that a file asks for: the oldest system that it runs on. */
function newestSymbol(file, family) {
  const versions = ask('objdump', '-T', file).match(new RegExp(`\\b${family}_[\\d.]+`, 'g')) ?? [];
  const byNumber = new Intl.Collator('en', { numeric: true }).compare;
  return [...new Set(versions)].sort(byNumber).at(-1) ?? `${family} unknown`;
}

/** Loads what was laid out in the way a user's process does, and nothing else. */
function tryOut() {
  const { LD_LIBRARY_PATH: _, ...env } = process.env;
  const source = `
    const addon = require('node-gyp-build')(${JSON.stringify(ROOT)});
    console.log(addon.devices().filter((d) => d.available).map((d) => d.name).join(' '));`;
  const answer = execFileSync(process.execPath, ['-e', source], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...env, PREBUILDS_ONLY: '1' },
  });
  const devices = answer.trim().split(' ');
  if (!devices.includes('cpu')) throw new StepFailed('the prebuilt addon has no CPU backend');
}

async function main() {
  if (!existsSync(ADDON)) throw new StepFailed('there is no addon yet: npm run build:native');
  rmSync(TARGET, { recursive: true, force: true });
  mkdirSync(TARGET, { recursive: true });
  const addon = join(TARGET, addonName());
  copyFileSync(ADDON, addon);
  ask('strip', '--strip-unneeded', addon);
  const libraries = librariesToBring(ADDON);
  for (const [name, file] of libraries) copyFileSync(file, join(TARGET, name));
  const licences = [...libraries.map(([, file]) => file), ...linkedIn()].map(licenceOf);
  writeFileSync(join(TARGET, 'THIRD-PARTY-LICENSES.txt'), licences.join('\n'));
  tryOut();

  for (const name of readdirSync(TARGET)) {
    const { size } = statSync(join(TARGET, name));
    say(`${relative(ROOT, join(TARGET, name))}: ${(size / 1e6).toFixed(1)} MB`);
  }
  const needs = ['GLIBC', 'GLIBCXX'].map((family) => newestSymbol(addon, family));
  if (process.platform === 'linux') say(`runs on systems with ${needs.join(' and ')} or newer`);
}

await runMain(main);
