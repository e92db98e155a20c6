import { checkLease, leaseLostError } from '../../src/index.ts';
import type { Lease, SessionKey } from '../../src/index.ts';
import type { Database } from './database.ts';
import { noRow, untilRow } from './rows.ts';
import type { Statements } from './statements.ts';
import { toText } from './text.ts';

/** What a lease needs of its store. */
export interface LeasePlace {
  readonly database: Database;
  readonly statements: Statements;
  readonly key: SessionKey;
  readonly owner: string;
  readonly id: string;
  readonly ttlMs: number | null;
}

/** The right to append to a session, by the server's clock. */
export class PostgresLease implements Lease {
  readonly token: number;
  readonly #place: LeasePlace;
  #expiresAt: number;
  #released = false;

  constructor(place: LeasePlace, { token, until }: { token: number; until: number }) {
    this.#place = place;
    this.token = token;
    this.#expiresAt = until;
  }

  get expiresAt(): number {
    return this.#expiresAt;
  }

  async renew(ttlMs: number): Promise<void> {
    const { database, statements, key, owner, id, ttlMs: kept } = this.#place;
    checkLease(key, ttlMs);
    if (this.#released) throw leaseLostError(key);
    const values = [toText(id), this.token, ttlMs, kept];
    const [renewed] = await database.call('renew', (call) =>
      call.rows(untilRow, statements.renew, owner, values),
    );
    if (renewed === undefined) throw leaseLostError(key);
    this.#expiresAt = renewed.until;
  }

  async release(): Promise<void> {
    const { database, statements, owner, id } = this.#place;
    this.#released = true;
    await database.call('release', (call) =>
      call.rows(noRow, statements.release, owner, [toText(id), this.token]),
    );
  }
}
