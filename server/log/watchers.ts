import type { StreamKey } from './chunk-log.ts';

/** What a waiter waits for. */
export type Watched = 'chunks' | 'stop';

/** Who waits for which stream in this process. */
export class Watchers {
  readonly #waiting = new Map<string, Set<Waiter>>();

  /** How many wait. */
  get size(): number {
    let size = 0;
    for (const waiters of this.#waiting.values()) size += waiters.size;
    return size;
  }

  /** Adds a waiter. Returns a function that removes it. */
  add(key: StreamKey, what: Watched, wake: () => void): () => void {
    const name = nameOf(key);
    const waiter = { what, wake };
    let waiters = this.#waiting.get(name);
    if (waiters === undefined) this.#waiting.set(name, (waiters = new Set()));
    waiters.add(waiter);
    return () => {
      waiters.delete(waiter);
      if (waiters.size === 0 && this.#waiting.get(name) === waiters) this.#waiting.delete(name);
    };
  }

  /** Whether anybody waits for this. */
  has(key: StreamKey, what: Watched): boolean {
    for (const waiter of this.#waiting.get(nameOf(key)) ?? []) if (waiter.what === what) return true;
    return false;
  }

  /** Wakes all who wait for this. */
  wake(key: StreamKey, what: Watched): void {
    wakeAll(this.#waiting.get(nameOf(key)), what);
  }

  /** Wakes everybody. */
  wakeAll(): void {
    for (const waiters of [...this.#waiting.values()]) wakeAll(waiters);
  }

  clear(): void {
    this.#waiting.clear();
  }
}

interface Waiter {
  readonly what: Watched;
  readonly wake: () => void;
}

/** A waiter may leave, and another come, while they are being woken. */
function wakeAll(waiters: ReadonlySet<Waiter> | undefined, what?: Watched): void {
  if (waiters === undefined) return;
  for (const waiter of [...waiters]) if (what === undefined || waiter.what === what) waiter.wake();
}

/** Owner and id as one text that is unique to the pair. */
export function nameOf({ owner, id }: StreamKey): string {
  return `${owner.length}:${owner}${id}`;
}
