/**
 * Sessions in PostgreSQL.
 *
 * @module
 */
import { postgresStoreSettings } from './options.ts';
import type { PostgresStoreOptions } from './options.ts';
import { storeOf } from './store.ts';
import type { PostgresStore } from './store.ts';

export type { PostgresStoreOptions } from './options.ts';
export type { PostgresClient, PostgresPool, PostgresQuery } from './pool.ts';
export type { PostgresStore } from './store.ts';

/**
 * Keeps sessions in PostgreSQL (12 or newer), on a pool of `pg` 8. Call `migrate()` once before it is used. Several processes may use it at once:
 * an append is one statement that checks version and fencing token, and the server's clock decides when leases and sessions end.
 *
 * Throws `invalid_options`. The pool should have a listener of `error` of its own: `pg` ends the process if an idle connection breaks and
 * nobody listens.
 *
 * @example
 * const store = postgresStore({ pool: new Pool({ connectionString }) });
 * await store.migrate();
 * const pipeline = new Pipeline([provider(openai())], { store });
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  return storeOf(postgresStoreSettings(options));
}
