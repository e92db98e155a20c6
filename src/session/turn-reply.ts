import { SluiceError, findSluiceError, isSluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import { within } from './delay.ts';
import type { HeldLease } from './held-lease.ts';
import { repaired } from './repair.ts';
import type { TurnEnd } from './store.ts';
import type { TurnRequest } from './turn.ts';
import { PAUSED } from './turn-begin.ts';
import type { BegunTurn } from './turn-begin.ts';

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

/** How often an append is tried whose store fails: of a whole reply, and of what is left of one that nobody waits for any more. */
const TRIES = { whole: 10, partial: 5 };
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
   * A store that fails is tried again until the lease has run out: the reply has reached its reader, nothing must take it back. Resolves to the messages
   * that could not be stored, with a warning of it.
   */
  async save({ messages, ...end }: ReplyEnd): Promise<Message[] | undefined> {
    const whole = end.outcome === 'completed';
    const lastReply = !whole ? undefined : isPaused(end) ? 'paused' : 'open';
    const kept = repaired(messages, { lastReply }).messages;
    const tries = whole ? TRIES.whole : TRIES.partial;
    let waitMs = WAIT_MS;
    for (let number = 1; ; number++) {
      try {
        await within(Math.max(this.#held.leftMs, LAST_MS), this.#append(kept, end), tooLate);
        return undefined;
      } catch (error) {
        const known = findSluiceError(error);
        const again = known === undefined || known.retryable || known.code === 'conflict';
        if (!again || number >= tries || waitMs >= this.#held.leftMs) {
          const why = known === undefined ? 'the store failed.' : known.message;
          this.#request.warn(`The turn was not saved: ${why}`);
          return kept;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(2 * waitMs, MOST_WAIT_MS);
    }
  }

  async #append(messages: readonly Message[], end: TurnEnd): Promise<void> {
    const { store, key } = this.#request;
    const { replyId, metadata, changes } = this.#place;
    const changed: Record<string, unknown> = Object.fromEntries(changes);
    const paused = isPaused(end);
    if (paused || (PAUSED in metadata && messages.length > 0)) changed[PAUSED] = paused || undefined;
    const entries = messages.map((message) => ({ message }));
    try {
      await store.append(key, entries, {
        expectedVersion: this.#version,
        turnId: replyId,
        lease: this.#held.lease,
        release: true,
        end: { ...end, leaseToken: this.#held.lease.token },
        ...(Object.keys(changed).length > 0 && { metadata: changed }),
      });
      this.#held.wasReleased();
    } catch (error) {
      // Not another turn, since this one has the lease: an `update`, behind which the reply has its place.
      if (isSluiceError(error) && error.code === 'conflict')
        this.#version = (await store.load(key, { last: 0 }))?.version ?? 0;
      throw error;
    }
  }
}

function isPaused({ outcome, finishReason }: TurnEnd): boolean {
  return outcome === 'completed' && finishReason === 'pause';
}

function tooLate(): SluiceError {
  return new SluiceError('store', 'the store gave no answer while the turn had its session.');
}
