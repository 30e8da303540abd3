// `sluice doctor`: what it finds, and what it says where the addon is missing.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { devices, threads } from 'sluice';
import { describe, expect, it } from 'vitest';
import { ADDON_PATH, addon } from '../addon/support.js';
import { ROOT } from '../scripts/support.js';
import { LOCAL, makePackage, PLATFORM, PREBUILT } from '../support/package.js';
import { IS_BUILT, MANIFEST, sluice, sluiceJson } from './support.js';

const text = expect.stringMatching(/./);
/** Whatever this machine has: no CUDA library. */
const NO_CUDA = {
  place: 'explicit',
  name: 'SLUICE_CUDA_PATH=/nowhere/none.so',
  status: 'absent',
  reason: 'there is no such file',
};
const ENV = { SLUICE_ADDON_PATH: ADDON_PATH, SLUICE_CUDA_PATH: '/nowhere/none.so' };

describe.skipIf(!IS_BUILT)('sluice doctor', () => {
  it('prints what was found as JSON', () => {
    const { status, stderr, json } = sluiceJson(['doctor'], { env: ENV });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(json).toEqual({
      sluice: { version: MANIFEST.version, root: ROOT },
      node: {
        version: process.version,
        abi: process.versions.modules,
        napi: process.versions.napi,
        executable: process.execPath,
      },
      system: {
        platform: process.platform,
        arch: process.arch,
        kernel: text,
        libc: expect.objectContaining({ family: expect.stringMatching(/^(glibc|musl)$/) }),
        processor: expect.any(String),
        processors: expect.any(Number),
      },
      addon: {
        loaded: { place: 'explicit', file: ADDON_PATH },
        places: [
          {
            place: 'explicit',
            name: `SLUICE_ADDON_PATH=${ADDON_PATH}`,
            status: 'taken',
            reason: null,
          },
        ],
        build: addon.buildInfo(),
      },
      cuda: { loaded: null, places: [NO_CUDA] },
      cpu: addon.cpu(),
      threads: { ...threads(), reason: text },
      memory: { ...addon.memory(), available: expect.any(Number) },
      devices: [
        ...devices().filter(({ available }) => available),
        { name: 'cuda', available: false, description: `${NO_CUDA.name}: ${NO_CUDA.reason}` },
      ],
      ready: true,
      advice: [],
    });
    if (json.system.libc.family === 'glibc') expect(json.system.libc.version).toMatch(/^2\.\d+/);
  });

  it('prints the same for people', () => {
    const { status, stdout } = sluice(['doctor'], { env: ENV });
    expect(status).toBe(0);
    const { limit } = addon.memory();
    for (const line of [
      `sluice ${MANIFEST.version}, in ${ROOT}`,
      `  loaded  ${ADDON_PATH} (named by the environment)`,
      `  built   sluice ${MANIFEST.version}, ${addon.buildInfo().compiler}, Node-API 8`,
      '  library    none',
      `  not taken  ${NO_CUDA.name}: ${NO_CUDA.reason}`,
      `  cuda: not available: ${NO_CUDA.name}: ${NO_CUDA.reason}`,
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
    expect(stdout).toMatch(new RegExp(`\\n {2}threads +${threads().count}: `));
    expect(stdout).toContain(`${(limit / 1024 ** 3).toFixed(1)} GiB at most`);
    expect(stdout).toMatch(/\n {2}blas +OpenBLAS [\d.]+ (openmp|pthread) /);
    expect(stdout).toContain(`\n  target  ${addon.cpu()?.target}`);
    expect(stdout).not.toMatch(/undefined|null|\[object/);
  });

  it('says why the number of threads is what it is', ({ skip }) => {
    const command = ['-c', '0', process.execPath, join(ROOT, MANIFEST.bin.sluice), 'doctor'];
    const { error, stdout } = spawnSync('taskset', command, { encoding: 'utf8' });
    if (error) skip('taskset is not installed');
    expect(stdout).toMatch(
      /\n {2}threads +1: the processors that this process may run on \(affinity 1, cgroup quota /,
    );
  });

  it('tells which of the places was taken and what of the others', () => {
    const root = makePackage({ [PREBUILT]: 'not an addon', [LOCAL]: true });
    const { status, json } = sluiceJson(['doctor'], { root });
    expect(status).toBe(0);
    expect(json.addon.loaded).toEqual({ place: 'local', file: `${root}/${LOCAL}` });
    expect(json.addon.places.map(({ name: _, ...rest }: { name: string }) => rest)).toEqual([
      { place: 'explicit', status: 'absent', reason: 'not set' },
      { place: 'package', status: 'absent', reason: 'is installed, but has no sluice.node' },
      { place: 'prebuilt', status: 'failed', reason: 'file too short' },
      { place: 'local', status: 'taken', reason: null },
    ]);

    const both = sluice(['doctor'], { root: makePackage({ [PREBUILT]: true, [LOCAL]: true }) });
    expect(both.stdout).toMatch(/loaded +\S.*\/node\.napi\.node \(prebuilt, in this package\)\n/);
    expect(both.stdout).toMatch(/sluice\.node: not tried, comes after the one loaded\n/);
  });

  it('prints the rest and what was tried where there is no addon, with exit code 1', () => {
    const root = makePackage({});
    const { status, stdout, stderr } = sluice(['doctor'], { root });
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toContain(`  node       ${process.version} `);
    expect(stdout).toContain('  loaded     none\n  not taken  SLUICE_ADDON_PATH: not set\n');
    expect(stdout).toContain(`package sluice-${PLATFORM}: is installed, but has no sluice.node\n`);
    expect(stdout).toContain(`${root}/prebuilds/${PLATFORM}: there is no such folder\n`);
    expect(stdout).toContain(`${root}/${LOCAL}: there is no such file\n`);
    expect(stdout).toContain('\nTo compile it, run: npx sluice build\n');
    expect(sluiceJson(['doctor'], { root })).toMatchObject({
      status: 1,
      json: {
        addon: { loaded: null, build: null },
        cpu: null,
        threads: null,
        memory: null,
        devices: null,
        ready: false,
        advice: ['To compile it, run: npx sluice build', text],
      },
    });
  });
});
