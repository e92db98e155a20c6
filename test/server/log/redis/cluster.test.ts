import { describe, expect, it, test } from 'vitest';
import { redisLog } from '../../../../server/redis-log.ts';
import { chunkLogContract } from '../../../../testing/index.ts';
import { onCluster } from '../../../stores/redis/stage.ts';

onCluster('Chunk logs in a cluster of Redis', ({ client, admin }) => {
  for (const [mine, others] of [
    ['redis', 'ioredis'],
    ['ioredis', 'redis'],
  ] as const)
    chunkLogContract({
      name: `A log with a cluster of ${mine}, and one of ${others},`,
      makeLog: (options) => redisLog({ client: client(mine), ...options }),
      another: () => redisLog({ client: client(others) }),
      describe,
      test: it,
      timeoutMs: 300_000,
    });

  test('keeps both keys of a stream on one node, whatever characters owner and id have', async () => {
    const log = redisLog({ client: client('ioredis'), prefix: 'slots' });
    for (const key of [
      { owner: 'a{b', id: 'c}d' },
      { owner: '', id: '{}' },
    ]) {
      const opened = await log.open(key, { turnId: 'x' }, { leaseMs: 1_000 });
      if (opened.as !== 'owner') throw new Error('The stream is in use.');
      const chunk = { type: 'content', content: 'a', call: 1, index: 0 } as const;
      await log.append(opened.held, 0, [chunk]);
      const tag = `{${encodeURIComponent(key.owner)}:${encodeURIComponent(key.id)}}`;
      const keys = [`slots:log:${tag}`, `slots:log-entries:${tag}`];
      expect(await Promise.all(keys.map((name) => admin().exists(name)))).toEqual([1, 1]);
      const slots = await Promise.all(keys.map((name) => admin().cluster('KEYSLOT', name)));
      expect(slots[0]).toBe(slots[1]);
      await log.forget(key.owner);
    }
    await log.close();
  });
});
