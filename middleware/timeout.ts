import * as z from 'zod';
import { SluiceError } from '../src/index.ts';
import type { Middleware, Reply, Stream, StreamChunk, Tap, TimeoutPhase } from '../src/index.ts';
import { Timer, option, parseOptions } from '../src/kit/index.ts';

/** Limits of {@link timeout}, in milliseconds; at least one. 0 and undefined: no such limit, but see `firstChunkMs`. */
export interface TimeoutOptions {
  /**
   * Longest wait for the first chunk, counted from the start of this layer: queues and retries below it are included. Where it is undefined,
   * `idleMs` bounds that wait too; 0 leaves it without a limit.
   */
  firstChunkMs?: number;
  /**
   * Longest wait for each further chunk. Only payload counts, keep-alives do not, and the clock stands still while the consumer
   * does not read.
   */
  idleMs?: number;
  /** Longest time for the whole of it, the consumer's own pace included. */
  totalMs?: number;
}

const milliseconds = option.timerMs().optional();
const schema = z
  .strictObject({ firstChunkMs: milliseconds, idleMs: milliseconds, totalMs: milliseconds })
  .refine(
    (limits) => Object.values(limits).some((ms) => ms > 0),
    'give at least one of firstChunkMs, idleMs and totalMs',
  );

/**
 * Ends an attempt that takes too long, with an error of code `timeout` that says in `phase` which limit it was: `first_chunk`,
 * `idle` or `total`. The call below is aborted and its socket freed; what had come before is still delivered.
 *
 * Inside `retry()` the limits hold for each attempt, outside of it for all of them together.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([retry(), timeout({ firstChunkMs: 20_000, idleMs: 10_000 }), provider(openai())]);
 */
export function timeout(options: TimeoutOptions): Middleware {
  const { firstChunkMs, idleMs, totalMs } = parseOptions('timeout()', schema, options);
  const limits: Limits = {
    first: firstChunkMs === undefined ? limit(idleMs, 'idle') : limit(firstChunkMs, 'first_chunk'),
    further: limit(idleMs, 'idle'),
    total: limit(totalMs, 'total'),
  };
  return function timeout(_context, next) {
    const stream = next();
    return stream.tap(new Clock(stream, limits));
  };
}

interface Limit {
  ms: number;
  phase: TimeoutPhase;
}

interface Limits {
  first: Limit;
  further: Limit;
  total: Limit;
}

function limit(ms: number | undefined, phase: TimeoutPhase): Limit {
  return { ms: ms === undefined || ms === 0 ? Number.POSITIVE_INFINITY : ms, phase };
}

/** Since when nothing is waited for. */
const NOT_WAITING = Number.POSITIVE_INFINITY;

/**
 * The clock of one attempt. A chunk costs two assignments, a read one look at the time. There is one timer: when it fires it either
 * finds that a limit is over, or sleeps on until the earliest moment at which one could be.
 */
class Clock implements Tap<StreamChunk, Reply> {
  readonly #stream: Stream<StreamChunk, Reply>;
  readonly #limits: Limits;
  readonly #startedAt = performance.now();
  #waitingSince = this.#startedAt;
  /** What bounds the wait for the next chunk. */
  #limit: Limit;
  readonly #timer = new Timer(() => this.#check());

  constructor(stream: Stream<StreamChunk, Reply>, limits: Limits) {
    this.#stream = stream;
    this.#limits = limits;
    this.#limit = limits.first;
    this.#arm(this.#startedAt);
  }

  pull(): void {
    if (this.#waitingSince === NOT_WAITING) this.#waitingSince = performance.now();
  }

  chunk(): void {
    this.#waitingSince = NOT_WAITING;
    this.#limit = this.#limits.further;
  }

  end(): void {
    this.#timer.stop();
  }

  #check(): void {
    const now = performance.now();
    const total = this.#limits.total;
    if (now - this.#startedAt >= total.ms) this.#expire(total);
    else if (now - this.#waitingSince >= this.#limit.ms) this.#expire(this.#limit);
    else this.#arm(now);
  }

  /** Sleeps until the wait under way is over, or one that begins right now, or the whole. */
  #arm(now: number): void {
    const { further, total } = this.#limits;
    const due = Math.min(this.#waitingSince + this.#limit.ms, now + further.ms, this.#startedAt + total.ms);
    this.#timer.start(Math.max(1, Math.ceil(due - now)));
  }

  #expire({ ms, phase }: Limit): void {
    this.#stream.abort(new SluiceError('timeout', `${WHAT[phase]} within ${ms} ms.`, { phase }));
  }
}

const WHAT: Record<TimeoutPhase, string> = {
  first_chunk: 'The first chunk did not come',
  idle: 'No further chunk came',
  total: 'The answer was not complete',
  queue: 'Its turn did not come',
};
