import { isSluiceError } from '../errors.ts';
import { delay } from '../kit/wait.ts';
import type { Message } from '../messages.ts';
import type { TurnLease } from './turn-lease.ts';
import { repaired } from './repair.ts';
import { storeError } from './store/store-call.ts';
import type { TurnEnd } from './store/store.ts';
import type { TimedStore } from './store/timed-store.ts';
import { REPAIRED } from './repair-report.ts';
import type { TurnRequest } from './turn-request.ts';
import { PAUSED } from './turn-begin.ts';
import type { BegunTurn } from './turn-begin.ts';
import { wellFormed } from '../well-formed.ts';

/** How a turn ended, with the reply's messages. */
export interface ReplyEnd extends TurnEnd {
  messages: Message[];
}

/** What is stored together with a reply. */
export interface ReplyPlace extends BegunTurn {
  readonly replyId: string;
  /** Session values that were set during the turn. */
  readonly changes: ReadonlyMap<string, unknown>;
}

/** How often and how long the append is tried if the store fails: for a complete reply, and for a partial one. */
const LIMITS = { whole: { tries: 10, ms: 15_000 }, partial: { tries: 5, ms: 5_000 } };
/** The wait before the second try. It doubles with each try, up to a maximum. */
const WAIT_MS = 100;
const MOST_WAIT_MS = 2_000;
/** Time for one last try after the lease has expired. */
const LAST_MS = 1_000;

/** Stores the reply of a turn: messages, values, usage and cost in one append, which also releases the lease. */
export class TurnReply {
  readonly #request: TurnRequest;
  readonly #lease: TurnLease;
  readonly #place: ReplyPlace;
  #version: number;

  constructor(request: TurnRequest, lease: TurnLease, place: ReplyPlace) {
    this.#request = request;
    this.#lease = lease;
    this.#place = place;
    this.#version = place.version;
  }

  /**
   * If the store fails, tries again until the lease expires or the time is up: the reader has the reply already, so a failure must not undo it. Resolves to
   * the messages that could not be stored, and warns about them.
   */
  async save({ messages, ...end }: ReplyEnd): Promise<Message[] | undefined> {
    const whole = end.outcome === 'completed';
    const lastReply = !whole ? undefined : isPaused(end) ? 'paused' : 'open';
    const kept = repaired(messages, { lastReply }).messages;
    const limits = whole ? LIMITS.whole : LIMITS.partial;
    const until = performance.now() + limits.ms;
    const untilMs = (): number => Math.max(1, until - performance.now());
    // The partial reply of an aborted execution is stored, too.
    const store = (): TimedStore =>
      this.#request.store.within(Math.min(Math.max(this.#lease.leftMs, LAST_MS), untilMs()));
    let waitMs = WAIT_MS;
    for (let number = 1; ; number++) {
      try {
        await this.#append(store, kept, end);
        return undefined;
      } catch (error) {
        const known = storeError('append', error);
        const again = known.retryable || known.code === 'conflict';
        if (!again || number >= limits.tries || waitMs >= Math.min(this.#lease.leftMs, untilMs())) {
          this.#request.warn(`The turn was not saved: ${known.message}`);
          return kept;
        }
      }
      await delay(waitMs);
      waitMs = Math.min(2 * waitMs, MOST_WAIT_MS);
    }
  }

  async #append(store: () => TimedStore, messages: readonly Message[], end: TurnEnd): Promise<void> {
    const { key } = this.#request;
    const { replyId, metadata, changes, reported } = this.#place;
    const changed: Record<string, unknown> = Object.fromEntries(changes);
    const paused = isPaused(end);
    if (paused || (PAUSED in metadata && messages.length > 0)) changed[PAUSED] = paused || undefined;
    // Warnings are part of a result, so only then were they reported.
    if (reported !== undefined && hasResult(end)) changed[REPAIRED] = reported;
    // A block of the provider may contain a lone surrogate.
    const entries = messages.map((message) => ({ message: wellFormed(message) }));
    try {
      await store().append(key, entries, {
        expectedVersion: this.#version,
        turnId: replyId,
        lease: this.#lease.timed,
        release: true,
        end: { ...end, leaseToken: this.#lease.timed.token },
        ...(Object.keys(changed).length > 0 && { metadata: wellFormed(changed) }),
      });
      this.#lease.wasReleased();
    } catch (error) {
      // This turn has the lease, so the conflict comes from an `update`. The reply is stored after it.
      if (isSluiceError(error) && error.code === 'conflict')
        this.#version = (await store().load(key, { last: 0 }))?.version ?? 0;
      throw error;
    }
  }
}

function isPaused({ outcome, finishReason }: TurnEnd): boolean {
  return outcome === 'completed' && finishReason === 'pause';
}

function hasResult({ outcome }: TurnEnd): boolean {
  return outcome === 'completed' || outcome === 'interrupted';
}
