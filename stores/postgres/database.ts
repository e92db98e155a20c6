import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { SluiceError, storeFailedError } from '../../src/index.ts';
import type { PostgresStoreSettings } from './options.ts';
import type { PostgresClient, PostgresQuery } from './pool.ts';
import { toText } from './text.ts';

/** How often a statement is run that lost to another one. */
const TRIES = 6;
/** The longest wait before the second time, doubled each time, in milliseconds. */
const WAIT_MS = 10;

/**
 * SQLSTATEs after which nothing was done and the same statement may succeed: serialization_failure, deadlock_detected, and unique_violation, where
 * two began the same.
 */
const LOST = new Set(['40001', '40P01', '23505']);

const POOLER = 'a pooler in between keeps no prepared statements: set prepare to false';

/** SQLSTATEs that trying again does not mend, and what does. */
const MENDS: Readonly<Partial<Record<string, string>>> = {
  '42P01': 'there are no tables: call migrate()',
  '42703': 'the tables are older than this release: call migrate()',
  '3F000': 'there is no such schema: call migrate()',
  '42501': 'the role lacks a permission',
  '3D000': 'there is no such database: create it, or mend the connection string',
  '28000': 'the server does not let this role in: mend user and database of the connection, or pg_hba.conf',
  '28P01': 'the password is wrong: mend the connection string',
  // invalid_sql_statement_name and duplicate_prepared_statement: each transaction has another connection.
  '26000': POOLER,
  '42P05': POOLER,
};

/** Runs statements: in time, on behalf of an owner, and again where they lost to another. */
export class Database {
  readonly #settings: PostgresStoreSettings;
  readonly #names = new Map<string, string>();

  constructor(settings: PostgresStoreSettings) {
    this.#settings = settings;
  }

  /** Runs one statement and reads its rows. `owner` is given first, as `$1`. Rejects with `store`. */
  async rows<R extends z.ZodType>(
    doing: string,
    row: R,
    text: string,
    owner: string,
    values: readonly unknown[] = [],
  ): Promise<z.output<R>[]> {
    const whose = toText(owner);
    const { rows } = await retried(doing, () => this.#run(text, whose, [whose, ...values]));
    return parsed(doing, row, rows);
  }

  /** One statement on behalf of nobody, in no transaction. */
  async anyones<R extends z.ZodType>(
    doing: string,
    row: R,
    text: string,
    values: readonly unknown[],
  ): Promise<z.output<R>[]> {
    const { rows } = await retried(doing, () => this.#settings.pool.query(this.#query(text, values)));
    return parsed(doing, row, rows);
  }

  /** Several statements, all or nothing. */
  async transaction<T>(doing: string, work: (client: PostgresClient) => Promise<T>): Promise<T> {
    return retried(doing, () => this.#transaction(work));
  }

  async #run(text: string, owner: string, values: readonly unknown[]): Promise<{ rows: unknown[] }> {
    const query = this.#query(text, values);
    if (!this.#settings.rowLevelSecurity) return this.#settings.pool.query(query);
    return this.#transaction(async (client) => {
      await client.query(this.#query(`SELECT set_config('app.owner', $1, true)`, [`=${owner}`]));
      return client.query(query);
    });
  }

  async #transaction<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    const client = await this.#settings.pool.connect();
    // A connection that breaks while nothing is asked of it: the next query says so, and without a listener the process would end.
    const broken = (): void => undefined;
    client.on('error', broken);
    let sound = false;
    try {
      await client.query(this.#query('BEGIN ISOLATION LEVEL READ COMMITTED', []));
      const done = await work(client);
      await client.query(this.#query('COMMIT', []));
      sound = true;
      return done;
    } finally {
      // After any failure the connection goes, and the transaction with it.
      client.removeListener('error', broken);
      client.release(!sound);
    }
  }

  #query(text: string, values: readonly unknown[]): PostgresQuery {
    const { timeoutMs, prepare } = this.#settings;
    const query: PostgresQuery = { text, values: [...values], query_timeout: timeoutMs };
    return prepare && values.length > 0 ? { ...query, name: this.#nameOf(text) } : query;
  }

  /** Of the text, since several stores may share a pool. */
  #nameOf(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = `sluice_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
    this.#names.set(text, name);
    return name;
  }
}

async function retried<T>(doing: string, run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if (!LOST.has(codeOf(error)) || tries >= TRIES) throw failed(doing, error);
    }
    await delay(Math.random() * WAIT_MS * 2 ** (tries - 1));
  }
}

function failed(doing: string, error: unknown): unknown {
  if (error instanceof SluiceError) return error;
  const mend = MENDS[codeOf(error)];
  if (mend === undefined) return storeFailedError(doing, error);
  return new SluiceError('store', `The session store failed at ${doing}: ${mend}.`, {
    retryable: false,
    cause: error,
  });
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

function parsed<R extends z.ZodType>(doing: string, row: R, rows: unknown): z.output<R>[] {
  const read = z.array(row).safeParse(rows);
  if (read.success) return read.data;
  throw new SluiceError('store', `The session store failed at ${doing}: a row is not as it was written.`, {
    retryable: false,
  });
}
