// Limits that all processes share through Redis or Valkey: requests per minute, a budget per day, a budget per owner. It uses REDIS_URL or the
// server on this machine, and deletes what it writes.
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { MemoryStore, Pipeline, isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { redisLedger, redisStore } from 'sluice/stores/redis';
import { scripted } from 'sluice/testing';

// The limiter would count a command twice if the client sent it again, so this client never does.
const client = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
  retryStrategy: () => null,
  lazyConnect: true,
});
client.on('error', () => undefined);

const reachable = await client.connect().then(
  () => true,
  () => false,
);
if (reachable) await compete();
else console.log('skipped: Redis is not reachable');
client.disconnect();

async function compete(): Promise<void> {
  const prefix = `sluice-example-${process.pid}`;
  // Each answer costs a thousandth of a dollar.
  const model = scripted({ text: 'Paris.', usage: { inputTokens: 0, outputTokens: 100 } }, { repeat: true });
  const prices = { 'scripted/*': { input: 0, output: 10 } };
  const store = redisStore({ client, prefix, ttlMs: 60_000 });
  const ledger = redisLedger({ client, prefix });
  const limited = rateLimit({
    requestsPerMinute: 5,
    maxWaitMs: 0,
    limiter: (options) =>
      new RateLimiterRedis({ ...options, keyPrefix: `${prefix}:${options.keyPrefix}`, storeClient: client }),
  });
  const daily = cost({ prices, ledger, reserveOutputTokens: 100, budgets: [{ usd: 0.003, per: 'day' }] });
  const ofOwner = cost({
    ...{ prices, ledger, store, reserveOutputTokens: 100 },
    budgets: [{ usd: 0.004, per: 'owner' }],
  });

  // Two pipelines for each limit, as in two processes.
  for (const [name, layer, sessions] of [
    ['5 requests a minute', limited, new MemoryStore()],
    ['$0.003 a day', daily, new MemoryStore()],
    ['$0.004 for an owner', ofOwner, store],
  ] as const) {
    const pipelines = [1, 2].map(() => new Pipeline([layer, provider(model)], { store: sessions }));
    const ends = pipelines.flatMap((pipeline, at) =>
      Array.from({ length: 5 }, async (_, number) => {
        const key = { owner: 'acme', id: `s${at}.${number}` };
        return pipeline.executeWithContext(key, 'user', 'Capital of France?').then(
          () => 'answered',
          (error: unknown) => (isSluiceError(error) ? error.code : 'failed'),
        );
      }),
    );
    const counts = new Map<string, number>();
    for (const end of await Promise.all(ends)) counts.set(end, (counts.get(end) ?? 0) + 1);
    console.log(`${name}: ${[...counts].map(([end, count]) => `${count} ${end}`).join(', ')}`);
  }
  for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 1_000 }))
    for (const key of keys as string[]) await client.unlink(key);
}
