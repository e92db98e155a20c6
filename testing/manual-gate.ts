/**
 * Holds a response back. Either a promise, which is awaited once, or a function, which is called before each event with the event's
 * number (from 0). A gate that holds a whole step (the headers, a fault) is called once, with 0.
 */
export type Gate = Promise<unknown> | ((event: number) => unknown);

/** A gate that a test opens by hand. See {@link manualGate}. */
export interface ManualGate {
  /** Pass this as the `gate` of a response. */
  readonly gate: (event: number) => Promise<void>;
  /** How many events may pass in total, including those that have passed. */
  readonly released: number;
  /** Lets the next `count` events through. Default 1. */
  release(count?: number): void;
  /** Lets all further events through. */
  open(): void;
}

/**
 * A gate for tests that control the pace of a stream without timers. Nothing passes until the test releases it.
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

/** Waits for a gate. Resolves at once if there is no gate. */
export async function pass(gate: Gate | undefined, event: number): Promise<void> {
  await (typeof gate === 'function' ? gate(event) : gate);
}
