// Limits of a container, as the kernel shows them: the files of cgroups v1 and v2, laid over the real
// ones in a mount namespace of the child's own (which only root may make).
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { PRELUDE, ROOT } from '../support/prelude.mjs';

const folder = mkdtempSync(join(tmpdir(), 'sluice-cgroup-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mayMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--mount', 'mount', '--bind', folder, '/sys/fs/cgroup']).status === 0;

let made = 0;

/** Runs Node where /proc/self/cgroup and /sys/fs/cgroup are these. */
function inContainer(group: string, files: Record<string, string>, argv: readonly string[]) {
  const root = join(folder, String(made++));
  mkdirSync(join(root, 'fs'), { recursive: true });
  for (const [name, text] of Object.entries({ ...files, '../group': group })) {
    const path = join(root, 'fs', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${text}\n`);
  }
  const script = `mount --bind "$0/fs" /sys/fs/cgroup && mount --bind "$0/group" /proc/$$/cgroup &&
    exec "$@"`;
  return spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', script.replaceAll('\n', ' '), root, process.execPath, ...argv],
    { cwd: ROOT, encoding: 'utf8', timeout: 50_000 },
  );
}

function doctor(group: string, files: Record<string, string>) {
  const { status, stdout, stderr } = inContainer(group, files, [
    'dist/cli/main.js',
    'doctor',
    '--json',
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

const V1 = '4:memory:/box\n3:cpu,cpuacct:/box';

describe.skipIf(!mayMount)('in a container', () => {
  it('takes one thread where the quota is one processor, and doctor says why', () => {
    for (const [group, files] of [
      ['0::/', { 'cpu.max': '100000 100000' }],
      ['0::/pod/box', { 'pod/box/cpu.max': '50000 50000' }],
      // A group cannot have more than the one around it.
      ['0::/pod/box', { 'pod/cpu.max': '100000 100000', 'pod/box/cpu.max': 'max 100000' }],
      [V1, { 'cpu/box/cpu.cfs_quota_us': '100000', 'cpu/box/cpu.cfs_period_us': '100000' }],
      // What was mounted is the group itself: the path is the host's.
      [V1, { 'cpu/cpu.cfs_quota_us': '100000', 'cpu/cpu.cfs_period_us': '100000' }],
    ] as const) {
      const { threads } = doctor(group, files);
      expect(threads).toMatchObject({ count: 1, cgroupQuota: 1, requested: null });
      if (availableParallelism() > 1) expect(threads.reason).toContain('quota is 1 of');
    }
  });

  it('takes one thread where the quota is less than a processor', () => {
    const { threads } = doctor('0::/', { 'cpu.max': '20000 100000' });
    expect(threads).toMatchObject({ count: 1, cgroupQuota: 0.2 });
  });

  it('takes the processors where there is no quota', () => {
    for (const [group, files] of [
      ['0::/', { 'cpu.max': 'max 100000' }],
      ['0::/', {}],
      [V1, { 'cpu/box/cpu.cfs_quota_us': '-1', 'cpu/box/cpu.cfs_period_us': '100000' }],
    ] as const) {
      const { threads } = doctor(group, files);
      expect(threads).toMatchObject({ count: threads.affinity, cgroupQuota: null });
    }
  });

  it('names the memory limit', () => {
    const v2 = { 'memory.max': String(2 ** 30), 'memory.current': String(2 ** 29) };
    expect(doctor('0::/', v2).memory).toMatchObject({ limit: 2 ** 30, available: 2 ** 29 });
    const v1 = {
      'memory/box/memory.limit_in_bytes': String(2 ** 30),
      'memory/box/memory.usage_in_bytes': String(2 ** 29),
    };
    expect(doctor(V1, v1).memory).toMatchObject({ limit: 2 ** 30, available: 2 ** 29 });
  });

  it('refuses what does not fit before it is allocated, and lives on', () => {
    const files = { 'memory.max': String(2 ** 30), 'memory.current': String(2 ** 29) };
    const script = `${PRELUDE}
      const small = build();
      const before = process.memoryUsage().rss;
      const refusal = (error) => [error.code, error.details.expected, error.details.received];
      (async () => {
        try { sequential([layers.gru({ units: 10000 })], { inputShape: [null, 1000] }).getWeights(); }
        catch (error) { console.log(...refusal(error)); }
        const wide = sequential([layers.gru({ units: 512, returnSequences: true })], { inputShape: [null, 4] });
        await wide.predict(tensor(new Float32Array(256 * 2000 * 4), [256, 2000, 4]))
          .catch((error) => console.log(...refusal(error)));
        console.log(process.memoryUsage().rss - before < 2 ** 28);
        console.log((await small.predict(x)).shape);
      })();`;
    const { status, stdout, stderr } = inContainer('0::/', files, ['-e', script]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines.slice(0, 2)) {
      expect(line).toMatch(/^OUT_OF_MEMORY \d+ bytes \d+ bytes available$/);
      const [needed, available] = (line.match(/\d+/g) ?? []).map(Number);
      expect(needed).toBeGreaterThan(available as number);
    }
    expect(lines.slice(2)).toEqual(['true', '[ 64, 1 ]']);
  });
});
