import { SluiceError } from '../../src/index.ts';
import type { ErrorDetails } from '../../src/index.ts';

// A global symbol, so that an error of another copy of the package in the same process is known, too.
const BRAND = Symbol.for('sluice.unknownOutcome');

/**
 * What `execute` of a tool throws if nobody knows whether its work was done, for example because a connection broke after the request was sent. `onUnknownOutcome` of the
 * tool says what becomes of the call, as after a timeout. The message is for the model.
 *
 * @example
 * throw new UnknownOutcome('The bank did not answer.', { cause: error });
 */
export class UnknownOutcome extends SluiceError {
  readonly [BRAND] = true;

  constructor(message: string, details: Pick<ErrorDetails, 'cause' | 'status'> = {}) {
    super('tool', message, { ...details, retryable: false });
  }
}

/** Whether what a tool threw says that its outcome is unknown. */
export function isUnknownOutcome(thrown: unknown): thrown is UnknownOutcome {
  return typeof thrown === 'object' && thrown !== null && BRAND in thrown;
}
