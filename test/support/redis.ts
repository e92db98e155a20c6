import { Redis } from 'ioredis';
import { createClient } from 'redis';

/** The Redis server for tests. */
export const REDIS_URL = process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379';

/** Whether Redis can be reached. If not, prints a warning, or throws if services are required. */
export async function hasRedis(): Promise<boolean> {
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw error;
    console.warn('Redis cannot be reached. Its tests are skipped.');
    return false;
  } finally {
    client.disconnect();
  }
}

/** A connected client from `redis`. */
export const nodeRedis = async (url = REDIS_URL) => {
  const client = createClient({ url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

/** A client from `ioredis`. */
export function ioRedis(url = REDIS_URL): Redis {
  const client = new Redis(url);
  client.on('error', () => undefined);
  return client;
}

/** A prefix for the keys of one test. */
export function testPrefix(): string {
  return `sluice-test-${crypto.randomUUID()}`;
}

/** The keys on a server that start with a prefix. */
export async function keysOf(client: Redis, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const found of client.scanStream({ match: `${prefix}*`, count: 1_000 }))
    keys.push(...(found as string[]));
  return keys.sort();
}

/** Deletes all keys that start with a prefix. */
export async function dropKeys(client: Redis, prefix: string): Promise<void> {
  for (const key of await keysOf(client, prefix)) await client.unlink(key);
}
