import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { createClient } from 'redis';
import { Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { hasRedisServer, redisServer } from '../../support/redis-servers.ts';

/** Connected clients that wait for their server when it is gone, as they do by default. */
const clients = {
  ioredis: async (port: number) => {
    const client = new Redis(port, '127.0.0.1', { autoResendUnfulfilledCommands: false });
    client.on('error', () => undefined);
    await client.ping();
    return { storeClient: client, useRedisPackage: false, end: () => client.disconnect() };
  },
  redis: async (port: number) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    client.on('error', () => undefined);
    await client.connect();
    return { storeClient: client, useRedisPackage: true, end: () => client.destroy() };
  },
};

describe.skipIf(!hasRedisServer())('a limiter whose Redis server stops', () => {
  test.each(Object.entries(clients))(
    'R53 %s: requests end with store within maxWaitMs',
    async (_name, connect) => {
      const { server, stop } = await redisServer();
      const { end, ...options } = await connect(server.port);
      try {
        const limited = rateLimit({
          requestsPerMinute: 100,
          tokensPerMinute: 100_000,
          maxWaitMs: 500,
          limiter: (given) => new RateLimiterRedis({ ...given, ...options }),
        });
        const pipeline = new Pipeline([limited, provider(scripted('Hello', { repeat: true }))]);
        const ask = (): Promise<string> =>
          pipeline.execute('user', 'Hi').then(
            () => 'done',
            (error: unknown) =>
              error instanceof SluiceError ? `${error.code}: ${String(error.cause)}` : 'unknown',
          );
        expect(await ask()).toBe('done');
        await server.kill();
        // It is not the client that gives up, after a time limit of its own.
        const late = expect.stringMatching(/^store: Error: The limiter did not answer /);
        expect(await Promise.all([ask(), ask(), ask()])).toEqual([late, late, late]);
      } finally {
        end();
        await stop();
      }
    },
  );
});
