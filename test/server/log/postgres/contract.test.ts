import { Pool } from 'pg';
import { afterAll, describe, it } from 'vitest';
import { postgresLog } from '../../../../server/postgres-log.ts';
import { chunkLogContract } from '../../../../testing/index.ts';
import { onPostgres } from '../../../stores/postgres/stage.ts';

await onPostgres('Chunk logs in PostgreSQL', ({ database }) => {
  // Its timers for idle connections would count as timers that the log leaves behind.
  const pools = [1, 2].map(() => new Pool({ connectionString: database.url, idleTimeoutMillis: 0 }));
  for (const pool of pools) pool.on('error', () => undefined);
  afterAll(() => Promise.all(pools.map((pool) => pool.end())));
  chunkLogContract({
    name: 'A log with a pool, and one with another,',
    async makeLog(options) {
      const log = postgresLog({ pool: pools[0] ?? database.pool(), ...options });
      await log.migrate();
      return log;
    },
    another: () => postgresLog({ pool: pools[1] ?? database.pool() }),
    describe,
    test: it,
    timeoutMs: 300_000,
  });
});
