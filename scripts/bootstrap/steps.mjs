// The steps: each says what it needs of the system, whether it is done, and how to do it.
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeModulesAreCurrent, stamp } from './fresh.mjs';
import { npm } from './npm.mjs';
import { ROOT, runLogged, StepFailed, task } from './report.mjs';
import {
  buildEnvironment,
  COMPILE,
  findNvcc,
  isInstalled,
  jobs,
  threadSanitizer,
} from './system.mjs';

/**
 * @typedef {object} Step
 * @property {string[]} needs names of requirements in system.mjs
 * @property {() => boolean} isDone
 * @property {() => Promise<void>} run
 */

const NATIVE_SOURCES = ['CMakeLists.txt', 'cmake', 'native'];
const CXX = /\.(cc|cu|h|hpp|inc|map|cmake|txt)$/;

/** @type {Step} */
export const npmPackages = {
  needs: [],
  isDone: nodeModulesAreCurrent,
  run: () =>
    task('installing npm packages', async () => {
      const command = [...npm(), 'ci', '--include=dev', '--no-audit', '--no-fund'];
      await runLogged(command, { log: 'npm', truncate: true });
    }),
};

/** @type {Step} */
export const formatter = {
  needs: ['clangFormat'],
  isDone: () => isInstalled('clangFormat'),
  run: async () => {},
};

const cmakeJs = [process.execPath, 'node_modules/cmake-js/bin/cmake-js'];
/** The CUDA backend is a library with a build of its own: nobody compiles it along with the addon. */
const configureAddon = [...cmakeJs, 'configure', '--CDSLUICE_CUDA=OFF'];

/**
 * Configures and builds a CMake tree. A tree that cannot be configured (another compiler or
 * generator since, or moved from another folder) is configured once more from nothing.
 */
async function buildTree({ folder, configure, build, log, progress }) {
  const env = buildEnvironment();
  try {
    await runLogged(configure, { log, env, truncate: true });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    for (const stale of ['CMakeCache.txt', 'CMakeFiles']) {
      rmSync(join(ROOT, folder, stale), { recursive: true, force: true });
    }
    await runLogged(configure, { log, env });
  }
  await runLogged(build, { log, env, progress });
}

/**
 * A step that builds a CMake tree and is done while its stamp is current. `outdated`: a folder that
 * goes away with the old output.
 */
function nativeStep({
  title,
  log,
  needs,
  sources,
  output,
  folder,
  configure,
  build,
  outdated = undefined,
}) {
  const mark = stamp(log, sources, [output]);
  return {
    needs,
    isDone: mark.isCurrent,
    run: () =>
      task(title, async (progress) => {
        mark.clear();
        if (outdated) rmSync(join(ROOT, outdated), { recursive: true, force: true });
        await buildTree({
          ...{ folder, log, progress },
          // What it names may have been installed a moment ago.
          configure: typeof configure === 'function' ? configure() : configure,
          build: [...build, jobs()],
        });
        mark.write();
      }),
  };
}

/** @type {Step} */
export const addon = nativeStep({
  title: 'compiling the addon',
  log: 'addon',
  needs: COMPILE,
  sources: { paths: [...NATIVE_SOURCES, 'package.json', 'package-lock.json'], pattern: CXX },
  output: 'build/Release/sluice.node',
  folder: 'build',
  configure: configureAddon,
  build: [...cmakeJs, 'build', '--target', 'sluice', '--parallel'],
  // The library prefers a prebuilt addon: one made of older sources would hide this one.
  outdated: `prebuilds/${process.platform}-${process.arch}`,
});

// In the addon's build tree, so that both share one compilation of the libraries.
/** @type {Step} */
export const nativeTests = nativeStep({
  title: 'compiling the native tests',
  log: 'native-tests',
  needs: [...COMPILE, 'gtest'],
  sources: { paths: [...NATIVE_SOURCES, 'test/native'], pattern: CXX },
  output: 'build/tests/sluice_tests',
  folder: 'build',
  configure: [...configureAddon, '--CDSLUICE_TESTS=ON'],
  build: [...cmakeJs, 'build', '--target', 'sluice_tests', '--parallel'],
});

/** @type {Step} */
export const nativeBench = nativeStep({
  title: 'compiling the native timings',
  log: 'native-bench',
  needs: COMPILE,
  sources: { paths: [...NATIVE_SOURCES, 'bench/native'], pattern: CXX },
  output: 'build/bench/sluice_bench',
  folder: 'build',
  configure: [...configureAddon, '--CDSLUICE_BENCH=ON'],
  build: [...cmakeJs, 'build', '--target', 'sluice_bench', '--parallel'],
});

/** The command that configures a tree with these sanitizers. */
function sanitizedTree(folder, sanitizers, ...options) {
  return [
    ...['cmake', '-S', '.', '-B', folder, '-DCMAKE_BUILD_TYPE=Debug'],
    // Some optimization: unoptimized SIMD wrappers are a hundred times slower.
    ...['-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1', `-DSLUICE_SANITIZE=${sanitizers}`],
    ...['-DSLUICE_CUDA=OFF', ...options],
  ];
}
const MEMORY = 'address,undefined';

