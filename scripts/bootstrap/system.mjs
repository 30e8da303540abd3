// Compilers and libraries that npm cannot bring: found where distributions put them, installed with
// apt-get where that is possible, otherwise named to the user.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { runLogged, StepFailed, SystemIncomplete, say, task } from './report.mjs';

const TRIPLE = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch] ?? '';
const PREFIXES = ['/usr', '/usr/local', '/opt/homebrew', '/opt/homebrew/opt/openblas'];
const OLDEST_GXX = 12;
const OLDEST_CLANG = 15;
const NEWEST_TSAN = 21;
/** Compiles for the newest GPUs that the CUDA backend has machine code for. */
const OLDEST_CUDA = 12.8;
const TSAN_RUNTIME = `libclang_rt.tsan-${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch]}.a`;

function hasCommand(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Standard output of a command, '' when it fails. */
function ask(program, ...args) {
  const answer = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  return answer.status === 0 ? answer.stdout : '';
}

function firstNumber(text) {
  return Number.parseFloat(/\d+(\.\d+)?/.exec(text)?.[0] ?? '0');
}

function isModernCompiler(name) {
  const banner = ask(name, '--version');
  const oldest = /clang/i.test(banner) ? OLDEST_CLANG : OLDEST_GXX;
  return firstNumber(ask(name, '-dumpversion')) >= oldest;
}

/** The compiler to use: the one in CXX, the system's own, else the newest g++ beside it. */
function findCompiler() {
  const versions = Array.from({ length: 8 }, (_, i) => OLDEST_GXX + 7 - i);
  const candidates = [process.env.CXX, 'c++', 'g++', ...versions.map((v) => `g++-${v}`), 'clang++'];
  return candidates.find((name) => name && hasCommand(name) && isModernCompiler(name));
}

/**
 * Clang with ThreadSanitizer and with Archer, which tells it how OpenMP's threads wait for each other;
 * Debian and Ubuntu keep every version in a folder of its own.
 */
export function threadSanitizer() {
  for (let version = NEWEST_TSAN; version >= OLDEST_CLANG; version--) {
    const root = `/usr/lib/llvm-${version}`;
    const runtimes = join(root, 'lib', 'clang');
    const has = (folder) => existsSync(join(runtimes, folder, 'lib/linux', TSAN_RUNTIME));
    const isComplete =
      ['bin/clang++', 'bin/llvm-symbolizer', 'lib/libarcher.so', 'lib/clang'].every((file) =>
        existsSync(join(root, file)),
      ) && readdirSync(runtimes).some(has);
    if (!isComplete) continue;
    return { compiler: join(root, 'bin/clang++'), symbolizer: join(root, 'bin/llvm-symbolizer') };
  }
  return undefined;
}

/** The CUDA compiler: the one in CUDACXX, else in PATH, else where NVIDIA's packages put it. */
export function findNvcc() {
  const release = (name) => firstNumber(/release .*/.exec(ask(name, '--version'))?.[0] ?? '');
  const named = process.env.CUDACXX;
  const candidates = named ? [named] : ['nvcc', '/usr/local/cuda/bin/nvcc'];
  return candidates.find((name) => release(name) >= OLDEST_CUDA);
}

/** Environment for CMake: names compiler and generator where CMake by itself would take others. */
export function buildEnvironment() {
  /** @type {Record<string, string>} */
  const environment = {};
  const compiler = findCompiler();
  if (compiler && compiler !== 'c++') environment.CXX = compiler;
  if (hasCommand('ninja')) environment.CMAKE_GENERATOR = 'Ninja';
  return environment;
}

/** Compilers at once: one a core, and no more than memory allows (SIMD kernels take over 1 GiB). */
export function jobs() {
  // In a container, what it may use; 0 or a huge number where nothing limits it.
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY;
  const byMemory = Math.floor(Math.min(totalmem(), limit) / 1.5e9);
  const chosen = Number(process.env.CMAKE_BUILD_PARALLEL_LEVEL);
  return String(chosen || Math.max(1, Math.min(availableParallelism(), byMemory)));
}

/** Whether one of `names` is in the library folder of any prefix, in one of `subfolders`. */
function hasLibrary(names, subfolders = ['']) {
  return PREFIXES.flatMap((prefix) => [`lib/${TRIPLE}`, 'lib64', 'lib'].map((d) => join(prefix, d)))
    .flatMap((folder) => subfolders.map((subfolder) => join(folder, subfolder)))
    .some((folder) => names.some((name) => existsSync(join(folder, name))));
}

function hasHeader(name) {
  return PREFIXES.some((prefix) => existsSync(join(prefix, 'include', name)));
}

/** Ubuntu 22.04 and Debian 11 have Highway 0.x, whose names are others. */
function hasHighway() {
  const macro = /^#define HWY_MAJOR (\d+)/m;
  return PREFIXES.some((prefix) => {
    const texts = ['highway.h', 'base.h']
      .map((name) => join(prefix, 'include', 'hwy', name))
      .filter(existsSync)
      .map((file) => macro.exec(readFileSync(file, 'utf8'))?.[1]);
    return texts.length > 0 && Number(texts.find(Boolean) ?? 1) >= 1;
  });
}

function hasOpenBlas() {
  // Debian keeps each flavour in a folder, others mark it by a letter (o: OpenMP, p: pthreads);
  // the plain name says nothing about the flavour, and CMake then asks the library itself.
  const isDebian = existsSync('/etc/debian_version');
  return (
    hasLibrary(['libopenblas.a', 'libopenblas.so'], ['openblas-openmp', 'openblas-pthread']) ||
    hasLibrary(['libopenblaso.so', 'libopenblasp.so']) ||
    (!isDebian && hasLibrary(['libopenblas.so', 'libopenblas.dylib']))
  );
}

/**
 * `apt`: packages of Debian and Ubuntu; `from`: where it is to be had instead.
 * @type {Record<string, { what: string, apt?: string, from?: string, isThere: () => boolean }>}
 */
const REQUIREMENTS = {
  compiler: {
    what: `a C++20 compiler (g++ ${OLDEST_GXX} or clang ${OLDEST_CLANG}, or newer)`,
    apt: 'g++',
    isThere: () => findCompiler() !== undefined,
  },
  cmake: {
    what: 'CMake 3.20 or newer',
    apt: 'cmake',
    isThere: () => {
      const [major, minor] = (/(\d+)\.(\d+)/.exec(ask('cmake', '--version')) ?? []).slice(1);
      return Number(major) * 1000 + Number(minor) >= 3020;
    },
  },
  generator: {
    what: 'Ninja or make',
    apt: 'ninja-build',
    isThere: () => hasCommand('ninja') || hasCommand('make'),
  },
  blas: {
    what: 'OpenBLAS built on OpenMP, with its headers',
    apt: 'libopenblas-openmp-dev',
    isThere: hasOpenBlas,
  },
  highway: {
    what: 'Highway 1.0 or newer, with its headers',
    apt: 'libhwy-dev',
    isThere: hasHighway,
  },
  gtest: {
    what: 'GoogleTest',
    apt: 'libgtest-dev',
    isThere: () => hasHeader('gtest/gtest.h') && hasLibrary(['libgtest.a', 'libgtest.so']),
  },
  threadSanitizer: {
    what: `clang ${OLDEST_CLANG} or newer with ThreadSanitizer, libomp with Archer, llvm-symbolizer`,
    apt: 'clang-16 libclang-rt-16-dev libomp-16-dev llvm-16',
    isThere: () => threadSanitizer() !== undefined,
  },
  nvcc: {
    what: `the CUDA toolkit ${OLDEST_CUDA} or newer, nvcc in PATH (or named by CUDACXX)`,
    from: 'https://developer.nvidia.com/cuda-downloads',
    isThere: () => findNvcc() !== undefined,
  },
  clangFormat: {
    what: 'clang-format 14 or newer',
    apt: 'clang-format',
    isThere: () => hasCommand('clang-format') || hasCommand('clang-format-14'),
  },
};

/** What compiling the addon needs. */
export const COMPILE = ['compiler', 'cmake', 'generator', 'blas', 'highway'];

export function isInstalled(name) {
  return REQUIREMENTS[name].isThere();
}

/** How to become root for apt-get: nothing to add, sudo, or not at all. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return ask('sudo', '-n', 'echo', 'yes') ? ['sudo', '-n'] : undefined;
}

function aptListsAreMissing() {
  const lists = '/var/lib/apt/lists';
  return !existsSync(lists) || !readdirSync(lists).some((name) => /_Packages(\.\w+)?$/.test(name));
}

/** The distribution's default g++ may be too old while a newer one is on offer beside it. */
function compilerPackage() {
  // Without lists, apt-cache takes the name for a pattern and answers with other packages.
  const policy = ask('apt-cache', 'policy', 'g++');
  const candidate = /^g\+\+:\n.*\n\s*Candidate: (?:\d+:)?(\d+)/.exec(policy)?.[1];
  return Number(candidate) < OLDEST_GXX ? `g++-${OLDEST_GXX}` : 'g++';
}

async function installWithApt(missing, prefix) {
  const apt = (...args) =>
    runLogged(
      [
        ...[...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', 'apt-get'],
        ...['-o', 'DPkg::Lock::Timeout=600', ...args],
      ],
      { log: 'apt', isGroup: prefix.length === 0 },
    );
  let isUpdated = false;
  const update = async () => {
    await task('reading package lists (apt-get update)', () => apt('update'));
    isUpdated = true;
  };
  if (aptListsAreMissing()) await update();
  const install = () => {
    const packages = missing.flatMap(({ apt: names }) =>
      names === 'g++' ? compilerPackage() : names.split(' '),
    );
    return task(`installing ${packages.join(' ')} (apt-get)`, () =>
      apt('install', '-y', '--no-install-recommends', ...packages),
    );
  };
  try {
    await install();
  } catch (error) {
    if (isUpdated || !(error instanceof StepFailed)) throw error;
    say('  that failed; trying again with new package lists');
    await update();
    await install();
  }
}

/**
 * What to tell the user about requirements that are not met: what they are, how to install them.
 * @param {string[]} names
 */
export function describeMissing(names) {
  const missing = names.map((name) => REQUIREMENTS[name]);
  const lines = ['these are missing:'];
  for (const { what, from } of missing) lines.push(`  - ${what}${from ? `: ${from}` : ''}`);
  const packaged = missing.flatMap(({ apt }) => apt ?? []);
  if (packaged.length > 0 && hasCommand('apt-get')) {
    const packages = packaged.map((apt) => (apt === 'g++' ? compilerPackage() : apt)).join(' ');
    const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
    lines.push('Install them and run this again:');
    lines.push(`  ${sudo}apt-get update && ${sudo}apt-get install -y ${packages}`);
  } else if (packaged.length === 0) {
    lines.push('Install them and run this again.');
  } else {
    lines.push('Install them with your package manager and run this again.');
  }
  return lines;
}

/**
 * Makes sure that the named requirements are met, or throws with what the user has to do.
 * @param {Set<string>} names
 */
export async function ensureSystem(names) {
  const lookUp = () => [...names].filter((name) => !isInstalled(name));
  let missing = lookUp();
  if (missing.length === 0) return;
  const isPackaged = missing.every((name) => REQUIREMENTS[name].apt !== undefined);
  const prefix = isPackaged && hasCommand('apt-get') ? rootPrefix() : undefined;
  if (prefix) {
    await installWithApt(
      missing.map((name) => REQUIREMENTS[name]),
      prefix,
    );
    missing = lookUp();
    if (missing.length === 0) return;
  }
  const lines = describeMissing(missing);
  if (prefix) {
    // apt-get has been asked already, so its line would be no help.
    lines.splice(-2);
    lines.push('apt-get has installed what this distribution offers; it is not recent enough.');
  }
  lines.push('If they are there but in an unusual place: npm run build -- --skip-system');
  throw new SystemIncomplete(lines.join('\n'));
}
