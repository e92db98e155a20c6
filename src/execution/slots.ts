import { SluiceError } from '../errors.ts';
import { abortReason, onAbort } from '../kit/abort.ts';
import { depthInside, holding } from './inside.ts';
import type { Inside } from './inside.ts';

interface Waiting {
  grant(): void;
}

/** A slot that an execution holds. */
export interface Slot {
  /** Gives it back, once. */
  release(this: void): void;
  /** Runs the layers of the execution; undefined: they need not be known. */
  inside: Inside | undefined;
}

/** How many executions of a pipeline may use one slot, each inside the one before, until it is taken for a loop without an end. */
const MAX_DEPTH = 100;

/**
 * A fixed number of slots, given out in the order of the requests. An execution that waits for a slot inside the one that holds the last of them would
 * wait for itself, so it uses that slot. That is enough: of executions that wait for each other one holds the last slot.
 */
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
   * Waits for a slot. Rejects with the signal's reason if that aborts during the wait, and with `queue_full` if executions run inside each other without
   * an end.
   */
  async acquire(signalOf: () => AbortSignal): Promise<Slot> {
    if (this.#free > 0) this.#free--;
    else {
      const depth = depthInside(this);
      if (depth >= MAX_DEPTH) throw withoutEnd();
      if (depth > 0) return this.#shared();
      await this.#wait(signalOf());
    }
    const last = this.#free === 0 ? holding(this) : undefined;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      last?.leave();
      const next = this.#queue.shift();
      if (next === undefined) this.#free++;
      else next.grant();
    };
    return { release, inside: last?.inside };
  }

  /** The slot of the execution around this one, which gives it back. */
  #shared(): Slot {
    const shared = holding(this);
    return { release: () => shared.leave(), inside: shared.inside };
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

function withoutEnd(): SluiceError {
  const what = `The pipeline was run inside its own middleware ${MAX_DEPTH} times while no slot was free`;
  return new SluiceError('queue_full', `${what}: end the recursion.`, { phase: 'queue' });
}
