import { Pool } from 'pg';
import type { StateStore } from '../../src/index.ts';
import { postgresStore } from '../../stores/postgres/index.ts';

/** A PostgreSQL database. */
export interface PostgresSpec {
  kind: 'postgres';
  url: string;
}

/** Opens a store on it. `timeoutMs`: how long a call may take. */
export function openPostgres({ url }: PostgresSpec, timeoutMs: number): StateStore {
  const pool = new Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: timeoutMs,
    allowExitOnIdle: true,
  });
  return postgresStore({ pool, own: true, timeoutMs });
}
