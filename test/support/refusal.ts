// What calls answer to wrong arguments: the right code and details, in words that people understand.
import type { ErrorDetails, SluiceError, SluiceErrorCode } from 'sluice';
import { expect } from 'vitest';
import { expectFailure } from './failure.js';

/** The SluiceError of a call that throws or rejects, after a look at its code, details and message. */
export async function refusal(
  call: () => unknown,
  code: SluiceErrorCode,
  details: ErrorDetails = {},
): Promise<SluiceError> {
  const error = await expectFailure(call, code);
  expect(error.details).toMatchObject(details);
  expectReadable(error.message);
  return error;
}

/** Its message, for those that have to be exactly so because they are what people see most. */
export async function refusalText(
  call: () => unknown,
  code: SluiceErrorCode,
  details: ErrorDetails = {},
): Promise<string> {
  return (await refusal(call, code, details)).message;
}

/** Nothing that JavaScript puts into texts by accident, and not a whole file in one line. */
function expectReadable(message: string): void {
  expect(message).toMatch(/\S{2,} \S+/);
  expect(message).not.toMatch(/\[object |(for|of|received|has) undefined|=>|function \(/);
  expect(message).not.toMatch(/\p{Cc}/u);
  expect(message.length).toBeLessThan(1000);
}
