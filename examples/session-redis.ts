// Sessions in Redis or Valkey, at REDIS_URL or on this machine. The example deletes what it writes.
import { createClient } from 'redis';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { redisStore } from 'sluice/stores/redis';

const client = createClient({
  url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
  // For this example: if there is no server, give up at once.
  socket: { connectTimeout: 2_000, reconnectStrategy: false },
});
client.on('error', () => undefined);

const reachable = await client.connect().then(
  () => true,
  () => false,
);
if (reachable) await talk();
else console.log('skipped: Redis is not reachable');

async function talk(): Promise<void> {
  const store = redisStore({ client, prefix: `sluice-example-${process.pid}`, ttlMs: 600_000, own: true });
  const key = { owner: 'acme', id: 'user-123' };
  // Two pipelines, as in two processes: both know the whole conversation.
  for (const text of ['My name is Ada.', 'What is my name?']) {
    await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store });
    const { response } = await pipeline.executeWithContext(key, 'user', text);
    console.log(`${text} -> ${response.content}`);
  }
  const { turns, usage } = await store.spend({ owner: 'acme' });
  console.log(`acme: ${turns} turns, ${usage.totalTokens} tokens`);
  console.log(`forgotten: ${await store.forget('acme')} session`);
  await store.close();
}
