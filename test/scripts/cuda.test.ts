// What the scripts around the CUDA library say where its compiler, a GPU or a good library is missing.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT, runNode, runScript } from './support.js';

const FAKES = join(ROOT, 'build', 'fake');
const IS_BUILT = existsSync(join(FAKES, 'None.so')) && existsSync(join(ROOT, 'dist', 'index.js'));

describe.skipIf(!IS_BUILT)('check-cuda', () => {
  it('names what is wrong with a library, and what became of its devices', () => {
    const { status, lines } = runScript('check-cuda.mjs', join(FAKES, 'Driver.so'));
    expect(status).toBe(1);
    const name = 'build/fake/Driver.so';
    expect(lines).toContain(`error: ${name} is not stripped`);
    expect(lines).toContain(`error: ${name} can be unloaded: -z nodelete is missing`);
    expect(lines).toContain('cuda: not available: there is no driver');
    expect(lines.join('\n')).toMatch(
      /build\/fake\/Driver.so: 0\.\d\d MB, glibc 2\.[\d.]+ or newer/,
    );
    expect(lines.join('\n')).not.toMatch(/exports|executable stack|run path/);
  });

  it('does not take one that sluice would not load', () => {
    const { status, lines } = runScript('check-cuda.mjs', join(FAKES, 'Symbol.so'));
    expect(status).toBe(1);
    expect(lines).toContain('error: build/fake/Symbol.so does not export sluice_backend');
    expect(lines).toContain('error: build/fake/Symbol.so exports 1 other symbols: somebody_else');
    expect(lines).toContain(
      'sluice: build/fake/Symbol.so does not load: is no backend: it has no function sluice_backend',
    );
  });

  it('says how to make the library where there is none', () => {
    const { status, lines } = runScript('check-cuda.mjs', '/nowhere/none.so');
    expect({ status, lines }).toEqual({
      status: 1,
      lines: ['sluice: /nowhere/none.so is not there: npm run build:cuda'],
    });
  });
});

describe('a machine without', () => {
  /** What a script says where PATH leads to nothing but these programs. */
  const inPath = (programs: string[], ...args: string[]) => {
    const bin = makeTree({});
    for (const name of programs) symlinkSync(`/usr/bin/${name}`, join(bin, name));
    return runNode(args, { env: { PATH: bin, CUDACXX: '/nowhere/nvcc' } });
  };

  it('nvcc is told where to get it', () => {
    const source = `
      import { ensureSystem } from ${JSON.stringify(`${ROOT}/scripts/bootstrap/system.mjs`)};
      import { runMain } from ${JSON.stringify(`${ROOT}/scripts/bootstrap/report.mjs`)};
      await runMain(() => ensureSystem(new Set(['nvcc'])));`;
    // Also where there is an apt-get: it has no such package.
    for (const programs of [[], existsSync('/usr/bin/apt-get') ? ['apt-get'] : []]) {
      expect(inPath(programs, '--input-type=module', '-e', source)).toEqual({
        status: 3,
        lines: [
          'sluice: these are missing:',
          '  - the CUDA toolkit 12.8 or newer, nvcc in PATH (or named by CUDACXX): ' +
            'https://developer.nvidia.com/cuda-downloads',
          'Install them and run this again.',
          'If they are there but in an unusual place: npm run build -- --skip-system',
        ],
      });
    }
  });

  it('a GPU cannot sanitize, and is told so', () => {
    expect(inPath([], join(ROOT, 'scripts', 'sanitize-cuda.mjs'))).toEqual({
      status: 3,
      lines: ['sluice: there is no GPU here, or no NVIDIA driver: nvidia-smi finds none'],
    });
  });
});

describe('test-cuda.sh', () => {
  const TESTS = `#!/bin/sh
echo "cuda: NVIDIA of $SLUICE_CUDA_PATH"
echo "[       OK ] Cuda.One (1 ms)"
echo "$*"
`;
  const SANITIZER = `#!/bin/sh
[ "$1" = --version ] && exit
echo "under $2"
[ "$2" = racecheck ] && { echo 'a race'; exit 1; }
shift 4
exec "$@"
`;

  /** With a GPU, and these tests; a line of the summary each. */
  function test(files: Record<string, string>, ...args: string[]) {
    const gpu = "#!/bin/sh\necho 'GPU 0: made up'\n";
    const programs = { tests: TESTS, 'bin/nvidia-smi': gpu, ...files };
    const folder = makeTree({ ...programs, library: '' });
    for (const path of Object.keys(programs)) chmodSync(join(folder, path), 0o755);
    const places = { tests: join(folder, 'tests'), library: join(folder, 'library') };
    const options = Object.entries({ ...places, out: join(folder, 'out') });
    const { status, stderr } = spawnSync(
      '/bin/sh',
      [
        ...['scripts/test-cuda.sh', ...options.flatMap(([name, value]) => [`--${name}`, value])],
        ...args,
      ],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: { CUDACXX: '/nowhere/nvcc', PATH: `${join(folder, 'bin')}:/usr/bin:/bin` },
      },
    );
    const lines = stderr.split('\n\n').at(-1)?.trim().split('\n');
    const log = (name: string) => readFileSync(join(folder, 'out', `${name}.log`), 'utf8');
    return { status, summary: lines?.map((line) => line.split(/ {2,}/)), log, ...places };
  }

  it('runs the tests plainly and under every tool, each to its end', () => {
    const files = { 'bin/compute-sanitizer': SANITIZER };
    const { status, summary, log, library } = test(files, '--', '--gtest_filter=Mine');
    expect(summary).toEqual([
      ['plain', 'ok; 1 tests passed'],
      ['memcheck', 'ok; 1 tests passed'],
      ['racecheck', 'failed with 1; 0 tests passed'],
      ['initcheck', 'ok; 1 tests passed'],
      ['synccheck', 'ok; 1 tests passed'],
    ]);
    expect(status).toBe(1);
    expect(log('plain')).toContain(`cuda: NVIDIA of ${library}`);
    expect(log('plain')).not.toContain('under');
    expect(log('plain')).toContain('*CudaGemm* --gtest_filter=Mine\n');
    expect(log('memcheck')).toMatch(/^under memcheck\n/);
  });

  it('tests without the sanitizer, and ends with 3 where a tool was asked for', () => {
    const missing = 'compute-sanitizer is missing; it comes with the CUDA toolkit';
    const { status, summary } = test({}, 'plain', 'memcheck');
    expect(summary).toEqual([
      ['plain', 'ok; 1 tests passed'],
      ['memcheck', missing],
    ]);
    expect(status).toBe(3);
    expect(test({}, 'plain').status).toBe(0);
    expect(test({}, '--check')).toMatchObject({ status: 3, summary: [[missing]] });
  });

  it('fails where the tests did not run on the GPU, or not within their time', () => {
    const elsewhere = `${TESTS}echo 'no cuda: the driver is too old'\n`;
    const { status, summary } = test({ tests: elsewhere }, 'plain');
    expect(summary).toEqual([['plain', 'ok; not on the GPU; 1 tests passed']]);
    expect(status).toBe(1);
    const slow = test({ tests: `${TESTS}sleep 60\n` }, 'plain', '--seconds', '5');
    expect(slow.summary?.[0]?.[1]).toMatch(/^(the time was up|left out)/);
    expect(slow.status).toBe(1);
  });

  it('says what is not there', () => {
    const { status, summary } = test({}, '--library', '/nowhere/libsluice_cuda.so');
    expect({ status, summary }).toEqual({
      status: 3,
      summary: [['/nowhere/libsluice_cuda.so is not there']],
    });
  });
});
