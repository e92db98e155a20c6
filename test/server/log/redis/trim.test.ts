import { expect, onTestFinished, test } from 'vitest';
import { redisLog } from '../../../../server/redis-log.ts';
import { LogKeys } from '../../../../server/log/redis/keys.ts';
import { trimStream } from '../../../../server/log/redis/trim.ts';
import { Server } from '../../../../stores/redis/shared.ts';
import { onRedis } from '../../../stores/redis/stage.ts';
import { own, texts } from '../stage.ts';

await onRedis('A long stream in Redis', ({ client, prefix }) => {
  test('is trimmed a part at a time, and its newest entry stays', async () => {
    const log = redisLog({ client: client('ioredis'), prefix });
    onTestFinished(() => log.close());
    const key = { owner: 'trim', id: crypto.randomUUID() };
    const { held } = await own(log, key);
    const pieces = Array.from({ length: 1_000 }, () => 'a');
    for (let at = 0; at < 30_000; at += 1_000) await log.append(held, at, texts(at, ...pieces));
    const server = new Server(client('redis'), 5_000);
    const keys = new LogKeys(prefix).stream(key);
    const firsts: unknown[] = [];
    for (let isLarge = true; isLarge;) {
      isLarge = await server.call((call) => trimStream(server, call, keys, held, 10));
      firsts.push((await log.read(key, { after: 29_000 }))?.first);
    }
    expect(firsts).toEqual([8_000, 16_000, 24_000, 29_000, 29_000]);
  });
});
