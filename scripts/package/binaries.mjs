// What the package promises of the binaries that it carries: on which systems they load, that they
// keep to themselves, that they are small, and that their licences are with them.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compareVersions, readElf } from './elf.mjs';
import { EVERYWHERE } from './libraries.mjs';

/** Debian 12, Ubuntu 22.04, RHEL 9 and all that is newer have it. */
const NEWEST_GLIBC = '2.34';
/** libhwy of Debian 12 is the one to need it; GCC 5 has it. */
const NEWEST_GLIBCXX = '3.4.21';
/** What a library that is loaded by path has to be beyond one that lies beside it. */
const ADDON = {
  exported: ['napi_register_module_v1', 'node_api_module_get_api_version_v1'],
  runPath: '$ORIGIN',
};
const CUDA = { exported: ['sluice_backend'], runPath: undefined };
const MOST_MEGABYTES = { addon: 10, all: 11, cuda: 30 };
const NOTICES = 'THIRD_PARTY_NOTICES';
/** Words of the licences that have to be there. */
const LICENSED = [
  ...['OpenBLAS', 'libhwy', 'libgomp', 'libstdc++', 'node-addon-api'],
  ...['GCC RUNTIME LIBRARY EXCEPTION', 'GNU GENERAL PUBLIC LICENSE', 'Apache License'],
];

/**
 * @param {string} file
 * @param {{ loaded?: typeof ADDON | typeof CUDA, beside: string[] }} about `loaded`: by path
 * @returns {string[]} what is wrong with one ELF file
 */
function problemsOf(file, { loaded, beside }) {
  const elf = readElf(file);
  const problems = [];
  const limits = { GLIBC: NEWEST_GLIBC, GLIBCXX: NEWEST_GLIBCXX };
  for (const [family, limit] of Object.entries(limits)) {
    const newest = elf.newest(family);
    if (newest !== undefined && compareVersions(newest, limit) > 0) {
      problems.push(`asks for ${family}_${newest}; the limit is ${family}_${limit}`);
    }
  }
  for (const name of elf.needed) {
    if (!EVERYWHERE.test(name) && !beside.includes(name)) {
      problems.push(`needs ${name}, which neither lies beside it nor comes with Node`);
    }
  }
  if (!elf.isStripped) problems.push('is not stripped');
  if (elf.hasExecutableStack) problems.push('asks for an executable stack; new glibcs refuse it');
  if (!loaded) return problems;
  if (elf.needed.some((name) => name.startsWith('libstdc++'))) {
    problems.push('needs libstdc++.so: it has to be linked in');
  }
  if (elf.runPath !== loaded.runPath) {
    problems.push(`has the run path ${elf.runPath}, not ${loaded.runPath}`);
  }
  if (!elf.isNeverUnloaded) problems.push('can be unloaded: -z nodelete is missing');
  for (const name of loaded.exported) {
    if (!elf.exported.includes(name)) problems.push(`does not export ${name}`);
  }
  const foreign = elf.exported.filter((name) => !loaded.exported.includes(name));
  if (foreign.length > 0) {
    problems.push(`exports ${foreign.length} other symbols: ${foreign.slice(0, 3).join(', ')}`);
  }
  return problems;
}

function problemsOfNotices(folder) {
  const file = join(folder, NOTICES);
  if (!existsSync(file)) return ['is missing'];
  const text = readFileSync(file, 'utf8');
  return LICENSED.filter((word) => !text.includes(word)).map((word) => `does not mention ${word}`);
}

/**
 * Checks one folder of `prebuilds`.
 * @returns {{ errors: string[], floor: string, sizes: { name: string, bytes: number }[] }}
 */
export function checkBinaries(folder) {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const errors = [];
  const sizes = names.map((name) => ({ name, bytes: statSync(join(folder, name)).size }));
  const binaries = names.filter((name) => /\.node$|\.so(\.|$)/.test(name));
  const addons = binaries.filter((name) => name.endsWith('.node'));
  if (addons.length !== 1)
    errors.push(`${folder}: expected one .node file, found ${addons.length}`);
  for (const name of names) {
    const problems = binaries.includes(name)
      ? problemsOf(join(folder, name), {
          ...(addons.includes(name) ? { loaded: ADDON } : {}),
          beside: names,
        })
      : [];
    if (problems.length === 0 && !binaries.includes(name) && name !== NOTICES) {
      problems.push('does not belong here');
    }
    errors.push(...problems.map((problem) => `${name} ${problem}`));
  }
  errors.push(...problemsOfNotices(folder).map((problem) => `${NOTICES} ${problem}`));
  for (const { name, bytes } of sizes) {
    if (addons.includes(name) && bytes > MOST_MEGABYTES.addon * 1e6) {
      errors.push(`${name} has ${mb(bytes)}; the limit is ${MOST_MEGABYTES.addon} MB`);
    }
  }
  const all = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (all > MOST_MEGABYTES.all * 1e6) {
    errors.push(`${folder} has ${mb(all)}; the limit is ${MOST_MEGABYTES.all} MB`);
  }
  const floors = binaries.map((name) => readElf(join(folder, name)).newest('GLIBC') ?? '0');
  return { errors, floor: floors.sort(compareVersions).at(-1) ?? 'unknown', sizes };
}

/**
 * The same of the CUDA library, which is in a package of its own.
 * @returns {{ errors: string[], floor: string, bytes: number }}
 */
export function checkCudaLibrary(file) {
  const errors = problemsOf(file, { loaded: CUDA, beside: [] });
  const bytes = statSync(file).size;
  if (bytes > MOST_MEGABYTES.cuda * 1e6) {
    errors.push(`has ${mb(bytes)}; the limit is ${MOST_MEGABYTES.cuda} MB`);
  }
  return { errors, floor: readElf(file).newest('GLIBC') ?? 'unknown', bytes };
}

export function mb(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
