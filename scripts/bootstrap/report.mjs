// Progress on stderr, so that the output of what runs afterwards stays clean, and commands whose
// output goes to a log file of which the end is shown when they fail.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOGS = join(ROOT, 'build', 'logs');
const LINES_SHOWN = 30;

/** A failure that is explained already: its message is all the user needs to see. */
export class StepFailed extends Error {}

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

/**
 * Runs a command, output into build/logs/<log>.log (appended, so that one log can hold several
 * commands; the first passes `truncate`).
 * @param {string[]} command
 * @param {{ log: string, truncate?: boolean, env?: Record<string, string>,
 *           progress?: (text: string) => void }} options
 */
export function runLogged(command, { log, truncate = false, env = {}, progress }) {
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
    });
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (chunk) => {
        stream.write(chunk);
        // Ninja counts files ([12/40]), make counts per cent ([ 30%]).
        const counts = chunk.toString().match(/\[ *\d+(?:\/\d+|%)\]/g);
        if (counts) progress?.(counts.at(-1));
      });
    }
    const finish = (problem) => {
      stream.end(() => (problem ? reject(failure(command, problem, file)) : resolve(undefined)));
    };
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
