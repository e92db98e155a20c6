import * as z from 'zod';
import { parseOptions } from '../../src/kit/index.ts';
import type { PostgresPool } from './pool.ts';

/** Options of `postgresStore()`. */
export interface PostgresStoreOptions {
  /** A `Pool` of `pg`, or an object with its methods `connect`, `on` and `end`. The caller ends it, unless `own` is set. */
  pool: PostgresPool;
  /** Whether `close()` ends the pool. Default: false. */
  own?: boolean | undefined;
  /** The schema of the tables: lowercase letters, digits and `_`. `migrate()` creates it. Default: `public`. */
  schema?: string | undefined;
  /** The prefix of the table names: lowercase letters, digits and `_`, at most 32. Default: `sluice_`. */
  prefix?: string | undefined;
  /** A session expires if it is not appended to, updated or leased for so many milliseconds. Default: never. */
  ttlMs?: number | undefined;
  /**
   * How long a call may take, in milliseconds, including the wait for a connection of the pool. After that it fails, and a connection with an
   * outstanding answer is closed. Default: 5,000.
   */
  timeoutMs?: number | undefined;
  /**
   * Makes the database keep the owners apart: `migrate()` enables policies on the tables, and each statement runs in a transaction that sets
   * `app.owner`. They apply to every role that is not a superuser and does not have `BYPASSRLS`. Default: false.
   */
  rowLevelSecurity?: boolean | undefined;
  /**
   * Whether the server caches the plans of the statements. If a pooler in between does not support that, the store notices, warns and goes on without. Default:
   * true.
   */
  prepare?: boolean | undefined;
}

const METHODS = ['connect', 'on', 'end'];

const milliseconds = z.number().min(1).max(Number.MAX_SAFE_INTEGER);
/** Names cannot be parameters of a statement. So only these characters are allowed, and names are quoted in the text. */
const name = (most: number): z.ZodString =>
  z
    .string()
    .regex(
      new RegExp(`^[a-z_][a-z0-9_]{0,${most - 1}}$`),
      `give at most ${most} small letters, digits and _, and no digit first`,
    );

/** Options of everything that is kept in PostgreSQL. */
export const databaseOptions = {
  pool: z.custom<PostgresPool>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      METHODS.every((method) => typeof Reflect.get(value, method) === 'function'),
    `give a Pool of pg: an object with the methods ${METHODS.join(', ')}`,
  ),
  own: z.boolean().default(false),
  schema: name(63).default('public'),
  prefix: name(32).default('sluice_'),
  // The maximum of a timer.
  timeoutMs: milliseconds.max(2 ** 31 - 1).default(5_000),
  prepare: z.boolean().default(true),
};

const schema = z.strictObject({
  ...databaseOptions,
  ttlMs: milliseconds.optional(),
  rowLevelSecurity: z.boolean().default(false),
});

/** The options with their defaults. */
export type PostgresStoreSettings = z.output<typeof schema>;

/** Checks the options and fills in the defaults. */
export function postgresStoreSettings(options: PostgresStoreOptions): PostgresStoreSettings {
  return parseOptions('postgresStore()', schema, options);
}

/** The names in the database, in quotes, ready for the text of a statement. */
export interface Names {
  schema: string;
  sessions: string;
  turns: string;
  owners: string;
  migrations: string;
  /** A sequence: the fencing tokens of all sessions. */
  tokens: string;
  /** An object of the schema. */
  of(name: string): string;
  /** The name of an index, without a schema: an index is always in the schema of its table. */
  index(name: string): string;
}

/** Builds the names. */
export function namesOf({ schema, prefix }: { schema: string; prefix: string }): Names {
  const of = (name: string): string => `"${schema}"."${prefix}${name}"`;
  return {
    schema: `"${schema}"`,
    sessions: of('sessions'),
    turns: of('turns'),
    owners: of('owners'),
    migrations: of('migrations'),
    tokens: of('tokens'),
    of,
    index: (name) => `"${prefix}${name}"`,
  };
}
