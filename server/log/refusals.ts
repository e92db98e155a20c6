import { SluiceError } from '../../src/index.ts';
import type { ErrorJson } from '../../src/index.ts';
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

/** The stream has another fingerprint. A client reads what it has to change. */
class OtherFingerprint extends SluiceError {
  constructor() {
    super(
      'conflict',
      'open(): the stream was opened with another fingerprint: give each request an id of its own.',
    );
  }

  override toJSON(): ErrorJson {
    const message = 'The id of the turn was used for another request: give each request an id of its own.';
    return { ...super.toJSON(), message };
  }
}

/** The error of an open whose fingerprint is not the stream's. */
export function otherFingerprint(): SluiceError {
  return new OtherFingerprint();
}

/** The session of a stream as a key; undefined if it has none. */
export function sessionOf({ session }: LoggedStart): StreamKey | undefined {
  return typeof session === 'string' ? { owner: '', id: session } : session;
}
