import type { SluiceError } from '../errors.ts';
import type { Decided } from '../decide.ts';
import type { Message } from '../messages.ts';
import type { OnBusy } from './session-queue.ts';
import type { SessionKey } from './store/store.ts';
import type { TimedStore } from './store/timed-store.ts';

/** What a turn needs to start. */
export interface TurnRequest {
  /** The store. Its calls also end when the signal aborts. */
  readonly store: TimedStore;
  readonly key: SessionKey;
  /** The caller's messages. If there are none, the last message is answered anew. */
  readonly input: readonly Message[];
  /** What the caller decides about calls that wait, in place of messages. */
  readonly decided?: Decided | undefined;
  /** The id of the user's message whose place the input takes, on a branch of its own. Undefined: the input follows the conversation. */
  readonly replaces: string | undefined;
  /** The caller's id of the turn, or of the decisions, if the caller gave one. */
  readonly turnId: string | undefined;
  readonly onBusy: OnBusy;
  /** The duration of its lease, in milliseconds. */
  readonly leaseMs: number;
  readonly maxQueuedTurns: number;
  /** How many of the session's newest messages are read; undefined: all. */
  readonly historyLimit: number | undefined;
  /** How long the end of the turn may take to store the reply and to release the session, in milliseconds. */
  readonly saveTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Adds to the warnings of the result. */
  warn(this: void, message: string): void;
  /** Ends the execution, because another turn has taken the session. */
  abort(this: void, error: SluiceError): void;
}
