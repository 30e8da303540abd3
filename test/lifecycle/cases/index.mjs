// The cases of a life cycle, as data: Vitest runs each of them once, scripts/check-lifecycle.mjs many
// times and on every Node version.
import { collection } from './collection.mjs';
import { copies } from './copies.mjs';
import { early } from './early.mjs';
import { ends } from './ends.mjs';
import { loading } from './loading.mjs';
import { modules } from './modules.mjs';
import { processes } from './processes.mjs';
import { signals } from './signals.mjs';
import { workers } from './workers.mjs';

/**
 * A script and how its process must end; where nothing is said: by itself, with 0 and without a word.
 * @typedef {object} Case
 * @property {string} name
 * @property {string} script put behind the prelude (test/support/prelude.mjs)
 * @property {'cjs' | 'esm'} [module] default: CommonJS
 * @property {string[]} [flags] for Node
 * @property {NodeJS.Signals} [send] a signal that is sent when the script has printed its first line
 * @property {number | null} [status]
 * @property {NodeJS.Signals} [signal] by which the process ends
 * @property {string | RegExp} [stdout]
 * @property {string | RegExp} [stderr]
 * @property {Omit<Case, 'name' | 'afterwards'>[]} [afterwards] further processes, one after the other, with the
 *   same folder for their files
 */

/** @type {Record<string, Case[]>} */
export const groups = {
  'a process ends by itself': ends.byItself,
  'a process ends in mid-fit': ends.inMidFit,
  'a signal': signals,
  'abort and dispose': early,
  'the garbage collector': collection,
  workers,
  'the addon in a worker alone': loading,
  'two copies of the package': copies,
  'fork and cluster': processes,
  modules,
};
