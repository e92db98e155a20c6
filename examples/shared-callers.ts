// Two servers that share the limits and the tickets of their callers through Redis or Valkey. It uses REDIS_URL or the server on this machine, and
// deletes what it writes.
import { Redis } from 'ioredis';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { createServer } from 'sluice/server';
import { redisCounter, redisTickets } from 'sluice/server/redis-callers';

const client = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', {
  maxRetriesPerRequest: 1,
  retryStrategy: () => null,
  lazyConnect: true,
});
client.on('error', () => undefined);

const reachable = await client.connect().then(
  () => true,
  () => false,
);
if (reachable) await share();
else console.log('skipped: Redis is not reachable');
client.disconnect();

async function share(): Promise<void> {
  const prefix = `sluice-example-${process.pid}`;
  const makeServer = () =>
    createServer(new Pipeline([provider(demo({ wordDelayMs: 20 }))]), {
      auth: { tokens: { 'secret-of-ada': 'ada' } },
      limits: { concurrentStreams: 2 },
      counter: redisCounter({ client, prefix }),
      tickets: redisTickets({ client, prefix }),
      getStream: true,
    });
  await using one = await makeServer().listen({ port: 0 });
  await using two = await makeServer().listen({ port: 0 });
  const post = (url: string, path: string): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      headers: { authorization: 'Bearer secret-of-ada', 'content-type': 'application/json' },
      body: JSON.stringify({ input: 'Hi' }),
    });

  // Six at once, three at each server: two pass, and the others may come again.
  const urls = [one.url, two.url, one.url, two.url, one.url, two.url];
  const answers = await Promise.all(urls.map((url) => post(url, '/api/v1/agent/stream')));
  const passed = answers.filter(({ ok }) => ok);
  console.log(`passed at once: ${passed.length}`);
  await Promise.all(answers.map((answer) => answer.text()));

  // A browser gets its ticket from one server, and opens its stream at the other.
  const { ticket } = (await (await post(one.url, '/api/v1/tickets')).json()) as { ticket: string };
  for (const time of ['first', 'second']) {
    const stream = await fetch(`${two.url}/api/v1/agent/stream?prompt=Hi&ticket=${ticket}`);
    await stream.text();
    console.log(`ticket, ${time} time: ${stream.status}`);
  }
  for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 1_000 }))
    for (const key of keys as string[]) await client.unlink(key);
}
