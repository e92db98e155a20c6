import pRetry from 'p-retry';
import { SluiceError, contextKey } from '../../src/index.ts';
import type {
  Call,
  CallEnd,
  CallObserver,
  ExecutionContext,
  ModelRequest,
  Next,
  Reply,
  Stream,
  StreamChunk,
  StreamEnd,
  Tap,
} from '../../src/index.ts';
import { answerOf, callListener, delay } from '../../src/kit/index.ts';
import { isRetried, underlying } from './classify.ts';
import type { RetrySettings } from './options.ts';
import type { Pace } from './pace.ts';
import { RetryBudget } from './budget.ts';
import { budgetsFor, paceOf } from './shared.ts';

type Attempt = Stream<StreamChunk, Reply>;

/** The settings of the outermost `retry()` of an execution: all of its `retry()` share one budget. */
const Owner = contextKey<object>('retry budget');

/** What is known of the calls of all attempts. */
interface MadeCalls {
  readonly numbers: Set<number>;
  /** Whether one of them offered tools that could be called. */
  offerTools: boolean;
}

const BUDGET_IS_USED_UP = 'retry: a failed attempt was not repeated, because the retry budget is used up.';

/**
 * The attempts of one run of the middleware. One run of p-retry makes them all: it counts them, asks whether and after what wait there is
 * another one, and gives up with the last error as it is. Use either `open()` or `first()` and `next()`.
 */
export class Attempts {
  readonly #context: ExecutionContext;
  readonly #next: Next;
  readonly #settings: RetrySettings;
  readonly #owner: object;
  /** The calls made. */
  #calls: MadeCalls | undefined;
  /** Number of the attempt that was begun last, from 1. */
  #number = 0;
  /** Whether chunks of it have been delivered. */
  #delivered = false;
  /** What answers the call that was begun last. */
  #source: object | undefined;
  /** The request of the next attempt, if it is another one. */
  #changes: Partial<ModelRequest> | undefined;
  #tap: AttemptTap | undefined;
  /** Settles when the attempt that is asked for is open. Undefined once it is. */
  #opening: PromiseWithResolvers<Attempt> | undefined;
  /** Rejects when the attempt that was opened last has failed after all. */
  #broken: PromiseWithResolvers<never> | undefined;

  constructor(context: ExecutionContext, next: Next, settings: RetrySettings) {
    this.#context = context;
    this.#next = next;
    this.#settings = settings;
    this.#owner = context.once(Owner, () => settings);
  }

  /** Whether a call made here has this number. Other numbers are of what a layer below added by itself. */
  hasCall(number: number | undefined): boolean {
    return number !== undefined && this.#calls?.numbers.has(number) === true;
  }

  /** Whether the model could call tools in a call made here. */
  get offersTools(): boolean {
    return this.#calls?.offerTools === true;
  }

  /** Whether the attempt that was begun last first says again what an earlier run of the turn has said. */
  get replays(): boolean {
    return this.#tap?.replays === true;
  }

  /** Gives a started stream with its first chunk. Only attempts that fail before that are retried, and those that begin with a replay: see `first()`. */
  open(): Promise<Attempt> {
    return this.#opened(() => this.replays);
  }

  /** Gives a started stream with its first chunk. If it fails later, `next()` tells so, and the same run of p-retry goes on. */
  first(): Promise<Attempt> {
    return this.#opened(() => true);
  }

