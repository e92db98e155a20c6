import type * as z from 'zod';
import { delay, exponential } from '../../src/kit/index.ts';
import { Deadline } from './deadline.ts';
import { MalformedRowError, codeOf } from './errors.ts';
import type { PostgresStoreSettings } from './options.ts';
import { giveBack, takeClient } from './pool.ts';
import type { PostgresQuery, Queries } from './pool.ts';
import { Prepared } from './prepared.ts';

/** How often a statement is run if it loses to concurrent ones. */
const TRIES = 6;
/** The waits between the tries. */
const backoff = exponential({ initialMs: 10, maxMs: 1_000 });

/**
 * SQLSTATEs after which nothing was changed and the same statement may succeed: serialization_failure, deadlock_detected, unique_violation if
 * two statements created the same row, and feature_not_supported, which a cached plan causes after the tables have changed; the next connection has none.
 */
const LOST = new Set(['40001', '40P01', '23505', '0A000']);

/** SQLSTATEs of a statement that was not run because its name is unknown to the connection, or in use already. */
const UNPREPARED = new Set(['26000', '42P05']);

/** What it needs to know of the options. */
export type DatabaseSettings = Pick<
  PostgresStoreSettings,
  'pool' | 'timeoutMs' | 'rowLevelSecurity' | 'prepare'
>;

/** Runs the calls of a store on its pool. */
export class Database {
  readonly #settings: DatabaseSettings;
  readonly #prepared: Prepared;
  #ended: Promise<void> | undefined;

  constructor(settings: DatabaseSettings) {
    this.#settings = settings;
    this.#prepared = new Prepared(settings.prepare);
  }

  /** Makes one call of the store. All of its statements and waits together have `timeoutMs`. */
  async call<T>(work: (call: Call) => Promise<T>, timeoutMs = this.#settings.timeoutMs): Promise<T> {
    using deadline = new Deadline(timeoutMs);
    return await work(new Call(deadline, this.#settings, this.#prepared));
  }

  /** Ends the pool. */
  async end(): Promise<void> {
    using deadline = new Deadline(this.#settings.timeoutMs);
    await deadline.wait('the pool did not end', () => (this.#ended ??= this.#settings.pool.end()));
  }
}

/** Runs the statements of one call on behalf of an owner, and repeats them if they lose to others. Throws what the database throws. */
export class Call {
  readonly #deadline: Deadline;
  readonly #settings: DatabaseSettings;
  readonly #prepared: Prepared;

  /** For {@link Database}. */
  constructor(deadline: Deadline, settings: DatabaseSettings, prepared: Prepared) {
    this.#deadline = deadline;
    this.#settings = settings;
    this.#prepared = prepared;
  }

  /** Runs one statement and reads its rows. `owner` is given first, as `$1`. */
  async rows<R extends z.ZodType>(
    row: R,
    text: string,
    owner: string,
    values: readonly unknown[] = [],
  ): Promise<z.output<R>[]> {
    return this.#parsed(row, await this.#again(() => this.#run(text, owner, [owner, ...values])));
  }

  /** One statement on behalf of nobody, in no transaction. */
  async anyones<R extends z.ZodType>(
    row: R,
    text: string,
    values: readonly unknown[],
  ): Promise<z.output<R>[]> {
    return this.#parsed(row, await this.#again(() => this.#alone(this.#prepared.query(text, values))));
  }

  /** Several statements, all or nothing. */
  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#again(() => this.#transaction(work));
  }

  #run(text: string, owner: string, values: readonly unknown[]): Promise<{ rows: unknown[] }> {
    const query = this.#prepared.query(text, values);
    if (!this.#settings.rowLevelSecurity) return this.#alone(query);
    return this.#transaction(async (queries) => {
      await queries.query(this.#prepared.query(`SELECT set_config('app.owner', $1, true)`, [`=${owner}`]));
      return queries.query(query);
    });
  }

  #alone(query: PostgresQuery): Promise<{ rows: unknown[] }> {
    return this.#connected((queries) => queries.query(query));
  }

  #transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#connected(async (queries) => {
      await queries.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED', values: [] });
      const done = await work(queries);
      await queries.query({ text: 'COMMIT', values: [] });
      return done;
    });
  }

  async #connected<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    const client = await this.#deadline.wait(
      'the pool gave no connection',
      () => takeClient(this.#settings.pool),
      (late) => giveBack(late, false),
    );
    let sound = false;
    try {
      const done = await work({
        query: (query) => this.#deadline.wait('the database gave no answer', () => client.query(query)),
      });
      sound = true;
      return done;
    } finally {
      // After any failure the connection is closed, with its transaction and any answer that may still come.
      giveBack(client, !sound);
    }
  }

  async #again<T>(run: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const prepared = this.#prepared.isOn;
      try {
        return await run();
      } catch (error) {
        const code = codeOf(error);
        if (prepared && UNPREPARED.has(code)) {
          this.#prepared.switchOff(code);
          continue;
        }
        if (!LOST.has(code) || tries >= TRIES) throw error;
      }
      await this.#pause(tries);
    }
  }

  async #pause(tries: number): Promise<void> {
    await this.#deadline.wait('the statement lost to others each time', () => delay(backoff(tries)));
  }

  #parsed<R extends z.ZodType>(row: R, { rows }: { rows: unknown }): z.output<R>[] {
    if (!Array.isArray(rows)) throw new MalformedRowError();
    // A schema of a list would be made for each call, which takes longer than to read the rows.
    return rows.map((one: unknown) => {
      const read = row.safeParse(one);
      if (read.success) return read.data;
      throw new MalformedRowError();
    });
  }
}
