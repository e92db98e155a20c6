import { SluiceError } from '../../src/index.ts';
import type { LoggedStart, StreamKey } from './chunk-log.ts';

/** Why an append is refused. */
const REASONS = {
  gone: 'the log does not have the stream (any more)',
  owner: 'the stream has another owner',
  ended: 'the stream has ended',
};

/** The error of an append whose owner does not own the stream. */
export function leaseLost(reason: keyof typeof REASONS): SluiceError {
  return new SluiceError('lease_lost', `append(): ${REASONS[reason]}: end the run.`);
}

/** The error of an open whose fingerprint is not the stream's. */
export function otherFingerprint(): SluiceError {
  return new SluiceError(
    'conflict',
    'open(): the stream was opened with another fingerprint: give each request an id of its own.',
  );
}

/** The session of a stream as a key; undefined if it has none. */
export function sessionOf({ session }: LoggedStart): StreamKey | undefined {
  return typeof session === 'string' ? { owner: '', id: session } : session;
}