  /** `goesOn`: whether the run of p-retry goes on when the attempt is open. */
  #opened(goesOn: () => boolean): Promise<Attempt> {
    const opening = Promise.withResolvers<Attempt>();
    this.#opening = opening;
    this.#run(async (number) => {
      const attempt = await this.#attempt(number);
      const broken = goesOn() ? Promise.withResolvers<never>() : undefined;
      this.#broken = broken;
      this.#opening?.resolve(attempt);
      this.#opening = undefined;
      return broken === undefined ? attempt : broken.promise;
    }).catch((error: unknown) => this.#opening?.reject(error));
    return opening.promise;
  }

  /**
   * The stream given last has failed after chunks of it were delivered. Gives the next one, with `changes` to the request. Rejects with the last
   * error if there is none.
   */
  next(error: unknown, changes: Partial<ModelRequest> | undefined): Promise<Attempt> {
    const opening = Promise.withResolvers<Attempt>();
    this.#opening = opening;
    this.#changes = changes;
    this.#delivered = true;
    this.#broken?.reject(error);
    return opening.promise;
  }

  #run<T>(attempt: (number: number) => Promise<T>): Promise<T> {
    return pRetry(attempt, {
      retries: this.#settings.maxRetries,
      // p-retry computes its waits beforehand. These depend on the error, so they are part of the decision.
      minTimeout: 0,
      shouldRetry: ({ error }) => this.#decide(error),
    });
  }

  async #attempt(number: number): Promise<Attempt> {
    this.#number = number;
    this.#delivered = false;
    this.#tap = new AttemptTap(this, number);
    const stream = this.#next(this.#changes).tap(this.#tap);
    await stream.ready();
    return stream;
  }

  /** An attempt makes a call. */
  began(call: Call): void {
    // Only a continued text asks for them.
    if (this.#settings.afterContent === 'continue') {
      this.#calls ??= { numbers: new Set(), offerTools: false };
      this.#calls.numbers.add(call.number);
      this.#calls.offerTools ||= mayCallTools(call.request);
    }
    this.#source = call.source;
  }

  /** A call of an attempt has completed. */
  succeeded(call: Call): void {
    for (const budget of budgetsFor(this.#owner, call.source, this.#settings)) budget.succeeded(call);
  }

  /** Says whether there is another attempt, after the wait before it. Rejects if the execution ends during the wait. */
  async #decide(thrown: unknown): Promise<boolean> {
    const error = underlying(thrown);
    // The signal is asked for only now: making one costs something, and most executions have no failure.
    const { signal, deadline } = this.#context;
    if (error === undefined || signal.aborted || !isRetried(error, this.#settings.retryOn)) return false;
    const budgets = budgetsFor(this.#owner, this.#source, this.#settings);
    for (const budget of budgets) budget.failed();
    const pace = paceOf(this.#source ?? this.#owner);
    const delayMs = this.#delayMs(error, pace);
    if (delayMs === undefined || (deadline !== undefined && Date.now() + delayMs >= deadline)) return false;
    if (!RetryBudget.take(budgets, delayMs)) {
      this.#context.warn(BUDGET_IS_USED_UP);
      this.#context.log.warn(BUDGET_IS_USED_UP, { execution: this.#context.id, errorCode: error.code });
      return false;
    }
    if (isTold(error)) pace.take(delayMs);
    callListener(this.#context, 'retry: onRetry', () =>
      this.#settings.onRetry?.({
        executionId: this.#context.id,
        attempt: this.#number,
        error,
        delayMs,
        afterContent: this.#delivered,
      }),
    );
    try {
      await delay(delayMs, signal);
    } catch (ended) {
      for (const budget of budgets) budget.giveBack();
      throw ended;
    }
    return true;
  }

  /** The wait before the next attempt, in milliseconds. Undefined if the provider asks for more than is allowed. */
  #delayMs(error: SluiceError, pace: Pace): number | undefined {
    const { maxRetryAfterMs, backoff } = this.#settings;
    if (isTold(error))
      return error.retryAfterMs > maxRetryAfterMs ? undefined : pace.waitMs(error.retryAfterMs);
    const ms = answerOf('retry(): backoff', () => backoff(this.#number), 'number');
    if (Number.isFinite(ms) && ms >= 0) return ms;
    throw new SluiceError('invalid_options', 'retry(): backoff returned no number of at least 0.');
  }
}

/** Sees the end of one attempt, and the calls that it makes. */
class AttemptTap implements Tap<StreamChunk, Reply> {
  readonly #attempts: Attempts;
  readonly #number: number;
  /** Whether its first chunk is a replay; undefined before that. */
  replays: boolean | undefined;

  constructor(attempts: Attempts, number: number) {
    this.#attempts = attempts;
    this.#number = number;
  }

  call(call: Call): CallObserver {
    // A span without the number is a first attempt's.
    if (this.#number > 1) call.span.set({ attempt: this.#number });
    this.#attempts.began(call);
    return new AttemptCall(this.#attempts, call);
  }

  chunk(chunk: StreamChunk): void {
    this.replays ??= chunk.replayed === true;
  }

  end({ error }: StreamEnd<Reply>): void {
    if (error !== undefined) error.attempts = this.#number;
  }
}

/** Tells the budgets that a call has completed. */
class AttemptCall implements CallObserver {
  readonly #attempts: Attempts;
  readonly #call: Call;

  constructor(attempts: Attempts, call: Call) {
    this.#attempts = attempts;
    this.#call = call;
  }

  end({ outcome }: CallEnd): void {
    if (outcome === 'completed') this.#attempts.succeeded(this.#call);
  }
}

function mayCallTools({ tools = [], parameters }: ModelRequest): boolean {
  return tools.length > 0 && parameters.toolChoice !== 'none';
}

function isTold(error: SluiceError): error is SluiceError & { retryAfterMs: number } {
  return error.retryAfterMs !== undefined && error.retryAfterMs > 0;
}
