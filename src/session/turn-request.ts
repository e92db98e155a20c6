import type { SluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import type { OnBusy } from './session-queue.ts';
import type { SessionKey } from './store.ts';
import type { TimedStore } from './timed-store.ts';

/** What a turn is opened with. */
export interface TurnRequest {
  /** Its calls end with the signal, too. */
  readonly store: TimedStore;
  readonly key: SessionKey;
  /** The caller's messages; none to run the stored ones again. */
  readonly input: readonly Message[];
  /** The caller's id of the turn, if it has one. */
  readonly turnId: string | undefined;
  readonly onBusy: OnBusy;
  readonly maxQueuedTurns: number;
  /** How many of the session's messages are read; undefined: all. */
  readonly historyLimit: number | undefined;
  readonly signal: AbortSignal;
  /** Adds to the warnings of the result. */
  warn(this: void, message: string): void;
  /** Ends the execution: the session went to another. */
  abort(this: void, error: SluiceError): void;
}
