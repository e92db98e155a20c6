import { isSluiceError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { delay, withDeadline } from '../kit/wait.ts';
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
import type { TurnRecord } from '../execution/turn-record.ts';
import { DECIDED, remembered } from './past-decisions.ts';
import { NOTHING } from './steps/settle.ts';
import { wellFormed } from '../well-formed.ts';

/** How a turn ended, with the reply's messages. */
export interface ReplyEnd extends TurnEnd {
  messages: Message[];
  /** Whether its last calls wait for a decision, so that they may still be answered. */
  isWaiting: boolean;
  /** Somebody else has the turn, as whoever ended the execution found out: nothing of it is stored. */
  lost?: SluiceError | undefined;
}

/** What the end of a turn needs of its request. */
export type ReplyRequest = Pick<TurnRequest, 'store' | 'key' | 'warn'>;

/** What is stored together with a reply. */
export interface ReplyPlace extends BegunTurn {
  readonly replyId: string;
  /** Session values that were set during the turn. */
  readonly changes: ReadonlyMap<string, unknown>;
  /** The steps of the turn. */
  readonly record: TurnRecord;
}

/** The wait before the second try. It doubles with each try, up to a maximum. */
const WAIT_MS = 100;
const MOST_WAIT_MS = 500;
/** A call that has less time than this has all that is left. */
const LEAST_MS = 500;
/** Time for one last try after the lease has expired. */
const LAST_MS = 1_000;

/** Stores the reply of a turn: messages, values, usage and cost in one append, which also releases the lease. */
export class TurnReply {
  readonly #request: ReplyRequest;
  readonly #lease: TurnLease;
  readonly #place: ReplyPlace;
  #version: number;

  constructor(request: ReplyRequest, lease: TurnLease, place: ReplyPlace) {
    this.#request = request;
    this.#lease = lease;
    this.#place = place;
    this.#version = place.version;
  }

  /**
   * If the store fails, tries again until the lease expires or the time is up (`until`, by the monotonic clock): the reader has the reply already, so a
   * failure must not undo it. Resolves to the messages that could not be stored, and warns about them. A turn whose session was taken stores
   * nothing.
   */
  async save(
    { messages, isWaiting, lost: lostElsewhere, ...ended }: ReplyEnd,
    until: number,
  ): Promise<Message[] | undefined> {
    const { record } = this.#place;
    if (lostElsewhere !== undefined) {
      await this.#closeRecord(undefined, until);
      return this.#unsaved(messages, lostElsewhere);
    }
    if (record.mayHaveSteps) {
      const staysOpen = isWaiting || !hasResult(ended);
      await this.#closeRecord(staysOpen && !isWaiting ? ended.outcome : undefined, until);
      if (staysOpen) return undefined;
    }
    const end = record.hasSteps ? { ...ended, ...record.total } : ended;
    const isOpen = isWaiting || end.outcome === 'completed';
    const lastReply = isPaused(end) ? 'paused' : isOpen ? 'open' : undefined;
    const kept = repaired(messages, { lastReply }).messages;
    const { lost } = this.#lease;
    if (lost !== undefined) return this.#unsaved(kept, lost);
    const untilMs = (): number => Math.max(1, until - performance.now());
    // A call may have half of the time that is left, so that one which hangs is not the only try.
    const callMs = (): number => Math.min(untilMs(), Math.max(untilMs() / 2, LEAST_MS), this.#leaseMs);
    // Without the signal: the partial reply of an aborted execution is stored, too.
    const store = (): TimedStore => this.#request.store.within(callMs());
    let waitMs = WAIT_MS;
    for (;;) {
      try {
        await this.#append(store, kept, end);
        return undefined;
      } catch (error) {
        const known = storeError('append', error);
        const again = known.retryable || known.code === 'conflict';
        if (!again || waitMs >= Math.min(this.#lease.leftMs, untilMs())) return this.#unsaved(kept, known);
      }
      await delay(waitMs);
      waitMs = Math.min(2 * waitMs, MOST_WAIT_MS);
    }
  }

  /** The session is told the version by whoever else writes to it in this turn. */
  follows(version: number): void {
    this.#version = version;
  }

  /** Waits for the steps that are being stored. A turn that is cut by an outcome stays open: who comes next goes on with it. */
  async #closeRecord(cutBy: TurnEnd['outcome'] | undefined, until: number): Promise<void> {
    const { record } = this.#place;
    const close = async (): Promise<void> => {
      await record.close();
      if (cutBy !== undefined && record.hasGrown)
        await record.cut(cutBy === 'cancelled' ? 'cancelled' : 'failed');
    };
    try {
      await withDeadline(close(), Math.max(1, until - performance.now()));
    } catch (error) {
      this.#request.warn(`The end of the turn was not saved: ${storeError('record', error).message}`);
    }
  }

  /** How long the lease still holds, and a second for one last try after that. */
  get #leaseMs(): number {
    return Math.max(this.#lease.leftMs, LAST_MS);
  }

  #unsaved(messages: Message[], why: SluiceError): Message[] {
    this.#request.warn(`The turn was not saved: ${why.message}`);
    return messages;
  }

  async #append(store: () => TimedStore, messages: readonly Message[], end: TurnEnd): Promise<void> {
    const { key } = this.#request;
    const { replyId, metadata, changes, reported, record } = this.#place;
    const changed: Record<string, unknown> = Object.fromEntries(changes);
    const paused = isPaused(end);
    if (paused || (PAUSED in metadata && messages.length > 0)) changed[PAUSED] = paused || undefined;
    // Warnings are part of a result, so only then were they reported.
    if (reported !== undefined && hasResult(end)) changed[REPAIRED] = reported;
    const waited = record.hasSteps ? remembered(metadata, record.turnId, record.list) : undefined;
    if (waited !== undefined) changed[DECIDED] = waited;
    // A block of the provider may contain a lone surrogate.
    const entries = messages.map((message) => ({ message: wellFormed(message) }));
    try {
      await store().append(key, entries, {
        expectedVersion: this.#version,
        turnId: replyId,
        lease: this.#lease.timed,
        release: true,
        end: { ...end, leaseToken: this.#lease.timed.token },
        ...(record.hasSteps && { closes: record.turnId, spent: record.rest ?? NOTHING }),
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
