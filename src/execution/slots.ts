import { abortReason, onAbort } from '../kit/abort.ts';

interface Waiting {
  grant(): void;
}

/** A fixed number of slots, given out in the order of the requests. */
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

  /**
   * Waits for a slot. The function that it resolves to gives the slot back, once. Rejects with the signal's reason if that aborts
   * during the wait.
   */
  async acquire(signalOf: () => AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(signalOf());
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.#queue.shift();
      if (next === undefined) this.#free++;
      else next.grant();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw abortReason(signal);
      const listening = onAbort(signal, (reason) => {
        this.#queue = this.#queue.filter((other) => other !== mine);
        reject(reason);
      });
      const mine: Waiting = {
        grant: () => {
          listening[Symbol.dispose]();
          resolve();
        },
      };
      this.#queue.push(mine);
    });
  }
}
