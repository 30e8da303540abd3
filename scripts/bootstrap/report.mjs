// Progress on stderr, so that the output of what runs afterwards stays clean, and commands whose
// output goes to a log file of which the end is shown when they fail.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOGS = join(ROOT, 'build', 'logs');
const LINES_SHOWN = 30;

/** An end that is explained already: its message is all the user needs to see. */
class Explained extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A step could not be done. */
export class StepFailed extends Explained {
  constructor(message, exitCode = 1) {
    super(message, exitCode);
  }
}

/** Something that only the user can install is missing; the message says what and how. */
export class SystemIncomplete extends StepFailed {
  constructor(message) {
    super(message, 3);
  }
}

export class WrongArguments extends Explained {
  constructor(message) {
    super(message, 2);
  }
}

/** The user stopped the work. */
class Interrupted extends Explained {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`stopped by ${signal}`, 128 + constants.signals[signal]); // as shells have it
  }
}

/** A folder of another user, a full disk: the system's own words name the file. */
const SYSTEM_ERRORS = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'];

/** Runs a script's main function; what goes wrong decides the exit code. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Explained) && !SYSTEM_ERRORS.includes(error.code)) throw error;
    say(error.message);
    process.exitCode = error.exitCode ?? 1;
  }
}

export function say(line) {
  process.stderr.write(`sluice: ${line}\n`);
}

export function secondsSince(start) {
  const seconds = (performance.now() - start) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/**
 * Runs `work` under a heading. Shows that it is alive: on a terminal by a line that is rewritten
 * every second, elsewhere by a line every 20 seconds.
 * @param {string} title
 * @param {(progress: (text: string) => void) => Promise<void>} work
 */
export async function task(title, work) {
  const started = performance.now();
  const isTerminal = process.stderr.isTTY;
  let detail = '';
  const status = () => `${title}${detail && ` ${detail}`}, ${secondsSince(started)}`;
  const show = () => {
    if (isTerminal) process.stderr.write(`\r\x1b[Ksluice: ${status()}`);
    else say(`  still ${status()}`);
  };
  if (!isTerminal) say(title);
  const timer = setInterval(show, isTerminal ? 1000 : 20_000);
  if (isTerminal) show();
  try {
    await work((text) => {
      detail = text;
    });
  } finally {
    clearInterval(timer);
    if (isTerminal) process.stderr.write('\r\x1b[K');
  }
  say(isTerminal ? `${title}: ${secondsSince(started)}` : `  done in ${secondsSince(started)}`);
}

/** @type {NodeJS.Signals | undefined} */
let stoppedBy;
/** @type {((signal: NodeJS.Signals) => void) | undefined} */
let stopChild;

/**
 * From here on, a signal ends the command that runs, with all the compilers it has started, and this
 * process after them: nobody still writes into the build folder when the next run begins.
 */
export function stopOnSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      stoppedBy = signal;
      if (stopChild) stopChild(signal);
      else process.exit(new Interrupted(signal).exitCode);
    });
  }
}

/**
 * Runs a command, output into build/logs/<log>.log (appended, so that one log can hold several
 * commands; the first passes `truncate`).
 * @param {string[]} command
 * @param {{ log: string, truncate?: boolean, env?: Record<string, string>, isGroup?: boolean,
 *           progress?: (text: string) => void }} options `isGroup: false` keeps the command at the
 *   terminal (sudo looks up there whether it has to ask)
 */
export function runLogged(
  command,
  { log, truncate = false, env = {}, isGroup = process.platform !== 'win32', progress },
) {
  if (stoppedBy) throw new Interrupted(stoppedBy);
  const file = join(LOGS, `${log}.log`);
  mkdirSync(dirname(file), { recursive: true });
  const stream = createWriteStream(file, { flags: truncate ? 'w' : 'a' });
  stream.write(`$ ${command.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: isGroup,
    });
    stopChild = (signal) => {
      try {
        if (isGroup && child.pid) process.kill(-child.pid, signal);
        else child.kill(signal);
      } catch {
        // It has ended by itself; 'close' is on its way.
      }
    };
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (chunk) => {
        stream.write(chunk);
        // Ninja counts files ([12/40]), make counts per cent ([ 30%]).
        const counts = chunk.toString().match(/\[ *\d+(?:\/\d+|%)\]/g);
        if (counts) progress?.(counts.at(-1));
      });
    }
    const finish = (problem) => {
      stopChild = undefined;
      stream.end(() => {
        if (stoppedBy) reject(new Interrupted(stoppedBy));
        else if (problem) reject(failure(command, problem, file));
        else resolve(undefined);
      });
    };
    stream.on('error', reject);
    child.on('error', (error) => finish(error.message));
    child.on('close', (code, signal) => {
      finish(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`);
    });
  });
}

function failure(command, problem, file) {
  const tail = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LINES_SHOWN);
  return new StepFailed(
    [
      `failed: ${command.join(' ')}`,
      `  ${problem}; the end of ${relative(ROOT, file)}:`,
      ...tail.map((line) => `  | ${line}`),
    ].join('\n'),
  );
}
