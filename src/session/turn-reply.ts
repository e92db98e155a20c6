import { isSluiceError } from '../errors.ts';
import { delay } from '../kit/wait.ts';
import type { Message } from '../messages.ts';
import type { HeldLease } from './held-lease.ts';
import { repaired } from './repair.ts';
import { storeError } from './store-call.ts';
import type { TurnEnd } from './store.ts';
import type { TimedStore } from './timed-store.ts';
import { REPAIRED } from './told-repairs.ts';
import type { TurnRequest } from './turn-request.ts';
import { PAUSED } from './turn-begin.ts';
import type { BegunTurn } from './turn-begin.ts';
import { wellFormed } from '../well-formed.ts';

/** How a turn ended, with the reply's messages. */
export interface ReplyEnd extends TurnEnd {
  messages: Message[];
}

/** What is stored with a reply. */
export interface ReplyPlace extends BegunTurn {
  readonly replyId: string;
  /** Values of the session that were set in the turn. */
  readonly changes: ReadonlyMap<string, unknown>;
}

/** How often an append is tried whose store fails, and for how long: of a whole reply, and of what is left of one that nobody waits for any more. */
const LIMITS = { whole: { tries: 10, ms: 15_000 }, partial: { tries: 5, ms: 5_000 } };
/** The wait before the second try, doubled each time, up to the most. */
const WAIT_MS = 100;
const MOST_WAIT_MS = 2_000;
/** Time for one last try of an append when the lease has run out. */
const LAST_MS = 1_000;

/** Stores the reply of a turn: its messages, values, usage and cost in one append, which gives the lease back. */
export class TurnReply {
  readonly #request: TurnRequest;
  readonly #held: HeldLease;
  readonly #place: ReplyPlace;
  #version: number;

  constructor(request: TurnRequest, held: HeldLease, place: ReplyPlace) {
    this.#request = request;
    this.#held = held;
    this.#place = place;
    this.#version = place.version;
  }

  /**
   * A store that fails is tried again until the lease or the time has run out: the reply has reached its reader, nothing must take it back. Resolves to
   * the messages that could not be stored, with a warning of it.
   */
  async save({ messages, ...end }: ReplyEnd): Promise<Message[] | undefined> {
    const whole = end.outcome === 'completed';
    const lastReply = !whole ? undefined : isPaused(end) ? 'paused' : 'open';
    const kept = repaired(messages, { lastReply }).messages;
    const limits = whole ? LIMITS.whole : LIMITS.partial;
    const until = performance.now() + limits.ms;
    const untilMs = (): number => Math.max(1, until - performance.now());
    // What came of an execution that was aborted is stored, too.
    const store = (): TimedStore =>
      this.#request.store.within(Math.min(Math.max(this.#held.leftMs, LAST_MS), untilMs()));
    let waitMs = WAIT_MS;
    for (let number = 1; ; number++) {
      try {
        await this.#append(store, kept, end);
        return undefined;
      } catch (error) {
        const known = storeError('append', error);
        const again = known.retryable || known.code === 'conflict';
        if (!again || number >= limits.tries || waitMs >= Math.min(this.#held.leftMs, untilMs())) {
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
    const { replyId, metadata, changes, told } = this.#place;
    const changed: Record<string, unknown> = Object.fromEntries(changes);
    const paused = isPaused(end);
    if (paused || (PAUSED in metadata && messages.length > 0)) changed[PAUSED] = paused || undefined;
    // Only a result has warnings.
    if (told !== undefined && hasResult(end)) changed[REPAIRED] = told;
    // A block of the provider may hold half a character.
    const entries = messages.map((message) => ({ message: wellFormed(message) }));
    try {
      await store().append(key, entries, {
        expectedVersion: this.#version,
        turnId: replyId,
        lease: this.#held.lease,
        release: true,
        end: { ...end, leaseToken: this.#held.lease.token },
        ...(Object.keys(changed).length > 0 && { metadata: wellFormed(changed) }),
      });
      this.#held.wasReleased();
    } catch (error) {
      // This turn has the lease, so that it was an `update`. The reply is stored after it.
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
