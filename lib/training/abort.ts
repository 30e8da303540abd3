import { AbortError, SluiceError } from '../errors.js';
import { type CancelToken, native } from '../native.js';

/**
 * Runs work that a signal can end: a run that is under way stops at its next step, `check` stops the
 * work between runs. Either way it rejects with an AbortError.
 */
export async function withSignal<T>(
  signal: AbortSignal | undefined,
  work: (cancel: CancelToken | null, check: () => void) => Promise<T>,
): Promise<T> {
  if (!signal) return work(null, () => {});
  const check = () => {
    if (signal.aborted) throw new AbortError(signal.reason);
  };
  check();
  const token = native((addon) => new addon.CancelToken());
  const cancel = () => token.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await work(token, check);
  } catch (error) {
    const isRaw =
      error instanceof SluiceError && error.code === 'ABORTED' && !(error instanceof AbortError);
    throw isRaw ? new AbortError(signal.reason) : error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
