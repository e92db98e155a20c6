import { redisLog } from '../../../../server/redis-log.ts';
import { describe, it } from 'vitest';
import { chunkLogContract } from '../../../../testing/index.ts';
import { onRedis } from '../../../stores/redis/stage.ts';

await onRedis('Chunk logs in Redis', ({ client, prefix }) => {
  for (const [mine, others] of [
    ['redis', 'ioredis'],
    ['ioredis', 'redis'],
  ] as const)
    chunkLogContract({
      name: `A log with ${mine}, and one with ${others},`,
      makeLog: (options) => redisLog({ client: client(mine), prefix, ...options }),
      another: () => redisLog({ client: client(others), prefix }),
      describe,
      test: it,
      timeoutMs: 300_000,
    });
});
