import type { StateStore } from '../../src/index.ts';
import type { PostgresSpec } from './open-postgres.ts';
import type { RedisSpec } from './open-redis.ts';
import { sqliteStore } from '../../stores/sqlite/index.ts';

/** Which store, and where. Plain data, so that it can be passed to another process. */
export type StoreSpec = PostgresSpec | RedisSpec | { kind: 'sqlite'; path: string };

/** How long a call of the store may take. On a busy machine, less than the lease would be too short. */
const TIMEOUT_MS = 1_500;

/** Opens the specified store. Loads only what that store needs, because processes that are killed start often. */
export async function openStore(spec: StoreSpec): Promise<StateStore> {
  switch (spec.kind) {
    case 'postgres':
      return (await import('./open-postgres.ts')).openPostgres(spec, TIMEOUT_MS);
    case 'redis':
      return (await import('./open-redis.ts')).openRedis(spec, TIMEOUT_MS);
    case 'sqlite':
      return sqliteStore({ path: spec.path, busyTimeoutMs: TIMEOUT_MS });
  }
}
