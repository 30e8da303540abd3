// A bare Debian, in which nothing is installed but what a minimal system has: the package has to
// work there. Needs root, for chroot and mount.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, StepFailed } from '../bootstrap/report.mjs';
import { installedBytes, makeConsumer, PROGRAMS } from './consumer.mjs';
import { installArguments, run } from './npm.mjs';
import { npmCommand } from './tarball.mjs';

const MOST_SECONDS = 5;
const ATTEMPTS = 3;
/** What must not be there, or the check would prove nothing. */
const TOOLS = /^(cc|c\+\+|gcc|g\+\+|clang|clang\+\+|cmake|ninja|make|python3?)(-[\d.]+)?$/;
const LIBRARIES = /^lib(gomp|openblas\w*|blas|cblas|hwy|lapack)\.(so|a)/;

/**
 * Before anything is copied: a system in use is large, and its /proc has no end.
 * @param {string} root
 */
function assertBare(root) {
  if (!existsSync(join(root, 'etc', 'debian_version'))) {
    throw new StepFailed(
      `${root} is no Debian; make one: debootstrap --variant=minbase bookworm ${root}`,
    );
  }
  const inUse = ['proc', 'sys'].filter((name) => readdirSync(join(root, name)).length > 0);
  if (realpathSync(root) === '/' || inUse.length > 0) {
    throw new StepFailed(`${root} is a system in use, not a folder with a bare one`);
  }
  const found = ['usr/bin', 'usr/local/bin', 'usr/lib', 'usr/local/lib']
    .map((folder) => join(root, folder))
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    .filter((path) => {
      const name = path.split('/').at(-1);
      return (TOOLS.test(name) && !path.includes('/')) || LIBRARIES.test(name);
    });
  if (found.length > 0) throw new StepFailed(`${root} is not bare: it has ${found.join(', ')}`);
}

/** Lays Node and npm into the root, as their own tarball would. */
function bringNode(root) {
  // As root, npm's own path is what `npm run` says, or what the link in PATH points to.
  const [, script = run(['which', 'npm'], { cwd: ROOT }).trim()] = npmCommand();
  const npm = dirname(dirname(realpathSync(script)));
  cpSync(realpathSync(process.execPath), join(root, 'usr', 'bin', 'node'));
  const modules = join(root, 'usr', 'lib', 'node_modules');
  cpSync(npm, join(modules, 'npm'), { recursive: true, dereference: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr', 'bin', 'npm'));
}

/** Runs a command inside, in mounts of its own that go away with it. */
function runInside(root, folder, command) {
  const script =
    'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && root=$0 && exec chroot "$root" "$@"';
  const inside = ['env', '-C', folder, ...command];
  return run(['unshare', '--mount', 'sh', '-c', script, root, ...inside], {
    cwd: ROOT,
    env: { HOME: '/root', PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
    title: `in the bare root: ${command.join(' ')}`,
  });
}

/** Another process on the machine can make one attempt slow, not several. */
function bestSecondsOf(work) {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && best > MOST_SECONDS; attempt++) {
    const started = performance.now();
    work();
    best = Math.min(best, (performance.now() - started) / 1000);
  }
  if (best <= MOST_SECONDS) return best;
  throw new StepFailed(
    `npm install took ${best.toFixed(1)} s at best; the limit is ${MOST_SECONDS} s`,
  );
}

/**
 * Installs the tarball in a copy of a bare Debian and runs it there. Offline: `cache` has to hold
 * the dependencies.
 * @param {object} options
 * @param {string} options.base the bare Debian; is only read
 * @param {string} options.root where to copy it
 * @param {string} options.tarball
 * @param {string} options.cache npm's
 * @param {string} options.registry the one that the cache was filled from
 * @returns {{ seconds: number, bytes: number, report: string }}
 */
export function checkInBareRoot({ base, root, tarball, cache, registry }) {
  if (process.getuid?.() !== 0) throw new StepFailed('--root needs root, for chroot and mount');
  assertBare(base);
  run(['cp', '-a', '--one-file-system', base, root], { cwd: ROOT });
  bringNode(root);
  makeConsumer(join(root, 'srv', 'consumer'));
  cpSync(tarball, join(root, 'srv', 'sluice.tgz'));
  mkdirSync(join(root, 'srv', 'cache'), { recursive: true });
  cpSync(cache, join(root, 'srv', 'cache'), { recursive: true });

  const inside = (...command) => runInside(root, '/srv/consumer', command);
  const seconds = bestSecondsOf(() => {
    rmSync(join(root, 'srv', 'consumer', 'node_modules'), { recursive: true, force: true });
    const options = { tarball: '/srv/sluice.tgz', cache: '/srv/cache', scripts: true };
    inside('npm', ...installArguments(options), '--offline', '--registry', registry);
  });
  for (const command of PROGRAMS) inside(...command);
  const report = inside('node', 'train.mjs').trim();
  return { seconds, bytes: installedBytes(join(root, 'srv', 'consumer')), report };
}
