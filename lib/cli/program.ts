import { Command } from 'commander';
import { packageVersion } from '../native.js';
import { addBuild } from './build.js';
import { addDoctor } from './doctor.js';
import { report } from './failure.js';
import { addInspect } from './inspect.js';
import { watchStreams } from './output.js';

const HELP = `
Exit codes: 0 done, 1 failed (bad data, input or output, no addon), 2 wrong usage.
Errors are one line on stderr; with --json also { "error": { code, message, details } } on stdout.

Example:
  npx sluice doctor
  npx sluice inspect weather.safetensors --json`;

/** Runs one command line; sets the exit code and throws nothing. */
export async function run(args: readonly string[]): Promise<void> {
  watchStreams();
  try {
    await makeProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, wantsJson(args));
  }
}

function makeProgram(): Command {
  const program = new Command('sluice')
    .description('Trains and serves gated recurrent networks in Node.js.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this text, or that of a command')
    .addHelpText('after', HELP)
    // Errors are thrown, so that all of them are reported in one place.
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  addDoctor(program);
  addInspect(program);
  addBuild(program);
  return program;
}

/** Also for a command line that is wrong and was therefore not parsed. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}
