/**
 * Streams that any process can resume, in PostgreSQL.
 *
 * @module
 */
import * as z from 'zod';
import { option, parseOptions } from '../src/kit/index.ts';
import { databaseOptions } from '../stores/postgres/shared.ts';
import type { PostgresPool } from '../stores/postgres/shared.ts';
import type { ChunkLog } from './log/chunk-log.ts';
import { PostgresChunkLog } from './log/postgres/postgres-chunk-log.ts';
import { DEFAULT_STREAM_BYTES, DEFAULT_TTL_MS } from './log/retention.ts';

export type { PostgresClient, PostgresPool } from '../stores/postgres/shared.ts';

/** Options of {@link postgresLog}. */
export interface PostgresLogOptions {
  /**
   * A `Pool` of `pg`, or an object with its methods `connect`, `on` and `end`. The caller ends it, unless `own` is set. The log keeps one of its connections from the first time that
   * somebody waits for a stream, to receive hints: the pool needs at least 2.
   */
  pool: PostgresPool;
  /** Whether `close()` ends the pool. Default: false. */
  own?: boolean | undefined;
  /** The schema of the tables: lowercase letters, digits and `_`. `migrate()` creates it. Default: `public`. */
  schema?: string | undefined;
  /** The prefix of the table names: lowercase letters, digits and `_`, at most 32. Default: `sluice_`. */
  prefix?: string | undefined;
  /** How long a stream is kept after its end, in milliseconds. Default: 300,000 (5 minutes). */
  ttlMs?: number | undefined;
  /** The maximum size of one stream, in bytes as stored. Its oldest chunks are dropped first. Default: 8 MiB. */
  maxStreamBytes?: number | undefined;
  /** How long a call may take, in milliseconds, including the wait for a connection of the pool, before it fails. Default: 5,000. */
  timeoutMs?: number | undefined;
  /** How long the owner of a stream waits between two appends, in milliseconds; the first one is made at once. It saves statements, and delays chunks. Default: 50. */
  coalesceMs?: number | undefined;
  /** How often waiters look for chunks and stops while hints cannot be received, in milliseconds. Default: 250. */
  pollMs?: number | undefined;
  /** Whether the server caches the plans of the statements. If a pooler in between does not support that, the log notices, warns and goes on without. Default: true. */
  prepare?: boolean | undefined;
}

/** Streams in PostgreSQL: see {@link postgresLog}. */
export interface PostgresLog extends ChunkLog {
  /**
   * Creates the tables, or migrates them to the version of this release; does nothing if they are up to date. Several processes may call it at once. The role needs the right to
   * create tables in the schema (and the schema, if there is none) if there is something to do. It takes a minute at most, or `timeoutMs` if that is longer.
   */
  migrate(): Promise<void>;
  /**
   * Deletes expired streams from the tables; they are invisible even before. Opening streams does so now and then. Resolves to the number of deleted streams, at most `limit`. Default:
   * 1,000.
   */
  sweep(options?: { limit?: number }): Promise<number>;
}

const schema = z.strictObject({
  ...databaseOptions,
  ttlMs: option.milliseconds().default(DEFAULT_TTL_MS),
  maxStreamBytes: option.count(1).default(DEFAULT_STREAM_BYTES),
  coalesceMs: option.timerMs().default(50),
  pollMs: option.timerMs().min(1).default(250),
});

const sweepSchema = z.strictObject({ limit: option.count(1).max(1_000_000).default(1_000) });

/**
 * Keeps streams in PostgreSQL (12 or newer), on a pool of `pg` 8. Call `migrate()` once before it is used. Every process with the same database reads and stops the streams of all
 * others, and takes over those of a process that has died. Each append is one statement, and the server's clock decides when leases are over.
 *
 * Throws `invalid_options`. The pool should have a listener of `error` of its own: `pg` ends the process if an idle connection breaks and nobody listens.
 *
 * @example
 * const log = postgresLog({ pool: new Pool({ connectionString }) });
 * await log.migrate();
 */
export function postgresLog(options: PostgresLogOptions): PostgresLog {
  const log = new PostgresChunkLog(parseOptions('postgresLog()', schema, options));
  return Object.assign(log, {
    sweep: async (given: { limit?: number } = {}) =>
      log.sweepAtMost(parseOptions('sweep()', sweepSchema, given).limit),
  });
}
