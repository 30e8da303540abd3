// Holds what `npm pack` would pack to what a user needs: every file that package.json names, every
// module that the packed scripts import, the sources that CMake compiles; with --publish also a
// prebuilt addon for every platform that is promised one.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROMISED_PREBUILDS = ['linux-x64'];
const NEEDED = [
  ...['LICENSE', 'CHANGELOG.md', 'binding.d.ts', 'CMakeLists.txt'],
  ...[
    'scripts/build-addon.mjs',
    'cmake/SluiceTarget.cmake',
    'native/addon/addon.cc',
    'native/cpu/backend.cc',
  ],
];
/** What must stay out: it would only make the download larger. */
const UNWANTED = /^(test|bench|examples|build|node_modules|docs|\.ci)\//;

function packedFiles() {
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [program, ...args] = [...npm, 'pack', '--dry-run', '--json', '--ignore-scripts'];
  const answer = execFileSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [report] = Object.values(JSON.parse(answer));
  return { names: new Set(report.files.map(({ path }) => path)), bytes: report.unpackedSize };
}

/** Every path in a value of package.json's `exports`, however deep. */
function pathsIn(value) {
  if (typeof value === 'string') return [posix.normalize(value)];
  return Object.values(value ?? {}).flatMap(pathsIn);
}

/** @returns {string[]} */
function importsOf(script) {
  const text = readFileSync(join(ROOT, script), 'utf8');
  return [...text.matchAll(/from '(\.[^']+)'/g)].map(([, target]) =>
    posix.join(posix.dirname(script), target ?? ''),
  );
}

function checkPackage() {
  const { names, bytes } = packedFiles();
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const scripts = [...names].filter((name) => name.startsWith('scripts/'));
  const wanted = [
    ...NEEDED,
    ...pathsIn([manifest.main, manifest.types, manifest.exports, manifest.bin]),
    ...scripts.flatMap(importsOf),
  ];
  const errors = [...new Set(wanted)]
    .filter((name) => !names.has(name))
    .map((name) => `${name} is not in the package`);
  for (const name of names) if (UNWANTED.test(name)) errors.push(`${name} is in the package`);
  if (process.argv.includes('--publish')) {
    if (!names.has('README.md')) errors.push('README.md is not in the package');
    const hasPrebuild = (platform) =>
      [...names].some((name) => name.startsWith(`prebuilds/${platform}/`) && /\.node$/.test(name));
    for (const platform of PROMISED_PREBUILDS) {
      if (!hasPrebuild(platform)) {
        errors.push(`prebuilds/${platform} has no addon: npm run make:prebuild on that platform`);
      }
    }
  }
  return { errors, count: names.size, bytes };
}

const { errors, count, bytes } = checkPackage();
for (const line of errors) console.error(`error: ${line}`);
if (errors.length === 0) {
  console.log(`package: ${count} files, ${(bytes / 1e6).toFixed(1)} MB unpacked`);
}
process.exitCode = errors.length === 0 ? 0 : 1;