// Two trees: on the two processors of a small machine one of both would take too long to compile.
/** @type {Step} */
export const sanitizedTests = nativeStep({
  title: 'compiling the native tests with sanitizers',
  log: 'sanitize',
  needs: [...COMPILE, 'gtest'],
  sources: { paths: [...NATIVE_SOURCES, 'test/native'], pattern: CXX },
  output: 'build/sanitize/sluice_tests',
  folder: 'build/sanitize',
  configure: sanitizedTree(
    ...['build/sanitize', MEMORY, '-DSLUICE_ADDON=OFF', '-DSLUICE_TESTS=ON'],
    '-DSLUICE_CUDA_EMULATOR=OFF',
  ),
  build: ['cmake', '--build', 'build/sanitize', '--parallel'],
});

/** The CUDA backend on the emulated device. @type {Step} */
export const sanitizedCudaTests = nativeStep({
  title: 'compiling the tests of the CUDA backend with sanitizers',
  log: 'sanitize-emulator',
  needs: [...COMPILE, 'gtest'],
  sources: { paths: [...NATIVE_SOURCES, 'test/native'], pattern: CXX },
  output: 'build/sanitize-emulator/sluice_tests',
  folder: 'build/sanitize-emulator',
  configure: sanitizedTree(
    ...['build/sanitize-emulator', MEMORY, '-DSLUICE_ADDON=OFF', '-DSLUICE_TESTS=ON'],
    '-DSLUICE_CPU=OFF',
  ),
  build: ['cmake', '--build', 'build/sanitize-emulator', '--parallel'],
});

// ThreadSanitizer sees accesses of up to 16 bytes and takes those of wider vectors for none at all, so
// the kernels are compiled for one narrow instruction set.
const NARROW = process.arch === 'x64' ? '-msse4.2 -maes -mpclmul ' : '';

/** @type {Step} */
export const threadTests = nativeStep({
  title: 'compiling the native tests with ThreadSanitizer',
  log: 'sanitize-threads',
  needs: [...COMPILE, 'gtest', 'threadSanitizer'],
  sources: { paths: [...NATIVE_SOURCES, 'test/native'], pattern: CXX },
  output: 'build/threads/sluice_tests',
  folder: 'build/threads',
  configure: () =>
    sanitizedTree(
      'build/threads',
      'thread',
      `-DCMAKE_CXX_COMPILER=${threadSanitizer()?.compiler}`,
      `-DCMAKE_CXX_FLAGS=${NARROW}-DHWY_COMPILE_ONLY_STATIC`,
      ...['-DSLUICE_ADDON=OFF', '-DSLUICE_TESTS=ON'],
    ),
  build: ['cmake', '--build', 'build/threads', '--parallel'],
});

// For Node processes: scripts/check-lifecycle.mjs --asan.
/** @type {Step} */
export const sanitizedAddon = nativeStep({
  title: 'compiling the addon with sanitizers',
  log: 'asan',
  needs: COMPILE,
  sources: { paths: [...NATIVE_SOURCES, 'package.json', 'package-lock.json'], pattern: CXX },
  output: 'build/asan/Release/sluice.node',
  folder: 'build/asan',
  configure: sanitizedTree('build/asan', MEMORY, '-DSLUICE_ADDON=ON'),
  build: ['cmake', '--build', 'build/asan', '--target', 'sluice', '--parallel'],
});

// scripts/check-cuda.mjs looks at it, scripts/cuda-package.mjs packs it.
/** @type {Step} */
export const cuda = nativeStep({
  title: 'compiling the CUDA backend',
  log: 'cuda',
  needs: ['compiler', 'cmake', 'generator', 'nvcc'],
  sources: { paths: [...NATIVE_SOURCES, 'package.json'], pattern: CXX },
  output: 'build/cuda/libsluice_cuda.so',
  folder: 'build/cuda-tree',
  configure: () => [
    ...['cmake', '-S', '.', '-B', 'build/cuda-tree', '-DCMAKE_BUILD_TYPE=Release'],
    ...['-DSLUICE_ADDON=OFF', '-DSLUICE_CPU=OFF', '-DSLUICE_CUDA=ON', '-DSLUICE_TESTS=OFF'],
    '-DSLUICE_CUDA_WERROR=ON',
    // cmake takes no relative path for outputs.
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(ROOT, 'build', 'cuda')}`,
    // With --skip-system CMake may find one by itself.
    ...[findNvcc()].filter(Boolean).map((nvcc) => `-DCMAKE_CUDA_COMPILER=${nvcc}`),
  ],
  build: ['cmake', '--build', 'build/cuda-tree', '--target', 'sluice_cuda', '--parallel'],
});

const distMark = stamp(
  'dist',
  {
    paths: [
      ...['lib', 'binding.d.ts', 'package.json', 'package-lock.json', 'scripts/esm-wrapper.mjs'],
      ...['tsconfig.base.json', 'tsconfig.build.json'],
    ],
  },
  ['dist/index.js', 'dist/index.mjs', 'dist/cli/main.js'],
);

/** @type {Step} */
export const dist = {
  needs: [],
  isDone: distMark.isCurrent,
  run: () =>
    task('compiling TypeScript', async () => {
      distMark.clear();
      rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
      const tsc = [process.execPath, 'node_modules/typescript/bin/tsc'];
      await runLogged([...tsc, '-p', 'tsconfig.build.json'], { log: 'dist', truncate: true });
      await runLogged([process.execPath, 'scripts/esm-wrapper.mjs'], { log: 'dist' });
      // npm does this where it installs the package; a checkout is run in place.
      chmodSync(join(ROOT, 'dist/cli/main.js'), 0o755);
      distMark.write();
    }),
};
