/**
 * What holds a response back: a promise to wait for once, or a function that is asked before each event with the
 * event's number (from 0). Where a gate holds a whole step (the headers, a fault) it is asked once, with 0.
 */
export type Gate = Promise<unknown> | ((event: number) => unknown);

/** A gate opened by hand, made with {@link manualGate}. */
export interface ManualGate {
  /** Give this to a response's `gate`. */
  readonly gate: (event: number) => Promise<void>;
  /** How many may pass in total, those that have passed included. */
  readonly released: number;
  /** Lets the next `count` events through. Default 1. */
  release(count?: number): void;
  /** Lets everything through, now and later. */
  open(): void;
}

/**
 * A gate for tests that pace a stream without time: nothing passes until the test releases it.
 *
 * @example
 * const pace = manualGate();
 * server.enqueue({ stream: chatStream({ text: ['a', 'b'] }), gate: pace.gate });
 * pace.release(2); // the role chunk and 'a'
 */
export function manualGate(): ManualGate {
  let released = 0;
  let asked = 0;
  const waiting = new Map<number, () => void>();

  function wake(): void {
    for (const [ticket, resolve] of waiting) {
      if (ticket >= released) continue;
      waiting.delete(ticket);
      resolve();
    }
  }

  return {
    gate: async function gate() {
      const ticket = asked++;
      if (ticket < released) return;
      await new Promise<void>((resolve) => waiting.set(ticket, resolve));
    },
    get released() {
      return released;
    },
    release(count = 1) {
      released += count;
      wake();
    },
    open() {
      released = Number.POSITIVE_INFINITY;
      wake();
    },
  };
}

/** Waits for a gate; resolves at once where there is none. */
export async function pass(gate: Gate | undefined, event: number): Promise<void> {
  await (typeof gate === 'function' ? gate(event) : gate);
}
