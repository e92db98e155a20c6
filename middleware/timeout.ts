import * as z from 'zod';
import { SluiceError } from '../src/index.ts';
import type {
  Call,
  CallObserver,
  LifeSign,
  Middleware,
  Reply,
  Stream,
  StreamChunk,
  Tap,
  TimeoutPhase,
} from '../src/index.ts';
import { Timer, option, parseOptions } from '../src/kit/index.ts';

/** Limits of {@link timeout}, in milliseconds. At least one is required. 0 and undefined: no such limit, but see `firstChunkMs` and `chunkMs`. */
export interface TimeoutOptions {
  /**
   * Longest wait for the first chunk, from the start of this layer, including queues and retries below it. It is then the only limit of that wait. If it is
   * undefined, `idleMs` and `chunkMs` limit it; 0: no limit.
   */
  firstChunkMs?: number;
  /**
   * Longest silence: the time without a chunk and without any other event of the server. Pings, status events, empty deltas and hidden thinking are signs of
   * life; comments that keep a connection open are not. The clock stops while the consumer does not read.
   */
  idleMs?: number;
  /**
   * Longest wait for each chunk, however alive the server is. Events of tools that the provider runs itself count as chunks. Default: 600,000 (10 minutes) if
   * `idleMs` is set, and at least `idleMs`; else no limit.
   */
  chunkMs?: number;
  /** Longest time for the whole answer, including the time that the consumer takes. */
  totalMs?: number;
}

/** How long a model that is alive may think, by default. */
const CHUNK_MS = 600_000;

const milliseconds = option.timerMs().optional();
const schema = z
  .strictObject({
    firstChunkMs: milliseconds,
    idleMs: milliseconds,
    chunkMs: milliseconds,
    totalMs: milliseconds,
  })
  .refine(
    (limits) => Object.values(limits).some((ms) => ms > 0),
    'give at least one of firstChunkMs, idleMs, chunkMs and totalMs',
  );

/**
 * Ends an attempt that takes too long, with an error of code `timeout`. Its `phase` says which limit was passed: `first_chunk`, `idle` (for `idleMs` and
 * `chunkMs`) or `total`. The call below is aborted and its socket freed. What was received before is still delivered.
 *
 * Inside `retry()` the limits apply to each attempt, outside of it to all attempts together.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([retry(), timeout({ idleMs: 60_000 }), provider(openai())]);
 */
export function timeout(options: TimeoutOptions): Middleware {
  const given = parseOptions('timeout()', schema, options);
  const { firstChunkMs, idleMs = 0, totalMs } = given;
  const chunkMs = given.chunkMs ?? (idleMs > 0 ? Math.max(CHUNK_MS, idleMs) : 0);
  const idle = limit(idleMs, 'idle', 'The model gave neither a chunk nor another sign of life');
  const limits: Limits = {
    first:
      firstChunkMs === undefined
        ? { idle, chunk: limit(chunkMs, 'first_chunk', FIRST) }
        : { idle: NEVER, chunk: limit(firstChunkMs, 'first_chunk', FIRST) },
    further: { idle, chunk: limit(chunkMs, 'idle', 'No further chunk came') },
    total: limit(totalMs, 'total', 'The answer was not complete'),
  };
  return function timeout(_context, next) {
    const stream = next();
    return stream.tap(new Clock(stream, limits));
  };
}

interface Limit {
  ms: number;
  phase: TimeoutPhase;
  /** For the error. */
  what: string;
}

/** The limits of a wait for a chunk. */
interface WaitLimits {
  idle: Limit;
  chunk: Limit;
}

interface Limits {
  first: WaitLimits;
  further: WaitLimits;
  total: Limit;
}

const FIRST = 'The first chunk did not come';
const NEVER: Limit = { ms: Number.POSITIVE_INFINITY, phase: 'idle', what: '' };

function limit(ms: number | undefined, phase: TimeoutPhase, what: string): Limit {
  return { ms: ms === undefined || ms === 0 ? Number.POSITIVE_INFINITY : ms, phase, what };
}

/** The value of `#waitingSince` while no chunk is waited for. */
const NOT_WAITING = Number.POSITIVE_INFINITY;

/**
 * The clocks of one attempt. A chunk costs two assignments, a read and a sign of life one look at the time. There is one timer. When it fires, a limit has
 * been passed, or it is started again until the earliest time at which one can be.
 */
class Clock implements Tap<StreamChunk, Reply> {
  readonly #stream: Stream<StreamChunk, Reply>;
  readonly #limits: Limits;
  readonly #startedAt = performance.now();
  #waitingSince = this.#startedAt;
  /** The last sign of life of this wait, or its start. */
  #aliveAt = this.#startedAt;
  /** The limits of the wait for the next chunk. */
  #wait: WaitLimits;
  /** The newest call below, and its output at the last look. A layer in between may hold back what it gives. */
  #call: Call | undefined;
  #output = 0;
  readonly #timer = new Timer(() => this.#check());

  constructor(stream: Stream<StreamChunk, Reply>, limits: Limits) {
    this.#stream = stream;
    this.#limits = limits;
    this.#wait = limits.first;
    this.#arm(this.#startedAt);
  }

  pull(): void {
    if (this.#waitingSince !== NOT_WAITING) return;
    this.#aliveAt = this.#waitingSince = performance.now();
    this.#hasMore();
  }

  chunk(): void {
    this.#waitingSince = NOT_WAITING;
    this.#wait = this.#limits.further;
  }

  call(call: Call): CallObserver {
    this.#call = call;
    this.#output = 0;
    return new CallSigns(this);
  }

  end(): void {
    this.#timer.stop();
  }

  /** The call has given a sign of life. */
  hear(sign: LifeSign): void {
    if (this.#waitingSince === NOT_WAITING) return;
    this.#aliveAt = performance.now();
    if (sign === 'alive') return;
    this.#waitingSince = this.#aliveAt;
    this.#wait = this.#limits.further;
  }

  #check(): void {
    const now = performance.now();
    const { total } = this.#limits;
    const { idle, chunk } = this.#wait;
    if (this.#hasMore()) this.hear('progress');
    if (now - this.#startedAt >= total.ms) this.#expire(total);
    else if (now - this.#waitingSince >= chunk.ms) this.#expire(chunk);
    else if (this.#waitingSince !== NOT_WAITING && now - this.#aliveAt >= idle.ms) this.#expire(idle);
    else this.#arm(now);
  }

  /** Whether the call has given more than at the last look. */
  #hasMore(): boolean {
    const before = this.#output;
    this.#output = this.#call?.outputCharacters ?? 0;
    return this.#output > before;
  }

  /** Starts the timer for the end of the current wait, of a wait that begins now, or of the whole answer, whichever comes first. */
  #arm(now: number): void {
    const { further, total } = this.#limits;
    const { idle, chunk } = this.#wait;
    const silence = this.#waitingSince === NOT_WAITING ? NOT_WAITING : this.#aliveAt + idle.ms;
    const nextWait = now + Math.min(further.idle.ms, further.chunk.ms);
    const due = Math.min(silence, this.#waitingSince + chunk.ms, nextWait, this.#startedAt + total.ms);
    this.#timer.start(Math.max(1, Math.ceil(due - now)));
  }

  #expire({ ms, phase, what }: Limit): void {
    this.#stream.abort(new SluiceError('timeout', `${what} within ${ms} ms.`, { phase }));
  }
}

/** Hears the signs of life of one call. */
class CallSigns implements CallObserver {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  alive(sign: LifeSign): void {
    this.#clock.hear(sign);
  }
}
