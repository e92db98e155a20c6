import type { StateStore } from '../../src/index.ts';
import type { ChunkLog } from '../../server/chunk-log.ts';
import type { CallerCounter, TicketStore } from '../../server/index.ts';
import { isMissing } from '../chat/load-provider.ts';
import { UsageError } from '../usage-error.ts';
import type { ServeSettings } from './serve-settings.ts';

/** Where sessions, streams, and what callers have used are kept. */
export interface Services extends AsyncDisposable {
  store: StateStore | undefined;
  log: ChunkLog | undefined;
  counter: CallerCounter | undefined;
  tickets: TicketStore | undefined;
}

/**
 * Connects to what the environment names. Sessions: PostgreSQL if there is one, else Redis. Streams: Redis if there is one, else PostgreSQL. Limits and tickets of callers:
 * Redis. What has neither is in memory.
 */
export async function openServices(
  { redisUrl, databaseUrl }: Pick<ServeSettings, 'redisUrl' | 'databaseUrl'>,
  tell: (text: string) => void,
): Promise<Services> {
  const redis = redisUrl === undefined ? undefined : await openRedis(redisUrl, tell);
  const postgres = databaseUrl === undefined ? undefined : await openPostgres(databaseUrl, tell);
  return {
    store: postgres?.store ?? redis?.store,
    log: redis?.log ?? postgres?.log,
    counter: redis?.counter,
    tickets: redis?.tickets,
    async [Symbol.asyncDispose]() {
      await redis?.close();
      await postgres?.close();
    },
  };
}

interface Opened {
  store: StateStore;
  log: ChunkLog;
  close(): Promise<void>;
}

async function openRedis(
  url: string,
  tell: (text: string) => void,
): Promise<Opened & { counter: CallerCounter; tickets: TicketStore }> {
  const { createClient } = await needed('redis', () => import('redis'));
  const client = createClient({ url });
  client.on('error', () => tell('note: Redis does not answer at the moment.'));
  await client.connect();
  const { redisStore } = await import('../../stores/redis/index.ts');
  const { redisLog } = await import('../../server/redis-log.ts');
  const { redisCounter, redisTickets } = await import('../../server/redis-callers.ts');
  const log = redisLog({ client });
  return {
    store: redisStore({ client }),
    log,
    counter: redisCounter({ client }),
    tickets: redisTickets({ client }),
    async close() {
      await log.close();
      await client.close();
    },
  };
}

async function openPostgres(connectionString: string, tell: (text: string) => void): Promise<Opened> {
  const { Pool } = await needed('pg', () => import('pg'));
  const pool = new Pool({ connectionString });
  pool.on('error', () => tell('note: PostgreSQL does not answer at the moment.'));
  const { postgresStore } = await import('../../stores/postgres/index.ts');
  const { postgresLog } = await import('../../server/postgres-log.ts');
  const store = postgresStore({ pool });
  const log = postgresLog({ pool });
  await store.migrate();
  await log.migrate();
  return {
    store,
    log,
    async close() {
      await log.close();
      await pool.end();
    },
  };
}

async function needed<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(name, error)) throw error;
    throw new UsageError(`The package ${name} is not installed: run npm install ${name}.`);
  }
}
