// npm as a user would call it, although this process may itself run under `npm run`.
import { spawnSync } from 'node:child_process';
import { StepFailed } from '../bootstrap/report.mjs';
import { npmCommand } from './tarball.mjs';

const LINES_SHOWN = 40;

/** Without what `npm run` tells its scripts about this project. */
export function userEnvironment() {
  const ours =
    /^(npm_(package|lifecycle|config_(local_prefix|ignore_scripts))|NODE_OPTIONS|SLUICE_)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** Runs a program in a folder; a failure shows what it printed. */
export function run(command, { cwd, env = userEnvironment(), title = command.join(' ') }) {
  const [program, ...args] = command;
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
  });
  if (status === 0) return stdout;
  const reason = error?.message ?? signal ?? `exit code ${status}`;
  const tail = `${stdout}${stderr}`.trimEnd().split('\n').slice(-LINES_SHOWN);
  throw new StepFailed([`${title}: ${reason}`, ...tail].join('\n'));
}

/** The arguments of an installation that asks nobody and prints little. */
export function installArguments({ tarball, cache, scripts }) {
  return [
    ...['install', tarball, '--cache', cache, `--ignore-scripts=${!scripts}`],
    ...['--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier'],
  ];
}

/** Installs a tarball, and returns how many seconds that took. */
export function install({ folder, tarball, cache, scripts }) {
  const started = performance.now();
  run([...npmCommand(), ...installArguments({ tarball, cache, scripts })], {
    cwd: folder,
    title: `npm install (scripts ${scripts ? 'enabled' : 'disabled'})`,
  });
  return (performance.now() - started) / 1000;
}
