import { createHash } from 'node:crypto';
import type { PostgresQuery } from './pool.ts';

/**
 * Names statements, so that the server caches their plans, per connection. A pooler that gives each transaction another connection may not support that:
 * the first refusal switches the names off for good.
 */
export class Prepared {
  #isOn: boolean;
  readonly #names = new Map<string, string>();

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** The statement in the form of `pg`. */
  query(text: string, values: readonly unknown[]): PostgresQuery {
    const query: PostgresQuery = { text, values: [...values] };
    return this.#isOn && values.length > 0 ? { ...query, name: this.#nameOf(text) } : query;
  }

  /** Stops naming statements, and warns once. */
  switchOff(code: string): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    process.emitWarning(
      `postgresStore(): a pooler keeps no prepared statements (SQLSTATE ${code}); the store goes on without them. ` +
        'Set prepare to false, or use a pooler that supports them, such as PgBouncer 1.21 with max_prepared_statements.',
      { type: 'SluiceWarning', code: 'SLUICE_PREPARED_STATEMENTS' },
    );
  }

  /** Derived from the text, because several stores may share a pool. */
  #nameOf(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = `sluice_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
    this.#names.set(text, name);
    return name;
  }
}
