import { expect, test } from 'vitest';
import { redisCounter, redisTickets } from 'sluice/server/redis-callers';
import { onCluster } from '../../stores/redis/stage.ts';
import { counterContract } from './contract.ts';

onCluster('Callers in a cluster of Redis', ({ client, admin }) => {
  const prefix = 'callers';
  let opened = 0;
  counterContract({
    name: 'A counter with a cluster of either library',
    open: () => redisCounter({ client: client(opened++ % 2 === 0 ? 'redis' : 'ioredis'), prefix }),
    async expire(caller) {
      const key = `${prefix}:caller-places:{@${encodeURIComponent(caller)}}`;
      for (const place of await admin().zrange(key, '0', '-1')) await admin().zadd(key, '1', place);
    },
  });

  test('A ticket is used once, whichever node has it', async () => {
    for (let at = 0; at < 20; at++) {
      await redisTickets({ client: client('redis'), prefix }).put(`t${at}`, { id: 'ada' }, 30_000);
      const tickets = redisTickets({ client: client('ioredis'), prefix });
      expect(await tickets.take(`t${at}`)).toEqual({ id: 'ada' });
      expect(await tickets.take(`t${at}`)).toBeUndefined();
    }
  });
});
