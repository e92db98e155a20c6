import { test } from 'vitest';
import { redisLog } from '../../../../server/redis-log.ts';
import { onRedis } from '../../../stores/redis/stage.ts';
import { sameAsInMemory } from '../compare.ts';

await onRedis('A chunk log in Redis beside one in memory', ({ client, prefix }) => {
  test('answers the same to random calls', async () => {
    const log = redisLog({ client: client('redis'), prefix });
    await sameAsInMemory(log, 150);
    await log.close();
  });
});
