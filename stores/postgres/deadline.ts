import { Timer } from '../../src/kit/index.ts';

/** Something did not come in time. The message says what, and how long the wait was. */
export class LateError extends Error {
  override readonly name = 'LateError';
}

/** The time limit of one call of the store. The call waits for one thing after the other, and each wait ends when the time is over. */
export class Deadline implements Disposable {
  readonly #ms: number;
  readonly #timer: Timer;
  #isOver = false;
  /** Ends the current wait. */
  #giveUp = ignore;

  constructor(ms: number) {
    this.#ms = ms;
    this.#timer = new Timer(() => {
      this.#isOver = true;
      this.#giveUp();
    });
    this.#timer.start(ms);
  }

  /**
   * Starts something and waits for it. Rejects with a {@link LateError} when the time is over: `missing` says what did not come. What
   * comes later is passed to `late`. Nothing is started after the time is over.
   */
  wait<T>(missing: string, start: () => Promise<T>, late: (value: T) => void = ignore): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new LateError(`${missing} within ${this.#ms} ms`));
      if (this.#isOver) {
        giveUp();
        return;
      }
      this.#giveUp = giveUp;
      start().then((value) => (this.#isOver ? late(value) : resolve(value)), reject);
    });
  }

  /** Stops the clock. */
  [Symbol.dispose](): void {
    this.#timer.stop();
  }
}

function ignore(): void {
  // Nobody is waiting for it any more.
}
