import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { createClient } from 'redis';
import type { StateStore } from '../../src/index.ts';
import { postgresStore } from '../../stores/postgres/index.ts';
import { redisStore } from '../../stores/redis/index.ts';
import { sqliteStore } from '../../stores/sqlite/index.ts';

/** Which store, and where. Plain data, so that it can be passed to another process. */
export type StoreSpec =
  | { kind: 'postgres'; url: string }
  | { kind: 'redis'; port: number; client: 'redis' | 'ioredis' }
  | { kind: 'sqlite'; path: string };

/** How long a call of the store may take. On a busy machine, less than the lease would be too short. */
const TIMEOUT_MS = 1_500;

/** Opens the specified store. */
export async function openStore(spec: StoreSpec): Promise<StateStore> {
  switch (spec.kind) {
    case 'postgres': {
      const pool = new Pool({
        connectionString: spec.url,
        max: 4,
        connectionTimeoutMillis: TIMEOUT_MS,
        allowExitOnIdle: true,
      });
      return postgresStore({ pool, own: true, timeoutMs: TIMEOUT_MS });
    }
    case 'redis': {
      const timeoutMs = TIMEOUT_MS;
      if (spec.client === 'ioredis') {
        const client = new Redis({ port: spec.port, host: '127.0.0.1', maxRetriesPerRequest: 3 });
        client.on('error', () => undefined);
        return redisStore({ client, own: true, timeoutMs });
      }
      const client = createClient({ socket: { port: spec.port, host: '127.0.0.1', connectTimeout: 1_000 } });
      client.on('error', () => undefined);
      await client.connect();
      return redisStore({ client, own: true, timeoutMs });
    }
    case 'sqlite':
      return sqliteStore({ path: spec.path, busyTimeoutMs: TIMEOUT_MS });
  }
}
