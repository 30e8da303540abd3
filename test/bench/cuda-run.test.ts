// bench/cuda/run.sh with programs that were made up here in the place of those that need a GPU.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, ROOT } from '../scripts/support.js';

const NAMES = 'train pytorch ours cudnn clusters dsmem l2_ping l2_exchange mma wgmma graph_nodes';
const WRITES = (json: string) => `#!/bin/sh
echo "[$LD_LIBRARY_PATH] $*"
while [ "$1" != --out ]; do shift; done
echo '${json}' >"$2"
`;
const HAS_CUBLAS = WRITES('{"rows":[{"cublas":null},{"cublas":"libcublas.so.13"}]}');

/** The programs by name, `python` among them; the rest of what the machine has. */
function run(programs: Record<string, string>, ...args: string[]) {
  const wheels = { 'wheels/cudnn/lib/x': '', 'wheels/cu13/lib/x': '' };
  const paths = Object.keys(programs).map((name) => `build/bench/${name}`);
  const files = paths.map((path, i) => [path, Object.values(programs)[i]]);
  const folder = makeTree({ ...wheels, ...Object.fromEntries(files) });
  for (const path of paths) chmodSync(join(folder, path), 0o755);
  const options = {
    '--build': join(folder, 'build'),
    '--out': join(folder, 'out'),
    '--python': join(folder, 'build/bench/python'),
    '--cudnn': join(folder, 'wheels'),
  };
  const { status, stderr } = spawnSync(
    '/bin/sh',
    ['bench/cuda/run.sh', '--no-build', ...Object.entries(options).flat(), ...args],
    { cwd: ROOT, encoding: 'utf8', env: { ...process.env, LD_LIBRARY_PATH: '/of/users' } },
  );
  const read = (path: string) => {
    const file = join(folder, path);
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  };
  return {
    status,
    shares: [...stderr.matchAll(/^== (\w+), at most (\d+) s/gm)].map((m) => [m[1], Number(m[2])]),
    summary: stderr
      .split('\n\n')
      .at(-1)
      ?.trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    read,
    wheels: [join(folder, 'wheels/cudnn/lib'), join(folder, 'wheels/cu13/lib')],
  };
}

describe('bench/cuda/run.sh', () => {
  it('runs what matters most first, and shares out its time', () => {
    const names = NAMES.replace('pytorch', 'python').split(' ');
    const programs = Object.fromEntries(names.map((name) => [name, WRITES('{}')]));
    const { status, shares } = run(programs, '--seconds', '478');
    expect(status).toBe(0);
    expect(shares.map(([name]) => name).join(' ')).toBe(NAMES);
    const limit = Object.fromEntries(shares);
    // Nobody needed it: what is left goes to the next ones. Seconds, and some pass.
    expect(limit.train).toBeGreaterThanOrEqual(59);
    expect(limit.train).toBeLessThanOrEqual(60);
    expect(limit.ours).toBeGreaterThan(160);
    expect(limit.graph_nodes).toBeGreaterThan(400);
    expect(limit.graph_nodes).toBeLessThanOrEqual(478);
  });

  it('gives our programs the libraries of the wheels, and PyTorch what the user has', () => {
    const programs = { ours: HAS_CUBLAS, train: WRITES('{"rows":[]}'), python: WRITES('{}') };
    const { read, wheels, summary } = run(programs, '--seconds', '60', 'ours', 'train', 'pytorch');
    const [libraries] = read('build/results/ours.log')?.split(']') ?? [];
    const folders = libraries?.slice(1).split(':') ?? [];
    expect(folders).toHaveLength(3);
    expect(folders).toEqual(expect.arrayContaining([...wheels, '/of/users']));
    expect(read('build/results/pytorch.log')).toMatch(/^\[\/of\/users\]/);
    expect(summary).toEqual([
      ['ours', 'ok; cuBLAS: libcublas.so.13'],
      ['train', 'ok; cuBLAS: none'],
      ['pytorch', 'ok'],
    ]);
  });

  it('does not fail for what is not there, but says so', () => {
    const python = "#!/bin/sh\necho 'nothing measured: no torch'\nexit 77\n";
    const { status, summary, read } = run(
      { python, mma: WRITES('{"rows":[1]}'), ours: WRITES('{"rows":[2]}') },
      ...['--seconds', '60', 'pytorch', 'cudnn', 'mma', 'ours'],
    );
    expect(summary).toEqual([
      ['pytorch', 'nothing measured: no torch'],
      ['cudnn', 'not built'],
      ['mma', 'ok'],
      ['ours', 'ok; cuBLAS: none'],
    ]);
    expect(status).toBe(0);
    expect(read('out/cuda-experiments.json')).toBe('{"mma":{"rows":[1]}}');
    expect(read('out/cuda-ours.json')).toBe('{"rows":[2]}');
    expect(read('out/cuda-pytorch.json')).toBeUndefined();
    expect(run({ python }, 'pytorch').status).toBe(77); // nothing at all
  });

  it('goes on behind what fails or takes too long', () => {
    const slow = '#!/bin/sh\nsleep 60\n';
    const { status, summary } = run(
      { mma: slow, wgmma: '#!/bin/sh\nexit 3\n', clusters: WRITES('{}') },
      ...['--seconds', '24', 'mma', 'wgmma', 'dsmem', 'clusters'],
    );
    expect(summary?.[0]?.[1]).toMatch(/^the time was up after \d s$/);
    expect(summary?.slice(1)).toEqual([
      ['wgmma', 'failed with 3'],
      ['dsmem', 'not built'],
      ['clusters', 'ok'],
    ]);
    expect(status).toBe(1);
  });

  it('builds for the GPU that is named, by Ninja where it is there and nothing was built yet', () => {
    const program = '#!/bin/sh\necho "$*"\n';
    const folder = makeTree({ 'bin/cmake': program, 'bin/ninja': program });
    for (const name of ['cmake', 'ninja']) chmodSync(join(folder, 'bin', name), 0o755);
    const build = (name: string, architecture: string) => {
      const args = ['--build-only', '--architecture', architecture, '--build', join(folder, name)];
      const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
      const { status } = spawnSync('/bin/sh', ['bench/cuda/run.sh', ...args], { cwd: ROOT, env });
      return { status, log: readFileSync(join(folder, name, 'log'), 'utf8') };
    };
    const fresh = build('fresh', '90');
    expect(fresh.status).toBe(0);
    expect(fresh.log).toContain(' -G Ninja ');
    expect(fresh.log).toContain('-DSLUICE_BENCH_ARCHITECTURES=90a-real\n');
    expect(fresh.log).toContain('--target sluice_cuda_bench');
    mkdirSync(join(folder, 'old'));
    writeFileSync(join(folder, 'old/CMakeCache.txt'), '');
    const old = build('old', '80');
    expect(old.log).not.toContain('-G');
    expect(old.log).toContain('-DSLUICE_CUDA_ARCHITECTURES=80-real ');
  });

  it('refuses names that it does not know', () => {
    expect(run({}, 'everything').status).toBe(2);
    expect(run({}, '--fast').status).toBe(2);
  });
});
