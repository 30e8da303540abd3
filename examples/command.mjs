// What the commands of all examples share: options, printing, ctrl-C.
import { parseArgs } from 'node:util';

/**
 * Reads the command line. Prints the help or what is wrong, and ends the process, where there is nothing
 * to run.
 * @template T
 * @param {string} help
 * @param {import('node:util').ParseArgsConfig['options']} options as of parseArgs, without `help`
 * @param {(values: any) => T} check turns texts into what the example works with, or throws
 * @returns {T}
 */
export function readOptions(help, options, check) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
    if (values.help) {
      process.stdout.write(help);
      process.exit(0);
    }
    return check(values);
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n\n${help}`);
    process.exit(2);
  }
}

export function integer(name, text, least = 0, most = 2 ** 31 - 1) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new TypeError(
      `--${name}: expected an integer from ${least} to ${most}; received ${text}`,
    );
  }
  return value;
}

/** "0-4" as [0, 1, 2, 3, 4], "3" as [3]. */
export function range(name, text) {
  const [first, last = first] = text.split('-').map((part) => integer(name, part));
  if (last < first) throw new TypeError(`--${name}: expected A-B with A <= B; received ${text}`);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export function print(text) {
  process.stdout.write(`${text}\n`);
}

/**
 * Runs an example. The first ctrl-C stops the training, the second one the process.
 * @param {(signal: AbortSignal) => Promise<void>} main
 */
export async function run(main) {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    await main(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    print('Stopped; nothing was saved.');
    process.exitCode = 130;
  }
}
