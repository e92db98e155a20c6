import { describe, expect, test } from 'vitest';
import { durableRedis } from '../../support/durable-redis.ts';
import { hasPostgres, testDatabase } from '../../support/postgres.ts';
import { hasRedisServer } from '../../support/redis-servers.ts';
import { allEvents, eventsOneByOne, serving, textOf, turn } from './serving.ts';
import type { AgentEvent } from './serving.ts';

/** A service for two processes, and what it is called in their environment. */
interface Shared extends AsyncDisposable {
  readonly environment: Record<string, string>;
}

const services: Readonly<Record<string, { isHere: () => Promise<boolean>; open: () => Promise<Shared> }>> = {
  REDIS_URL: {
    isHere: () => Promise.resolve(hasRedisServer()),
    async open() {
      const redis = await durableRedis();
      return { environment: { REDIS_URL: redis.url }, [Symbol.asyncDispose]: () => redis.stop() };
    },
  },
  DATABASE_URL: {
    isHere: hasPostgres,
    async open() {
      const database = await testDatabase();
      return { environment: { DATABASE_URL: database.url }, [Symbol.asyncDispose]: () => database.drop() };
    },
  },
};

/** Reads so many events, and leaves as a client does whose network breaks. */
async function readAndLeave(url: string, input: string, conversation: string, count: number) {
  const leaving = new AbortController();
  const response = await turn(url, input, { conversation_id: conversation }, { signal: leaving.signal });
  const read: AgentEvent[] = [];
  for await (const event of eventsOneByOne(response)) {
    read.push(event);
    if (read.length === count) break;
  }
  leaving.abort();
  return { stream: response.headers.get('x-sluice-stream') ?? '', read };
}

describe.each(Object.entries(services))('two processes with one %s', (_name, { isHere, open }) => {
  test('a stream goes on at the other process, without an event lost or repeated, and so does the conversation', async (context) => {
    if (!(await isHere())) context.skip('the service is not here');
    await using shared = await open();
    const [first, second] = await Promise.all([
      serving([], { environment: shared.environment }),
      serving([], { environment: shared.environment }),
    ]);
    await using _first = first;
    await using _second = second;

    const { stream, read } = await readAndLeave(first.url, 'Explain how photosynthesis works', 'c1', 8);
    const rest = await allEvents(
      await fetch(`${second.url}/api/v1/streams/${stream}`, {
        headers: { 'last-event-id': read.at(-1)?.id ?? '' },
      }),
    );
    const whole = await allEvents(await fetch(`${second.url}/api/v1/streams/${stream}`));
    expect([...read, ...rest].map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    expect(textOf([...read, ...rest])).toBe(textOf(whole));
    expect([read.length, rest.at(-2)?.type]).toEqual([8, 'complete']);

    const kept = (await (await fetch(`${second.url}/api/v1/conversations/c1`)).json()) as {
      messages: { role: string; content: string }[];
    };
    expect(kept.messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'Explain how photosynthesis works'],
      ['assistant', textOf(whole)],
    ]);
  });

  test('a process that is told to stop ends the turn first, and the other one has all of it', async (context) => {
    if (!(await isHere())) context.skip('the service is not here');
    await using shared = await open();
    await using first = await serving([], { environment: shared.environment });
    const { stream, read } = await readAndLeave(first.url, 'Write a haiku about rivers', 'c2', 3);
    first.cli.process.kill('SIGTERM');
    expect(await first.cli.ended).toBe(0);
    await using second = await serving([], { environment: shared.environment });
    const rest = await allEvents(
      await fetch(`${second.url}/api/v1/streams/${stream}`, {
        headers: { 'last-event-id': read.at(-1)?.id ?? '' },
      }),
    );
    expect(rest.slice(-2).map(({ type }) => type)).toEqual(['complete', 'done']);
    expect(textOf([...read, ...rest])).toContain('\n');
  });
});

test('Redis that goes away and comes back is said once each, and turns go on after it', async (context) => {
  if (!hasRedisServer()) context.skip('redis-server is not here');
  const redis = await durableRedis();
  try {
    await using server = await serving([], { environment: { REDIS_URL: redis.url } });
    expect(textOf(await allEvents(await turn(server.url, '2 + 3')))).toContain('5');
    await redis.kill();
    await server.cli.sees('note: the connection to Redis is lost. Trying again.\n');
    await redis.start();
    await server.cli.sees('note: Redis answers again.\n');
    expect(textOf(await allEvents(await turn(server.url, '2 + 3')))).toContain('5');
    expect(server.cli.stderr.match(/is lost/g)).toHaveLength(1);
    server.cli.process.kill('SIGTERM');
    expect(await server.cli.ended).toBe(0);
  } finally {
    await redis.stop();
  }
});
