import * as z from 'zod';
import { SluiceError } from '../src/index.ts';
import type { Middleware, Reply, Stream, StreamChunk, Tap, TimeoutPhase } from '../src/index.ts';
import { Timer, option, parseOptions } from '../src/kit/index.ts';

/** Limits of {@link timeout}, in milliseconds. At least one is required. 0 and undefined: no such limit, but see `firstChunkMs`. */
export interface TimeoutOptions {
  /**
   * Longest wait for the first chunk, from the start of this layer, including queues and retries below it. If it is undefined, `idleMs` limits
   * this wait, too; 0: no limit.
   */
  firstChunkMs?: number;
  /**
   * Longest wait for each further chunk. Only payload counts, keep-alives do not. The clock stops while the consumer does not read.
   */
  idleMs?: number;
  /** Longest time for the whole answer, including the time that the consumer takes. */
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
 * Ends an attempt that takes too long, with an error of code `timeout`. Its `phase` says which limit was passed: `first_chunk`, `idle` or
 * `total`. The call below is aborted and its socket freed. What was received before is still delivered.
 *
 * Inside `retry()` the limits apply to each attempt, outside of it to all attempts together.
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

/** The value of `#waitingSince` while no chunk is waited for. */
const NOT_WAITING = Number.POSITIVE_INFINITY;

/**
 * The clock of one attempt. A chunk costs two assignments, a read one look at the time. There is one timer. When it fires, a limit has been
 * passed, or it is started again until the earliest time at which one can be.
 */
class Clock implements Tap<StreamChunk, Reply> {
  readonly #stream: Stream<StreamChunk, Reply>;
  readonly #limits: Limits;
  readonly #startedAt = performance.now();
  #waitingSince = this.#startedAt;
  /** The limit of the wait for the next chunk. */
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

  /** Starts the timer for the end of the current wait, of a wait that begins now, or of the whole answer, whichever comes first. */
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
