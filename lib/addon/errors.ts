// How an error of the addon becomes a SluiceError.
import { type ErrorDetails, SluiceError, type SluiceErrorCode } from '../errors.js';

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
