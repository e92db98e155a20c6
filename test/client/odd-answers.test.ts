import { describe, expect, test } from 'vitest';
import { createClient } from '../../client/index.ts';
import { saidItems } from './items.ts';
import { errorOf, soon } from './turn.ts';
import { eventsOf, eventStream, sendEvents, turnServer } from './turn-server.ts';

describe('an answer that is not a stream', () => {
  test.each(['text/html', 'application/json', ''])(
    'but has a good status and the type %j is `protocol`, and is not asked for again',
    async (type) => {
      await using server = await turnServer((_asked, response) => {
        response.writeHead(200, type === '' ? {} : { 'content-type': type }).end('<h1>Welcome</h1>\n\n');
      });
      const states: string[] = [];
      const client = createClient({ url: server.url, ...soon });
      const error = await errorOf(client.run('Hello', { onConnection: (state) => states.push(state) }));
      expect(error).toMatchObject({ code: 'protocol', retryable: false });
      expect(server.asked.length).toBe(1);
      expect(states).toEqual(['connecting']);
    },
  );

  test('because the server has lost the beginning of the stream says so', async () => {
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'POST') return sendEvents(asked, response, eventsOf(saidItems('a', 'b')), 2);
      const error = { code: 'not_found', message: 'Read the conversation instead.' };
      response.writeHead(410).end(JSON.stringify({ error }));
    });
    const error = await errorOf(createClient({ url: server.url, ...soon }).run('Hello'));
    expect(error).toMatchObject({
      code: 'not_found',
      status: 410,
      message: 'Read the conversation instead.',
      partial: { content: 'a' },
    });
  });

  test('because the provider could not be reached is not asked for again', async () => {
    await using server = await turnServer((_asked, response) => {
      const error = { code: 'network', message: 'The provider was not reached.', retryable: true };
      response.writeHead(502).end(JSON.stringify({ error }));
    });
    const error = await errorOf(createClient({ url: server.url, ...soon }).run('Hello'));
    expect(error).toMatchObject({ code: 'network', status: 502 });
    expect(server.asked.length).toBe(1);
  });

  test('because its token is too old ends a stream that comes back', async () => {
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'POST') return sendEvents(asked, response, eventsOf(saidItems('a', 'b')), 2);
      response.writeHead(401).end();
    });
    const error = await errorOf(createClient({ url: server.url, ...soon }).run('Hello'));
    expect(error).toMatchObject({ code: 'authentication', status: 401, partial: { content: 'a' } });
    expect(server.asked.length).toBe(2);
  });
});

test('a wait that a server asks for is no longer than maxMs', async () => {
  let requests = 0;
  await using server = await turnServer((asked, response) => {
    requests += 1;
    // More than a timer can wait for.
    if (requests === 2) response.writeHead(503, { 'retry-after': '5184000' }).end();
    else sendEvents(asked, response, eventsOf(saidItems('a', 'b')), requests === 1 ? 2 : undefined);
  });
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  expect(
    await createClient({ url: server.url, ...soon })
      .stream('Hello')
      .text(),
  ).toBe('ab');
  process.off('warning', note);
  expect(requests).toBe(3);
  expect(warnings).toEqual([]);
});

test('the error of a stream has no status, as the answer was a good one', async () => {
  const [start, said] = saidItems('a');
  const error = { code: 'rate_limited', message: 'Too many.', retryable: true };
  const events = eventsOf([start ?? {}, said ?? {}, { type: 'end', outcome: 'failed', error }]);
  await using server = await turnServer((asked, response) => sendEvents(asked, response, events));
  const thrown = await errorOf(createClient({ url: server.url }).run('Hello'));
  expect(thrown).toMatchObject({ code: 'rate_limited', message: 'Too many.', retryable: true });
  expect(thrown.status).toBeUndefined();
});

test('a token that cannot be had is an error of ours for all requests, with its cause', async () => {
  const cause = new TypeError('logged out');
  const client = createClient({
    url: 'http://localhost',
    ...soon,
    token: () => {
      throw cause;
    },
  });
  expect(await errorOf(client.conversations.list())).toMatchObject({ code: 'network', cause });
  expect(await errorOf(client.run('Hello'))).toMatchObject({ code: 'network', cause });
});

test('a connection that breaks at any byte, also within an event or a character, loses nothing and gives nothing twice', async () => {
  const events = eventsOf(saidItems('Grüße', ' 🌊\r\n', '水'));
  const bytes = new TextEncoder().encode(events.join(''));
  /** One byte a read, and then the connection breaks. */
  const cutAt = (cut: number): ReadableStream<Uint8Array> => {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        if (at < cut) controller.enqueue(bytes.slice(at, ++at));
        else controller.error(new TypeError('terminated'));
      },
    });
  };
  for (let cut = 0; cut <= bytes.length; cut++) {
    const asked: (string | null)[] = [];
    const client = createClient({
      url: 'http://localhost',
      ...soon,
      fetch: (_input, init) => {
        const after = new Headers(init?.headers).get('last-event-id');
        asked.push(after);
        const rest = events.slice(after === null ? 0 : Number.parseInt(after, 10) + 1).join('');
        return Promise.resolve(eventStream(asked.length === 1 ? cutAt(cut) : rest));
      },
    });
    const got: string[] = [];
    for await (const text of client.stream('Hello').textStream()) got.push(text);
    expect(got, `cut at byte ${cut}`).toEqual(['Grüße', ' 🌊\r\n', '水']);
  }
});
