// What the scripts around the CUDA library say where its compiler, a GPU or a good library is missing.
import { existsSync, symlinkSync } from 'node:fs';
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
    expect(lines.join('\n')).toMatch(/build\/fake\/Driver.so: 0\.\d\d MB, glibc 2\.\d+ or newer/);
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
