// The only file that loads the addon, and the one place where its errors become SluiceErrors.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Binding from '../binding.js';
import { type ErrorDetails, SluiceError, type SluiceErrorCode } from './errors.js';

export type {
  Batch,
  CancelToken,
  CompileSpec,
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
  SlotDescription,
  Snapshot,
  StateInfo,
  TypedArray,
} from '../binding.js';

type Addon = typeof Binding;

/** lib/ and dist/ both stand one level below the package's root. */
const ROOT = join(__dirname, '..');

let loaded: Addon | undefined;

/** An installed package compiles itself by its install script, a checkout by its build. */
function howToBuild(): string {
  if (existsSync(join(ROOT, 'scripts', 'bootstrap.mjs'))) return `npm --prefix "${ROOT}" run build`;
  return `node "${join(ROOT, 'scripts', 'install.mjs')}"`;
}

function load(): Addon {
  if (loaded) return loaded;
  try {
    const nodeGypBuild = createRequire(join(ROOT, 'package.json'))('node-gyp-build');
    loaded = nodeGypBuild(ROOT) as Addon;
    return loaded;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new SluiceError(
      'NATIVE_NOT_FOUND',
      [
        `the native addon of sluice could not be loaded on ${process.platform}-${process.arch}, Node ${process.version}.`,
        `Looked in ${join(ROOT, 'build', 'Release')} and ${join(ROOT, 'prebuilds')}:`,
        reason,
        `To compile it, run: ${howToBuild()}`,
        '(needs a C++20 compiler, CMake, OpenBLAS and Highway, and says which of them is missing).',
      ].join('\n'),
      {},
      { cause },
    );
  }
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

/** The addon's errors carry `code` and `details`; anything else passes through as it is. */
export function toSluiceError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SluiceError) return error;
  const { code, details } = error as { code?: unknown; details?: unknown };
  if (typeof code !== 'string' || !isCode(code)) return error;
  const result = new SluiceError(code, error.message, cleanDetails(details), {
    cause: error.cause,
  });
  // The addon captured the stack at the call; ours would point here.
  const frames = error.stack?.indexOf('\n    at ') ?? -1;
  if (frames >= 0) result.stack = `${result.name}: ${result.message}${error.stack?.slice(frames)}`;
  return result;
}

const CODES: Record<SluiceErrorCode, true> = {
  SHAPE_MISMATCH: true,
  INVALID_ARGUMENT: true,
  NON_FINITE: true,
  ABORTED: true,
  BUSY: true,
  DISPOSED: true,
  FORMAT: true,
  UNSUPPORTED: true,
  CONFIG: true,
  OUT_OF_MEMORY: true,
  DEVICE_UNAVAILABLE: true,
  NATIVE_NOT_FOUND: true,
  INTERNAL: true,
};

function isCode(code: string): code is SluiceErrorCode {
  return Object.hasOwn(CODES, code);
}

function cleanDetails(details: unknown): ErrorDetails {
  const result: ErrorDetails = {};
  if (details === null || typeof details !== 'object') return result;
  for (const key of ['layer', 'option', 'expected', 'received'] as const) {
    const value = (details as Record<string, unknown>)[key];
    if (typeof value === 'string' && value !== '') result[key] = value;
  }
  return result;
}

/** The version in package.json. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return String(version);
}
