import { SluiceError } from '../errors.ts';
import { abortReason } from '../kit/abort.ts';
import { Timer } from '../kit/timer.ts';
import { abortable } from '../kit/wait.ts';
import { sessionKey } from './store/check-key.ts';
import { sessionBusyError, sessionName } from './store/store-errors.ts';
import type { SessionKey, StateStore } from './store/store.ts';

/**
 * What a turn does if its session is busy. `queue`: waits, first come, first served. `reject`: fails with `session_busy`.
 * `supersede`: ends the running turn and all waiting ones, and takes their place.
 */
export type OnBusy = 'queue' | 'reject' | 'supersede';

/** A turn that asks for a session. */
export interface QueueRequest {
  turnId: string;
  onBusy: OnBusy;
  maxQueuedTurns: number;
  signal: AbortSignal;
  /** Ends the turn, for one that supersedes it. */
  stop(this: void, error: SluiceError): void;
}

/** The right of a turn to run: it is the first in the queue. */
export interface QueuePlace {
  /** Lets the next turn run. Idempotent. */
  leave(this: void): void;
}

interface QueuedTurn {
  turnId: string;
  stop(this: void, error: SluiceError): void;
  readonly entered: PromiseWithResolvers<void>;
  readonly left: PromiseWithResolvers<void>;
}

/** How long a turn that was superseded may take to store what it has, in milliseconds. */
const SUPERSEDE_MS = 5_000;

/** Queues by session, for each store. Turns of different pipelines over one store wait for each other, too. */
const queues = new WeakMap<StateStore, Map<string, SessionQueue>>();

/** The turns of this process on one session. The first one runs, the others wait. */
export class SessionQueue {
  readonly #key: SessionKey;
  readonly #turns: QueuedTurn[] = [];
  /** Removes the queue when it is empty. */
  readonly #forget: () => void;

  constructor(key: SessionKey, forget: () => void) {
    this.#key = key;
    this.#forget = forget;
  }

  /** The queue of a session. */
  static of(store: StateStore, key: SessionKey): SessionQueue {
    const sessions = queues.get(store) ?? new Map<string, SessionQueue>();
    queues.set(store, sessions);
    const name = nameOf(key);
    const queue = sessions.get(name) ?? new SessionQueue(key, () => sessions.delete(name));
    sessions.set(name, queue);
    return queue;
  }

  /**
   * Waits until no other turn of this process uses the session. Resolves to undefined if the same turn ran in the meantime: look for its result. Rejects
   * with `session_busy`, or with the signal's reason.
   */
  async enter({
    turnId,
    onBusy,
    maxQueuedTurns,
    signal,
    stop,
  }: QueueRequest): Promise<QueuePlace | undefined> {
    if (signal.aborted) {
      if (this.#turns.length === 0) this.#forget();
      throw abortReason(signal);
    }
    const same = this.#turns.find((other) => other.turnId === turnId);
    if (same !== undefined) {
      await abortable(same.left.promise, signal);
      return undefined;
    }
    this.#refuseIfBusy(onBusy, maxQueuedTurns);
    const turn: QueuedTurn = {
      turnId,
      stop,
      entered: Promise.withResolvers(),
      left: Promise.withResolvers(),
    };
    const before = [...this.#turns];
    this.#turns.push(turn);
    if (onBusy === 'supersede') for (const other of before) other.stop(supersededError(this.#key));
    if (this.#turns[0] !== turn) await this.#wait(turn, onBusy, signal);
    return { leave: () => this.#leave(turn) };
  }

  #refuseIfBusy(onBusy: OnBusy, maxQueuedTurns: number): void {
    if (this.#turns.length === 0) return;
    const waiting = this.#turns.length - 1;
    if (onBusy === 'reject') throw sessionBusyError(this.#key);
    if (onBusy === 'queue' && waiting >= maxQueuedTurns) throw tooManyError(this.#key, waiting);
  }

  async #wait(turn: QueuedTurn, onBusy: OnBusy, signal: AbortSignal): Promise<void> {
    using timer = new Timer(() => this.#overtake(turn));
    if (onBusy === 'supersede') timer.start(SUPERSEDE_MS);
    try {
      await abortable(turn.entered.promise, signal);
    } catch {
      this.#leave(turn);
      throw abortReason(signal);
    }
  }

  #leave(turn: QueuedTurn): void {
    const at = this.#turns.indexOf(turn);
    turn.left.resolve();
    if (at < 0) return;
    this.#turns.splice(at, 1);
    if (this.#turns.length === 0) this.#forget();
    else if (at === 0) this.#turns[0]?.entered.resolve();
  }

  /** Skips turns that were asked to end but are still running. The fencing token keeps their late writes out of the session. */
  #overtake(turn: QueuedTurn): void {
    for (const other of this.#turns.splice(0, this.#turns.indexOf(turn))) other.left.resolve();
    turn.entered.resolve();
  }
}

function nameOf(key: SessionKey): string {
  const { owner, id } = sessionKey(key);
  return JSON.stringify([owner, id]);
}

function tooManyError(key: SessionKey, waiting: number): SluiceError {
  return new SluiceError(
    'session_busy',
    `The ${sessionName(key)} is in use, and ${waiting} turns wait for it already: try again later.`,
    { retryable: true },
  );
}

function supersededError(key: SessionKey): SluiceError {
  return new SluiceError('aborted', `The turn was superseded by another of the ${sessionName(key)}.`, {
    reason: 'superseded',
  });
}
