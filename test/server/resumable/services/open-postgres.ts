import { Pool } from 'pg';
import { postgresLog } from '../../../../server/postgres-log.ts';
import { postgresStore } from '../../../../stores/postgres/index.ts';
import type { OpenService } from './service.ts';

/** A log and a store in PostgreSQL. */
export async function openPostgres(
  { url }: { url: string },
  options: { maxStreamBytes?: number } = {},
): Promise<OpenService> {
  const pool = new Pool({ connectionString: url, max: 6, connectionTimeoutMillis: 1_000 });
  pool.on('error', () => undefined);
  const log = postgresLog({ pool, ...options });
  const store = postgresStore({ pool });
  await log.migrate();
  await store.migrate();
  return {
    log,
    store,
    async [Symbol.asyncDispose]() {
      await log.close();
      await store.close();
      await pool.end();
    },
  };
}
