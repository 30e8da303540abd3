// What has to be in the package, and what may be.
import { posix } from 'node:path';

/** Platforms that are promised a prebuilt addon. */
export const PROMISED_PREBUILDS = ['linux-x64'];

/** Beside what package.json and the files themselves name: what compiling the sources needs. */
const NEEDED = [
  ...['README.md', 'LICENSE', 'CHANGELOG.md', 'binding.d.ts', 'CMakeLists.txt'],
  ...['cmake/SluiceTarget.cmake', 'native/addon/addon.cc', 'native/addon/exports.map'],
  'native/cpu/backend.cc',
];

/** Everything in the package is one of these; the rest would only make the download larger. */
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|binding\.d\.ts|CMakeLists\.txt)$/,
  /^dist\/.*\.(js|mjs|d\.ts|d\.mts)$/,
  // Not native/cuda: who compiles that has the checkout and a CUDA toolkit of some gigabytes.
  /^native\/(?!cuda\/).*\.(cc|h|map)$/,
  /^cmake\/\w+\.cmake$/,
  /^scripts\/.*\.mjs$/,
  /^prebuilds\/\w+-\w+\/([\w.]+\.node|lib\w+\.so\.\d+|THIRD_PARTY_NOTICES)$/,
];

/** npm runs these in the user's project, the last one by itself where there is a binding.gyp. */
const RUN_BY_NPM = ['preinstall', 'install', 'postinstall', 'prepare'];

/** Every path in a value of package.json's `exports`, however deep. */
function pathsIn(value) {
  if (typeof value === 'string') return [posix.normalize(value)];
  return Object.values(value ?? {}).flatMap(pathsIn);
}

/** The files that a script or a compiled module names relative to itself. */
function importsOf(name, text) {
  const relative = /(?:\bfrom |\brequire\(|\bimport\()['"](\.[^'"]+)['"]/g;
  const code = text.replace(/\/\*[\s\S]*?\*\//g, ''); // types in comments are nobody's import
  return [...code.matchAll(relative)].map(([, target]) =>
    posix.join(posix.dirname(name), target ?? ''),
  );
}

/** A .d.ts names the .js beside which the .d.ts lies that is meant. */
function asDeclaration(name) {
  return name.replace(/\.(m?)js$/, '.d.$1ts');
}

/**
 * @param {object} contents
 * @param {string[]} contents.names files in the package
 * @param {any} contents.manifest its package.json
 * @param {(name: string) => string} contents.read the text of one of the files
 * @returns {string[]} what is wrong
 */
export function checkContents({ names, manifest, read }) {
  const errors = [];
  const present = new Set(names);
  const need = (name, why) => {
    if (!present.has(name)) errors.push(`${name} is not in the package (${why})`);
  };
  for (const name of NEEDED) need(name, 'users need it');
  for (const name of pathsIn([manifest.main, manifest.types, manifest.exports, manifest.bin])) {
    need(name, 'package.json names it');
  }
  for (const name of names.filter((path) => /\.(m?js|d\.m?ts)$/.test(path))) {
    const isDeclaration = /\.d\.m?ts$/.test(name);
    for (const target of importsOf(name, read(name))) {
      need(isDeclaration ? asDeclaration(target) : target, `${name} imports it`);
    }
  }
  for (const platform of PROMISED_PREBUILDS) {
    if (!names.some((name) => name.startsWith(`prebuilds/${platform}/`) && /\.node$/.test(name))) {
      errors.push(`prebuilds/${platform} has no addon: npm run make:prebuild on that platform`);
    }
  }
  for (const name of names) {
    if (!ALLOWED.some((pattern) => pattern.test(name))) errors.push(`${name} is in the package`);
  }
  for (const script of RUN_BY_NPM) {
    if (manifest.scripts?.[script]) {
      errors.push(`package.json has a script ${script}, which would run where it is installed`);
    }
  }
  return errors;
}
