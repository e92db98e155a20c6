import { SluiceError } from '../../src/index.ts';
import type { SentEnd } from '../stream/parts.ts';
import { endOfError } from '../stream/sent-end.ts';

/** The error that ends a run which is to be stopped. */
export function stoppedError(reason: string): SluiceError {
  return new SluiceError('aborted', 'The turn was stopped.', { reason });
}

/** The error that ends the runs of a process that shuts down. */
export function shutdownError(): SluiceError {
  return new SluiceError('shutting_down', 'The process shut down before the turn was done.');
}

/** The error that ends a run whose turn another process goes on with. Nothing of it is stored. */
export function handedOverError(): SluiceError {
  return new SluiceError('lease_lost', 'The process shuts down: another one may go on with the turn.', {
    reason: HANDED_OVER,
  });
}

/** Why a turn has another run: the process before has given it up. */
export const HANDED_OVER = 'handed_over';

/** The end of a stream that was stopped and whose run is not alive to say so. */
export function endOfStopped(reason: string, by: 'owner' | 'finder'): SentEnd {
  return { ...endOfError(stoppedError(reason)), by };
}

/** The end of a stream whose run died, and that nobody goes on with. The client may ask again. */
export function endOfLost(): SentEnd {
  const error = new SluiceError('lease_lost', 'The process that ran the turn is gone.', { retryable: true });
  return { ...endOfError(error), reason: 'owner_lost', by: 'finder' };
}
