// Installs and compiles what Sluice is measured against and nobody else needs: packages of npm and the
// program for oneDNN. Python packages are the user's own (SLUICE_BENCH_PYTHON). What fails is said, and
// the driver is missing then.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const COMMANDS = [
  ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', 'bench/peers'],
  ['cmake', '-S', 'bench/onednn', '-B', 'build/onednn'],
  ['cmake', '--build', 'build/onednn'],
];

export function preparePeers(report) {
  for (const [program, ...args] of COMMANDS) {
    report(`${program} ${args.join(' ')}`);
    const { status, error, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) report(`  failed: ${error?.message ?? stderr.trim()}`);
  }
}
