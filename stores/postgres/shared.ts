/**
 * What others need that keep something in PostgreSQL: calls on a pool with a deadline, migrations, and what the errors of a server mean. It is not published.
 *
 * @module
 */
export { Database } from './database.ts';
export type { Call } from './database.ts';
export { MalformedRowError, failure } from './errors.ts';
export { databaseOptions } from './options.ts';
export { giveBack, takeClient } from './pool.ts';
export type { PostgresClient, PostgresPool, Queries } from './pool.ts';
export { migrateTables } from './versions.ts';
