import { isSluiceError, SluiceError } from '../../src/index.ts';
import type { StateStore } from '../../src/index.ts';
import type { ChunkLog } from '../../server/chunk-log.ts';
import type { CallerCounter, TicketStore } from '../../server/index.ts';
import { isMissing } from '../chat/load-provider.ts';
import { UsageError } from '../usage-error.ts';
import type { ServeSettings } from './serve-settings.ts';

/** The longest wait between two attempts to reach Redis again, in milliseconds. */
const REDIS_RETRY_MS = 2_000;

/** How long a service may take to let us in when the process starts, in milliseconds: one that accepts a connection and says nothing would be waited for without end. */
const OPEN_MS = 10_000;

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
  openMs = OPEN_MS,
): Promise<Services> {
  const redis = redisUrl === undefined ? undefined : await openRedis(redisUrl, tell, openMs);
  try {
    const postgres = databaseUrl === undefined ? undefined : await openPostgres(databaseUrl, tell, openMs);
    return {
      store: postgres?.store ?? redis?.store,
      log: redis?.log ?? postgres?.log,
      counter: redis?.counter,
      tickets: redis?.tickets,
      async [Symbol.asyncDispose]() {
        await using _first = redis;
        await using _second = postgres;
      },
    };
  } catch (error) {
    await using _opened = redis;
    throw error;
  }
}

interface Opened extends AsyncDisposable {
  store: StateStore;
  log: ChunkLog;
}

async function openRedis(
  url: string,
  tell: (text: string) => void,
  openMs: number,
): Promise<Opened & { counter: CallerCounter; tickets: TicketStore }> {
  const { createClient } = await needed('redis', () => import('redis'));
  const { redisStore } = await import('../../stores/redis/index.ts');
  const { redisLog } = await import('../../server/redis-log.ts');
  const { redisCounter, redisTickets } = await import('../../server/redis-callers.ts');
  let isUp = false;
  const client = createClient({
    url,
    socket: {
      // A server that cannot be reached when the process starts is an error. One that is lost later comes back.
      reconnectStrategy: (retries) => isUp && Math.min(50 * 2 ** retries, REDIS_RETRY_MS),
    },
  });
  const note = outages('Redis', tell);
  client.on('error', () => isUp && note.lost());
  client.on('ready', () => note.back());
  try {
    await within(client.connect(), openMs);
  } catch (error) {
    if (client.isOpen) client.destroy();
    throw new SluiceError(
      'store',
      `Redis cannot be reached (${reasonOf(error)}). Does it run, and is REDIS_URL right?`,
    );
  }
  isUp = true;
  const log = redisLog({ client });
  return {
    store: redisStore({ client }),
    log,
    counter: redisCounter({ client }),
    tickets: redisTickets({ client }),
    async [Symbol.asyncDispose]() {
      try {
        await log.close();
      } finally {
        await client.close();
      }
    },
  };
}

async function openPostgres(
  connectionString: string,
  tell: (text: string) => void,
  openMs: number,
): Promise<Opened> {
  const { Pool } = await needed('pg', () => import('pg'));
  const { postgresStore } = await import('../../stores/postgres/index.ts');
  const { postgresLog } = await import('../../server/postgres-log.ts');
  const pool = new Pool({ connectionString, connectionTimeoutMillis: openMs });
  const note = outages('PostgreSQL', tell);
  pool.on('error', () => note.lost());
  pool.on('connect', () => note.back());
  const store = postgresStore({ pool });
  const log = postgresLog({ pool });
  try {
    await store.migrate();
    await log.migrate();
  } catch (error) {
    await pool.end();
    const cause = isSluiceError(error) ? error.cause : error;
    throw new SluiceError(
      'store',
      `PostgreSQL cannot be used (${reasonOf(cause)}). Does it run, is DATABASE_URL right, and may its user create tables?`,
    );
  }
  return {
    store,
    log,
    async [Symbol.asyncDispose]() {
      try {
        await log.close();
      } finally {
        await pool.end();
      }
    },
  };
}

/** What a promise gives, or an error if that takes too long. */
async function within<T>(opening: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${ms / 1_000} s`)), ms);
  try {
    return await Promise.race([opening, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says once that a service is lost, and once that it is back. */
function outages(name: string, tell: (text: string) => void): { lost(): void; back(): void } {
  let isLost = false;
  return {
    lost() {
      if (!isLost) tell(`note: the connection to ${name} is lost. Trying again.`);
      isLost = true;
    },
    back() {
      if (isLost) tell(`note: ${name} answers again.`);
      isLost = false;
    },
  };
}

/** What a client says about a connection that failed: several addresses of one name are an error without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

async function needed<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(name, error)) throw error;
    throw new UsageError(`The package ${name} is not installed: run npm install ${name}.`);
  }
}
