import { SluiceError } from '../../errors.ts';
import { sessionKey } from './check-key.ts';
import type { SessionKey } from './store.ts';

/** The name of a session for error messages: its id in quotes. Not its owner, who may be a person. */
export function sessionName(key: SessionKey): string {
  return `session ${JSON.stringify(sessionKey(key).id)}`;
}

/** `conflict`: the session is at another version than the writer saw. */
export function conflictError(key: SessionKey, version: number, expectedVersion: number): SluiceError {
  return new SluiceError(
    'conflict',
    `The ${sessionName(key)} is at version ${version}, not ${expectedVersion}: load it again.`,
  );
}

/** `conflict`: a step of that number is stored by another run of the turn, or the steps before it are missing. */
export function stepConflictError(key: SessionKey, turnId: string, from: number, steps: number): SluiceError {
  return new SluiceError(
    'conflict',
    `The turn ${JSON.stringify(turnId)} of the ${sessionName(key)} has ${steps} steps, and not as this run has stored them: step ${from} does not follow. Read its steps again.`,
  );
}

/** `conflict`: the time until which a record had to be stored is over. */
export function stepTooLateError(key: SessionKey, turnId: string): SluiceError {
  return new SluiceError(
    'conflict',
    `The record of the turn ${JSON.stringify(turnId)} of the ${sessionName(key)} is too late: the time in \`before\` is over.`,
  );
}

/** `lease_lost`: the lease was given back, or another has taken it. */
export function leaseLostError(key: SessionKey): SluiceError {
  return new SluiceError(
    'lease_lost',
    `The lease of the ${sessionName(key)} is lost: another has it, or it was given back.`,
  );
}

/** `session_busy`, retryable: another has the lease. */
export function sessionBusyError(key: SessionKey): SluiceError {
  return new SluiceError('session_busy', `The ${sessionName(key)} is in use.`, { retryable: true });
}

/** `not_found`: there is no such session. */
export function noSessionError(key: SessionKey): SluiceError {
  return new SluiceError('not_found', `There is no ${sessionName(key)}.`);
}

/** `not_found`: the session has no message of that id. */
export function noMessageError(key: SessionKey, id: string): SluiceError {
  return new SluiceError(
    'not_found',
    `The ${sessionName(key)} has no message ${JSON.stringify(id)}: load it with \`ids\` to see the ids of its messages.`,
  );
}

/** `not_found`: a session without messages cannot be run again. */
export function nothingToRunError(key: SessionKey): SluiceError {
  return new SluiceError(
    'not_found',
    `The ${sessionName(key)} has no messages to run again: give at least one in place of [].`,
  );
}

/** `conflict`: a turn was sent again with other messages. */
export function otherInputError(key: SessionKey): SluiceError {
  return new SluiceError(
    'conflict',
    `The ${sessionName(key)} has a turn of this turnId with other messages: send those again, none ([]), or another turnId.`,
  );
}

/** `store`, retryable: the database failed. `doing` names the call, such as `append`. */
export function storeFailedError(doing: string, cause: unknown): SluiceError {
  return new SluiceError('store', `The session store failed at ${doing} (see the cause).`, {
    retryable: true,
    cause,
  });
}

/** `store`, retryable: the store did not answer in time. `doing` names the call, such as `append`. */
export function storeTimeoutError(doing: string, timeoutMs: number): SluiceError {
  const what = `The store gave no answer to ${doing} within ${Math.round(timeoutMs)} ms (see storeTimeoutMs)`;
  const fix = 'check that its database can be reached and that its pool has free connections';
  return new SluiceError('store', `${what}: ${fix}.`, { retryable: true });
}

/** `store`, retryable: the driver of a store did not answer in time. `doing` names the call, such as `append`. */
export function driverTimeoutError(doing: string, timeoutMs: number): SluiceError {
  const what = `the database gave no answer within ${Math.round(timeoutMs)} ms (timeoutMs)`;
  return new SluiceError('store', `The session store failed at ${doing}: ${what}.`, { retryable: true });
}

/** `store`, not retryable: stored data cannot be read. Names the session and the row, never the data. */
export function unreadableError(key: SessionKey, row: string, why: string): SluiceError {
  return new SluiceError('store', `The ${sessionName(key)} cannot be read: its ${row} ${why}.`, {
    retryable: false,
  });
}
