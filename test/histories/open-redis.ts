import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { StateStore } from '../../src/index.ts';
import { redisStore } from '../../stores/redis/index.ts';

/** A Redis server of this machine, and the library to talk to it with. */
export interface RedisSpec {
  kind: 'redis';
  port: number;
  client: 'redis' | 'ioredis';
}

/** Opens a store on it. `timeoutMs`: how long a call may take. */
export async function openRedis(
  { port, client: library }: RedisSpec,
  timeoutMs: number,
): Promise<StateStore> {
  if (library === 'ioredis') {
    const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 3 });
    client.on('error', () => undefined);
    return redisStore({ client, own: true, timeoutMs });
  }
  const client = createClient({ socket: { port, host: '127.0.0.1', connectTimeout: 1_000 } });
  client.on('error', () => undefined);
  await client.connect();
  return redisStore({ client, own: true, timeoutMs });
}
