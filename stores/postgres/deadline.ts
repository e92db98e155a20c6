/** What was waited for did not come in time. Its message says what, and how long it was waited for. */
export class LateError extends Error {
  override readonly name = 'LateError';
}

const PASSED = Symbol('passed');

/** The time that one call of the store has. Each of its waits ends when the time is over. */
export class Deadline {
  readonly #ms: number;
  readonly #passed = Promise.withResolvers<typeof PASSED>();
  readonly #timer: ReturnType<typeof setTimeout>;
  #isOver = false;

  constructor(ms: number) {
    this.#ms = ms;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#passed.resolve(PASSED);
    }, ms);
  }

  /**
   * Starts something and waits for it. Rejects with a {@link LateError} when the time is over: `missing` says what did not come. What
   * comes later goes to `late`. Nothing is started after the time is over.
   */
  async wait<T>(missing: string, start: () => Promise<T>, late: (value: T) => void = ignore): Promise<T> {
    if (this.#isOver) throw this.#error(missing);
    const started = start();
    const first = await Promise.race([started, this.#passed.promise]);
    if (first !== PASSED) return first;
    started.then(late).catch(ignore);
    throw this.#error(missing);
  }

  /** Stops the clock. */
  clear(): void {
    clearTimeout(this.#timer);
  }

  #error(missing: string): LateError {
    return new LateError(`${missing} within ${this.#ms} ms`);
  }
}

function ignore(): void {
  // Nobody waits for it any more.
}
