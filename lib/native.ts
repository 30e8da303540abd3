// The only file that loads the addon. Every call of it goes through here, where its errors become
// SluiceErrors.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Binding from '../binding.js';
import { toSluiceError } from './addon/errors.js';
import { notFound } from './addon/notFound.js';
import { type Attempt, addonPlaces, cudaPlaces, type Place } from './addon/places.js';
import { withSleepingThreads } from './addon/waiting.js';

export type {
  Batch,
  CancelToken,
  CompileSpec,
  CpuInfo,
  DeviceInfo,
  DType,
  Extents,
  InputInfo,
  Json,
  LossSpec,
  MetricSpec,
  Model as NativeModel,
  ModelDescription,
  NodeDescription,
  NodeInfo,
  OpInfo,
  OptimizerSpec,
  OutputInfo,
  ParameterInfo,
  PlanInfo,
  RunOptions,
  RunResult,
  Session as NativeSession,
  SessionPool as NativeSessionPool,
  SlotDescription,
  Snapshot,
  StateInfo,
  TypedArray,
  WrittenGraph,
} from '../binding.js';
export { toSluiceError } from './addon/errors.js';

export type Addon = typeof Binding;

/** lib/ and dist/ both stand one level below the package's root. */
export const PACKAGE_ROOT = join(__dirname, '..');

/** Which addon or library runs, and what about the other places. */
export interface Search {
  /** Null where none could be loaded. */
  loaded: { place: Place; file: string } | null;
  attempts: Attempt[];
}

let loaded: { addon: Addon; search: Search } | undefined;

function load(): Addon {
  const { addon, search } = find();
  if (addon) return addon;
  throw notFound(PACKAGE_ROOT, search.attempts);
}

/** For reports: never throws. Loads the addon if need be. */
export function addonSearch(): Search {
  return find().search;
}

/** A file that is there and does not load (made for a newer libc, cut short) gives way to the next. */
function find(): { addon: Addon | undefined; search: Search } {
  if (loaded) return loaded;
  let addon: Addon | undefined;
  const search: Search = { loaded: null, attempts: [] };
  for (const { place, name, file, reason } of addonPlaces(PACKAGE_ROOT)) {
    const status = file === null ? 'absent' : 'not tried';
    const attempt: Attempt = { place, name, status, reason };
    search.attempts.push(attempt);
    if (file === null || addon) continue;
    try {
      addon = loadFile(file);
      attempt.status = 'taken';
      search.loaded = { place, file };
    } catch (error) {
      attempt.status = 'failed';
      attempt.reason = reasonOf(error, file);
    }
  }
  if (addon) loaded = { addon, search };
  return { addon, search };
}

function loadFile(file: string): Addon {
  const addon = withSleepingThreads(() => createRequire(file)(file)) as Addon;
  if (typeof addon?.buildInfo !== 'function') throw new Error('is not the addon of sluice');
  // The two speak to each other by an interface that may change with every version.
  const { version } = addon.buildInfo();
  const ours = packageVersion();
  if (version !== ours) throw new Error(`is the addon of sluice ${version}; this is ${ours}`);
  return addon;
}

function reasonOf(error: unknown, file: string): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error))
    .trim()
    .split('\n', 1);
  return line.replace(`${file}: `, ''); // the system names the file that it was asked for
}

/**
 * Runs a synchronous call of the addon; loads it first if need be. The import of the package itself
 * therefore never fails and stays quick.
 */
export function native<T>(call: (addon: Addon) => T): T {
  try {
    return call(load());
  } catch (error) {
    throw toSluiceError(error);
  }
}

/** The same for a call that returns a promise. */
export async function nativeAsync<T>(call: (addon: Addon) => Promise<T>): Promise<T> {
  try {
    return await call(load());
  } catch (error) {
    throw toSluiceError(error);
  }
}

let cudaSearched: Search | undefined;

/**
 * Looks for the CUDA library, and in it for devices; the addon knows them from then on, and remembers
 * it for the whole process. Not part of loading the addon: it may take a while, and most have no use
 * for it. Whoever is about to speak of devices other than the cpu calls this first.
 */
export function cudaSearch(): Search {
  if (cudaSearched) return cudaSearched;
  const places = cudaPlaces(PACKAGE_ROOT);
  const results = native((addon) =>
    addon.addLibrary(
      'cuda',
      places.map(({ name, file, reason }) => ({ name, file, reason })),
    ),
  );
  // Nothing where another thread has looked before.
  const attempts = results.map((result, i): Attempt => {
    const { place, name } = places[i] as (typeof places)[number];
    return { place, name, ...result };
  });
  const taken = results.findIndex(({ status }) => status === 'taken');
  const { place, file } = places[taken] ?? {};
  cudaSearched = { loaded: place && file ? { place, file } : null, attempts };
  return cudaSearched;
}

/** The version in package.json. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  return String(version);
}
