// Where the addon is looked for, in which order, and which of several prebuilt files is the one.
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addonPlaces, type Candidate, cudaPlaces, libcFamily } from '../../lib/addon/places.js';
import { makeTree } from '../scripts/support.js';

const PLATFORM = `${process.platform}-${process.arch}`;
const LIBC = libcFamily() ?? 'none';
const OTHER_LIBC = LIBC === 'musl' ? 'glibc' : 'musl';
const PACKAGE = `sluice-${PLATFORM}${LIBC === 'musl' ? '-musl' : ''}`;
const PACKAGED = `node_modules/${PACKAGE}`;
const MANIFEST = { 'package.json': '{ "name": "sluice" }' };
/** The package reads the names of files as node-gyp-build does. */
const READER = {
  'node_modules/node-gyp-build/index.js': `module.exports = require(${JSON.stringify(require.resolve('node-gyp-build'))})`,
};

function found(root: string, candidates: Candidate[]) {
  return candidates.map(({ place, file, reason }) => ({
    place,
    found: file === null ? String(reason) : relative(root, file),
  }));
}

function places(files: Record<string, string>) {
  const root = makeTree({ ...MANIFEST, ...READER, ...files });
  return found(root, addonPlaces(root, {}));
}

describe('places of the addon', () => {
  it('are four, in this order', () => {
    const files = {
      [`${PACKAGED}/package.json`]: '{ "exports": { "./sluice.node": "./sluice.node" } }',
      [`${PACKAGED}/sluice.node`]: '',
      [`prebuilds/${PLATFORM}/node.napi.${LIBC}.node`]: '',
      'build/Release/sluice.node': '',
    };
    expect(places(files)).toEqual([
      { place: 'explicit', found: 'not set' },
      { place: 'package', found: `${PACKAGED}/sluice.node` },
      { place: 'prebuilt', found: `prebuilds/${PLATFORM}/node.napi.${LIBC}.node` },
      { place: 'local', found: 'build/Release/sluice.node' },
    ]);
  });

  it('say what they lack', () => {
    expect(places({})).toEqual([
      { place: 'explicit', found: 'not set' },
      { place: 'package', found: 'not installed' },
      { place: 'prebuilt', found: 'there is no such folder' },
      { place: 'local', found: 'there is no such file' },
    ]);
    const files = {
      [`${PACKAGED}/package.json`]: '{ "exports": { "./package.json": "./package.json" } }',
      [`prebuilds/${PLATFORM}/README.md`]: '',
    };
    expect(places(files).map(({ found }) => found)).toEqual([
      'not set',
      'is installed, but has no sluice.node',
      'holds no .node file',
      'there is no such file',
    ]);
  });

  it('are one alone where a file is named', () => {
    const all = { 'build/Release/sluice.node': '', 'mine/a.node': '', 'mine/a.js': 'throw 1' };
    const root = makeTree({ ...MANIFEST, ...all });
    const named = (path: string) => addonPlaces(root, { SLUICE_ADDON_PATH: path });
    const file = join(root, 'mine/a.node');
    expect(named(file)).toEqual([
      { place: 'explicit', name: `SLUICE_ADDON_PATH=${file}`, file, reason: null },
    ]);
    expect(named(relative(process.cwd(), file))).toMatchObject([{ file, reason: null }]);
    expect(named(`${file}x.node`)).toMatchObject([{ file: null, reason: 'there is no such file' }]);
    expect(named(join(root, 'mine/a.js'))).toMatchObject([
      { file: null, reason: 'is not a .node file' },
    ]);
    // Empty is how a shell unsets a variable for one command.
    expect(named('')).toHaveLength(4);
  });
});

describe('prebuilt files', () => {
  const prebuilt = (...names: string[]) =>
    places(Object.fromEntries(names.map((name) => [`prebuilds/${PLATFORM}/${name}`, ''])))
      .filter(({ place }) => place === 'prebuilt')
      .map(({ found }) => found.split('/').at(-1));

  it('are chosen by libc and by how exactly they are named', () => {
    expect(
      prebuilt(
        `node.napi.${OTHER_LIBC}.node`,
        'node.napi.node',
        `node.napi.${LIBC}.node`,
        'electron.abi106.node',
        'node.abi1.node',
      ),
    ).toEqual([`node.napi.${LIBC}.node`, 'node.napi.node']);
  });

  it('for other systems are named', () => {
    expect(prebuilt(`node.napi.${OTHER_LIBC}.node`)).toEqual([
      `node.napi.${OTHER_LIBC}.node: not for node ABI ${process.versions.modules}, ${LIBC}`,
    ]);
  });
});

describe('places of the CUDA library', () => {
  const LIBRARY = 'libsluice_cuda.so';
  const folder = `node_modules/sluice-cuda-${PLATFORM}`;
  const cuda = (files: Record<string, string>) => {
    const root = makeTree({ ...MANIFEST, ...files });
    return found(root, cudaPlaces(root, {}));
  };

  it('are three, in this order', () => {
    const files = {
      [`${folder}/package.json`]: '{}',
      [`${folder}/${LIBRARY}`]: '',
      [`build/cuda/${LIBRARY}`]: '',
    };
    expect(cuda(files)).toEqual([
      { place: 'explicit', found: 'not set' },
      { place: 'package', found: `${folder}/${LIBRARY}` },
      { place: 'local', found: `build/cuda/${LIBRARY}` },
    ]);
  });

  it('say what they lack', () => {
    expect(cuda({}).map((place) => place.found)).toEqual([
      'not set',
      'not installed',
      'there is no such file',
    ]);
    expect(cuda({ [`${folder}/package.json`]: '{}' })[1]?.found).toBe(
      `is installed, but has no ${LIBRARY}`,
    );
  });

  it('are one alone where a file is named', () => {
    const root = makeTree({ ...MANIFEST, 'mine/a.so': '', [`build/cuda/${LIBRARY}`]: '' });
    const named = (path: string) => cudaPlaces(root, { SLUICE_CUDA_PATH: path });
    const file = join(root, 'mine/a.so');
    expect(named(file)).toEqual([
      { place: 'explicit', name: `SLUICE_CUDA_PATH=${file}`, file, reason: null },
    ]);
    expect(named(relative(process.cwd(), file))).toMatchObject([{ file, reason: null }]);
    expect(named(`${root}/none.so`)).toMatchObject([{ reason: 'there is no such file' }]);
    expect(named(join(root, 'mine'))).toMatchObject([{ reason: 'is not a .so file' }]);
    expect(named('')).toHaveLength(3);
  });
});
