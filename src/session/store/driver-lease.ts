import { checkLease } from './check-call.ts';
import type { Awaitable } from './driver.ts';
import { leaseLostError } from './store-errors.ts';
import type { Lease, SessionKey } from './store.ts';

/** Calls `hold` of the driver for a lease. `doing` names the call for errors. */
type Hold = (doing: string, ms: number) => Awaitable<number | undefined>;

/** A lease that a driver has granted. */
export class DriverLease implements Lease {
  readonly token: number;
  readonly #key: SessionKey;
  readonly #hold: Hold;
  #until: number;
  /** `releasing`: it cannot be renewed any more, but a release that failed can be tried again. */
  #state: 'active' | 'releasing' | 'released' = 'active';

  constructor(key: SessionKey, granted: { token: number; until: number }, hold: Hold) {
    this.token = granted.token;
    this.#key = key;
    this.#hold = hold;
    this.#until = granted.until;
  }

  get expiresAt(): number {
    return this.#until;
  }

  async renew(ttlMs: number): Promise<void> {
    checkLease(this.#key, ttlMs);
    const until = this.#state === 'active' ? await this.#hold('renew', ttlMs) : undefined;
    if (until === undefined) throw leaseLostError(this.#key);
    this.#until = until;
  }

  async release(): Promise<void> {
    if (this.#state === 'released') return;
    this.#state = 'releasing';
    await this.#hold('release', 0);
    this.#state = 'released';
  }

  /** The same as `release()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
