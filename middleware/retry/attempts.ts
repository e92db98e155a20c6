import pRetry from 'p-retry';
import type {
  ExecutionContext,
  ModelRequest,
  Next,
  Reply,
  SluiceError,
  Stream,
  StreamChunk,
} from '../../src/index.ts';
import { isRetried, underlying } from './classify.ts';
import { delayMs, pause } from './delay.ts';
import type { RetrySettings } from './options.ts';

/** All attempts of one run of the middleware: they share one number of retries. */
export class Attempts {
  /** Attempts made so far. */
  made = 0;
  readonly #context: ExecutionContext;
  readonly #next: Next;
  readonly #settings: RetrySettings;
  /** Whether one is under way. */
  #running = false;
  #watching = false;

  constructor(context: ExecutionContext, next: Next, settings: RetrySettings) {
    this.#context = context;
    this.#next = next;
    this.#settings = settings;
  }

  /** A started stream whose first chunk is there. Attempts that fail before are made again; the last error is thrown as it is. */
  open(changes?: Partial<ModelRequest>): Promise<Stream<StreamChunk, Reply>> {
    const attempt = async (): Promise<Stream<StreamChunk, Reply>> => {
      this.made++;
      this.#running = true;
      const stream = this.#next(changes).tap({
        end: ({ error }) => {
          this.#running = false;
          if (error !== undefined) error.attempts = this.made;
        },
      });
      await stream.ready();
      return stream;
    };
    return pRetry(attempt, {
      retries: Math.max(0, this.#settings.maxRetries - this.made),
      // The wait is ours: it ends on abort, and the provider has a say in it.
      minTimeout: 0,
      shouldRetry: ({ error }) => this.#allows(error, false),
    });
  }

  /** Waits for the next attempt after a failure behind the first chunk. False: there is none. */
  async again(error: unknown): Promise<boolean> {
    return this.made <= this.#settings.maxRetries && (await this.#allows(error, true));
  }

  /** Decides on a failure and, where it is tried again, waits. Throws when the execution ends meanwhile. */
  async #allows(thrown: unknown, afterContent: boolean): Promise<boolean> {
    const error = underlying(thrown);
    const { signal, deadline } = this.#context;
    if (error === undefined || signal.aborted || !isRetried(error, this.#settings.retryOn)) return false;
    const ms = delayMs(error, this.made, this.#settings);
    if (ms === undefined || (deadline !== undefined && Date.now() + ms >= deadline)) return false;
    this.#tell(error, ms, afterContent);
    this.#watch();
    await pause(ms, signal);
    return true;
  }

  #tell(error: SluiceError, delay: number, afterContent: boolean): void {
    try {
      this.#settings.onRetry?.({
        executionId: this.#context.id,
        attempt: this.made,
        error,
        delayMs: delay,
        afterContent,
      });
    } catch (thrown) {
      const kind = thrown instanceof Error ? thrown.name : 'a value that is no Error';
      this.#context.warn(`retry: onRetry threw ${kind}.`);
    }
  }

  /** Numbers the attempt on the spans of its calls, from the second attempt on: one without the attribute is a first attempt's. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#context.onCall(({ span }) => {
      if (this.#running) span.set({ attempt: this.made });
    });
  }
}
