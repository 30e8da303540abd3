// How a command that failed says so, and with which exit code.
import { CommanderError } from 'commander';
import { SluiceError } from '../errors.js';
import { printable, writeJson } from './output.js';

/** 0: done. */
const FAILED = 1;
const WRONG_USAGE = 2;

interface Failure {
  exitCode: number;
  /** A code of SluiceError or of the file system, or USAGE. */
  code: string;
  message: string;
  details: object;
}

/**
 * One line on stderr, `sluice: CODE: message` (NATIVE_NOT_FOUND has a line for each place), and with
 * `json` an object { error: { code, message, details } } on stdout.
 * @returns the exit code
 */
export function report(error: unknown, json: boolean): number {
  const failure = describe(error);
  if (!failure) return 0;
  const { exitCode, code, message, details } = failure;
  process.stderr.write(`sluice: ${code}: ${message}\n`);
  if (json) writeJson({ error: { code, message, details } });
  return exitCode;
}

/** Undefined for what ends a command early without being an error: --help and --version. */
function describe(error: unknown): Failure | undefined {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return undefined;
    return { exitCode: WRONG_USAGE, code: 'USAGE', message: usageText(error), details: {} };
  }
  if (error instanceof SluiceError) {
    const { code, message, details } = error;
    const lines = code === 'NATIVE_NOT_FOUND' ? message.split('\n') : [message];
    return { exitCode: FAILED, code, message: lines.map(printable).join('\n'), details };
  }
  const { code, message, stack } = Object(error) as NodeJS.ErrnoException;
  if (typeof code === 'string' && typeof message === 'string') {
    const text = printable(
      message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message,
    );
    return { exitCode: FAILED, code, message: text, details: {} };
  }
  // A mistake of ours: whoever reports it needs to know where.
  return { exitCode: FAILED, code: 'INTERNAL', message: stack ?? String(error), details: {} };
}

function usageText({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'no command was given; see sluice --help';
  return printable(message.replace(/^error: /, '').replace(/\n/g, ' '));
}
