// Errors of the public API, as tests look at them.
import { SluiceError, type SluiceErrorCode } from 'sluice';
import { expect } from 'vitest';

/** What a call throws or a promise rejects with. */
export async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

/** The SluiceError of a call or a promise, after a look at its code and its message. */
export async function expectFailure(
  work: Promise<unknown> | (() => unknown),
  code: SluiceErrorCode,
  message: RegExp | string = '',
): Promise<SluiceError> {
  const error = await failureOf(work);
  expect(error).toBeInstanceOf(SluiceError);
  const failure = error as SluiceError;
  expect({ code: failure.code, message: failure.message }).toEqual({
    code,
    message: expect.stringMatching(message),
  });
  expect(failure.details).toBeTypeOf('object');
  return failure;
}
