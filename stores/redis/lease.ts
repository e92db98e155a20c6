import { checkLease, leaseLostError } from '../../src/index.ts';
import type { Lease, SessionKey } from '../../src/index.ts';

/** What a lease of a session in Redis needs of its store. */
export interface LeaseCommands {
  /** Resolves to the new end, or to undefined where the lease is lost. */
  renew(token: number, ttlMs: number): Promise<number | undefined>;
  release(token: number): Promise<void>;
}

/** A lease as the store has granted it. */
export class RedisLease implements Lease {
  readonly token: number;
  readonly #key: SessionKey;
  readonly #commands: LeaseCommands;
  #expiresAt: number;
  #released = false;

  constructor(key: SessionKey, granted: { token: number; expiresAt: number }, commands: LeaseCommands) {
    this.token = granted.token;
    this.#expiresAt = granted.expiresAt;
    this.#key = key;
    this.#commands = commands;
  }

  get expiresAt(): number {
    return this.#expiresAt;
  }

  async renew(ttlMs: number): Promise<void> {
    checkLease(this.#key, ttlMs);
    const expiresAt = this.#released ? undefined : await this.#commands.renew(this.token, ttlMs);
    if (expiresAt === undefined) throw leaseLostError(this.#key);
    this.#expiresAt = expiresAt;
  }

  async release(): Promise<void> {
    this.#released = true;
    await this.#commands.release(this.token);
  }
}
