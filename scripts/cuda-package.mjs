// Makes the package of the CUDA library, build/cuda-package/sluice-cuda-<platform>-<arch>-<version>.tgz:
// the library and nothing that runs at installation. Apart from the main package, whose users mostly
// have no GPU; one that is an optional dependency of it would be downloaded by all of them.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, runMain, StepFailed } from './bootstrap/report.mjs';
import { checkCudaLibrary, mb } from './package/binaries.mjs';
import { pack } from './package/tarball.mjs';

const LIBRARY = 'libsluice_cuda.so';
const BUILT = join(ROOT, 'build', 'cuda', LIBRARY);
const STAGE = join(ROOT, 'build', 'cuda-stage');
const FOLDER = join(ROOT, 'build', 'cuda-package');
const PLATFORM = `${process.platform}-${process.arch}`;
const NAME = `sluice-cuda-${PLATFORM}`;
const CONTENTS = ['LICENSE', 'README.md', LIBRARY, 'package.json'];

function manifest({ version, license, author }) {
  return {
    ...{ name: NAME, version },
    description: `The CUDA backend of sluice for ${PLATFORM}`,
    ...{ license, author },
    ...{ os: [process.platform], cpu: [process.arch], libc: ['glibc'] },
    files: [LIBRARY],
    // The two speak to each other by an interface that may change with every version.
    peerDependencies: { sluice: version },
  };
}

function readme({ version }, floor) {
  return `# ${NAME}

The CUDA backend of sluice ${version} for ${PLATFORM}: one shared
library, which sluice loads when a model is told to run on \`device: 'cuda'\` or \`'auto'\`, and not before.

    npm install sluice@${version} ${NAME}@${version}
    npx sluice doctor

It needs glibc ${floor} or newer, an NVIDIA driver and a GPU of compute capability 8.0 or higher; no CUDA
toolkit. Both packages have to be of the same version. Nothing runs when it is installed.

It was compiled and checked on machines without a GPU; it has not run on one.

NVIDIA's CUDA runtime is linked into it, which the licence of the CUDA toolkit allows to be distributed
so, and GCC's libstdc++, under the GCC Runtime Library Exception.
`;
}

await runMain(async () => {
  if (process.platform !== 'linux') {
    throw new StepFailed(`the CUDA package is made on Linux, not on ${process.platform}`);
  }
  const { errors, floor } = checkCudaLibrary(BUILT);
  if (errors.length > 0) {
    throw new StepFailed(errors.map((problem) => `${LIBRARY} ${problem}`).join('\n'));
  }
  const sluice = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  rmSync(STAGE, { recursive: true, force: true });
  mkdirSync(STAGE, { recursive: true });
  copyFileSync(BUILT, join(STAGE, LIBRARY));
  copyFileSync(join(ROOT, 'LICENSE'), join(STAGE, 'LICENSE'));
  writeFileSync(join(STAGE, 'README.md'), readme(sluice, floor));
  writeFileSync(join(STAGE, 'package.json'), `${JSON.stringify(manifest(sluice), null, 2)}\n`);
  const { file, names, bytes, unpackedBytes } = pack(FOLDER, STAGE);
  if (names.sort().join() !== CONTENTS.join()) {
    throw new StepFailed(`the package holds ${names.join(', ')}; expected ${CONTENTS.join(', ')}`);
  }
  console.log(`${relative(ROOT, file)}: ${mb(bytes)}, unpacked ${mb(unpackedBytes)}`);
});
