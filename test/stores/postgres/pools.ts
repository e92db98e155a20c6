import type { Pool } from 'pg';
import type { PostgresClient, PostgresPool, PostgresQuery } from 'sluice/stores/postgres';

type Answer = Promise<{ rows: unknown[] }>;

/** A pool whose statements a test can see and answer. */
export function watched(
  pool: Pool,
  answer: (query: PostgresQuery, run: () => Answer) => Answer,
): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect();
      return {
        query: (query) => answer(query, () => client.query(query)),
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event, listener),
        removeListener: (event, listener) => client.removeListener(event, listener),
      };
    },
    on: () => undefined,
    end: () => Promise.resolve(),
  };
}

/** A pool without a server. `released`: for each connection that came back whether it was to be closed. */
export interface FakePool extends PostgresPool {
  readonly released: boolean[];
  /** The one connection that it gives to everybody. */
  readonly client: PostgresClient;
}

/** Answers each statement as a test says. */
export function fakePool(
  answer: (query: PostgresQuery) => Answer,
  more: Partial<PostgresPool> = {},
): FakePool {
  const released: boolean[] = [];
  const client: PostgresClient = {
    query: answer,
    release: (destroy = false) => void released.push(destroy),
    on: () => undefined,
    removeListener: () => undefined,
  };
  return {
    released,
    client,
    connect: () => Promise.resolve(client),
    on: () => undefined,
    end: () => Promise.resolve(),
    ...more,
  };
}
