/** The chunk logs of the servers whose streams outlive their connections. */
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { memoryLog } from 'sluice/server/chunk-log';
import type { ChunkLog } from 'sluice/server/chunk-log';
import { postgresLog } from 'sluice/server/postgres-log';
import { redisLog } from 'sluice/server/redis-log';
import type { LogName } from './plan.ts';

const REDIS_URL = process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const POSTGRES_URL = process.env['SLUICE_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** Opens a log. `name`: what its keys and its schema are called. */
export async function openLog(which: LogName, name: string): Promise<ChunkLog> {
  if (which === 'memory') return memoryLog();
  if (which === 'redis') return redisLog({ client: new Redis(REDIS_URL), prefix: name });
  const log = postgresLog({ pool: new Pool({ connectionString: POSTGRES_URL, max: 10 }), schema: name });
  await log.migrate();
  return log;
}

/** The logs whose service can be reached, and what deletes all that is in them. */
export async function reachableLogs(
  name: string,
): Promise<{ logs: LogName[]; cleanUp: () => Promise<void> }> {
  const redis = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  const pool = new Pool({ connectionString: POSTGRES_URL, max: 1 });
  const hasRedis = await redis.connect().then(
    () => true,
    () => false,
  );
  const hasPostgres = await pool.query('SELECT 1').then(
    () => true,
    () => false,
  );
  return {
    logs: ['memory', ...(hasRedis ? ['redis' as const] : []), ...(hasPostgres ? ['postgres' as const] : [])],
    async cleanUp() {
      if (hasRedis) {
        for await (const keys of redis.scanStream({ match: `${name}*`, count: 1_000 }))
          if (Array.isArray(keys) && keys.length > 0) await redis.unlink(...keys.map(String));
        await redis.quit();
      }
      if (hasPostgres) await pool.query(`DROP SCHEMA IF EXISTS "${name}" CASCADE`);
      await pool.end();
    },
  };
}
