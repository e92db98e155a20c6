import { SluiceError, abortedError } from '../errors.ts';

interface Waiting {
  enter(): void;
}

/** A bounded number of slots, given out in the order of asking. */
export class Slots {
  #free: number;
  #queue: Waiting[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Waits for a slot; the function returned gives it back, once. Where it has to wait, rejects with the signal's reason when it aborts first. */
  async acquire(signalOf: () => AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(signalOf());
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.#queue.shift();
      if (next === undefined) this.#free++;
      else next.enter();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw abortedError(signal.reason);
      const leave = (): void => {
        this.#queue = this.#queue.filter((other) => other !== mine);
        reject(signal.reason instanceof SluiceError ? signal.reason : abortedError(signal.reason));
      };
      const mine: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.push(mine);
    });
  }
}
