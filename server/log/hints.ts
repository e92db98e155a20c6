import { Timer } from '../../src/kit/index.ts';
import type { StreamKey } from './chunk-log.ts';
import { Watchers } from './watchers.ts';
import type { Watched } from './watchers.ts';

/** Where the hints of other processes come from. */
export interface HintChannel {
  /** Connects if it is not connected. Called for the first waiter, and again for later ones. It reports by {@link Hints.up} and {@link Hints.down}. */
  open(): void;
}

/**
 * Wakes who waits in this process. Hints of other processes come through a channel. While it is down, everybody is woken from time to time, so that hints are late, but not lost.
 */
export class Hints {
  readonly watchers = new Watchers();
  readonly #channel: HintChannel;
  readonly #pollMs: number;
  readonly #timer = new Timer(() => this.#poll(), { keepAlive: false });
  #isUp = false;
  #isClosed = false;

  constructor(channel: HintChannel, pollMs: number) {
    this.#channel = channel;
    this.#pollMs = pollMs;
  }

  /** Adds a waiter. Returns a function that removes it. */
  watch(key: StreamKey, what: Watched, wake: () => void): () => void {
    if (this.#isClosed) return () => undefined;
    const end = this.watchers.add(key, what, wake);
    this.#channel.open();
    this.#wait();
    return end;
  }

  /** The channel works from now on. What came before may be lost. */
  up(): void {
    if (this.#isClosed) return;
    this.#isUp = true;
    this.#timer.stop();
    this.watchers.wakeAll();
  }

  /** The channel does not work any more. */
  down(): void {
    this.#isUp = false;
    this.#wait();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.stop();
    this.watchers.clear();
  }

  #wait(): void {
    if (!this.#isUp && !this.#isClosed && this.watchers.size > 0 && !this.#timer.running)
      this.#timer.start(this.#pollMs);
  }

  #poll(): void {
    this.watchers.wakeAll();
    this.#channel.open();
    this.#wait();
  }
}
