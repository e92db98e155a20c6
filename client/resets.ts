import { CodedError, isVoided } from '../src/index.ts';
import type { ResetChunk } from '../src/index.ts';
import { isErrorCode } from '../src/kit/index.ts';

/** Takes the numbers that a reset voids out of a set. False if there are none. */
export function voids(reset: ResetChunk, calls: Set<number>): boolean {
  let any = false;
  for (const call of calls) if (isVoided(reset, call)) any = calls.delete(call);
  return any;
}

/** The error of an attempt whose text was given and cannot be taken back. */
export function reasonOfReset({ reason }: ResetChunk): CodedError {
  return new CodedError(
    isErrorCode(reason) ? reason : 'truncated',
    'An attempt failed after its text was given: pass onReset to take it back and go on.',
  );
}
