import { Redis } from 'ioredis';
import { redisLog } from '../../../../server/redis-log.ts';
import { redisStore } from '../../../../stores/redis/index.ts';
import type { OpenService } from './service.ts';

/** A log and a store in Redis. */
export async function openRedis(
  { url, prefix }: { url: string; prefix: string },
  options: { maxStreamBytes?: number } = {},
): Promise<OpenService> {
  // A server that is started again is connected to soon.
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 1 });
  client.on('error', () => undefined);
  const log = redisLog({ client, prefix, timeoutMs: 1_000, ...options });
  const store = redisStore({ client, prefix });
  return {
    log,
    store,
    async [Symbol.asyncDispose]() {
      await log.close();
      await store.close();
      client.disconnect();
    },
  };
}
