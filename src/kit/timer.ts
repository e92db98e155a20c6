/** The longest wait of `setTimeout`, in milliseconds (2^31 - 1, about 24.8 days). A longer one fires at once. */
const LONGEST_WAIT_MS = 2_147_483_647;

/** Options of a {@link Timer}. */
export interface TimerOptions {
  /** Whether a running timer keeps the process alive. Default: true. */
  keepAlive?: boolean;
}

/**
 * A timer that can be started again and again, and that stops when its scope ends. It waits for any time: one that `setTimeout` cannot hold
 * (more than 24.8 days) is waited for in parts, and `Infinity` never fires.
 *
 * @example
 * using timer = new Timer(() => stream.abort(new SluiceError('timeout', 'No answer came within 5,000 ms.')));
 * timer.start(5_000);
 */
export class Timer implements Disposable {
  readonly #callback: () => void;
  readonly #keepAlive: boolean;
  #handle: ReturnType<typeof setTimeout> | undefined;
  /** How much of the wait is left after the part that `#handle` waits for, in milliseconds. */
  #restMs = 0;

  /** Makes a timer that is not running. `callback` runs once for each start whose time is over. */
  constructor(callback: () => void, { keepAlive = true }: TimerOptions = {}) {
    this.#callback = callback;
    this.#keepAlive = keepAlive;
  }

  /** Whether it has been started, and has neither fired nor been stopped. A wait for `Infinity` is not running. */
  get running(): boolean {
    return this.#handle !== undefined;
  }

  /** Fires in so many milliseconds. A wait that is running is replaced. */
  start(ms: number): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
    if (ms !== Number.POSITIVE_INFINITY) this.#wait(ms);
  }

  /** Stops the wait. The timer does not fire until it is started again. */
  stop(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  /** The same as `stop()`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  #wait(ms: number): void {
    this.#restMs = Math.max(0, ms - LONGEST_WAIT_MS);
    const handle = setTimeout(this.#onTime, ms - this.#restMs);
    // A browser's handle is a number.
    if (!this.#keepAlive && typeof handle === 'object') handle.unref();
    this.#handle = handle;
  }

  readonly #onTime = (): void => {
    if (this.#restMs > 0) {
      this.#wait(this.#restMs);
      return;
    }
    this.#handle = undefined;
    this.#callback();
  };
}
