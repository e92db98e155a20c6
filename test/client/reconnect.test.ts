import { describe, expect, test } from 'vitest';
import { createClient } from '../../client/index.ts';
import { saidItems } from './items.ts';
import { all, errorOf, soon, turn } from './turn.ts';
import { eventsOf, sendEvents, turnServer } from './turn-server.ts';

describe('a connection that breaks', () => {
  test('goes on after the last event, wherever it was cut', async () => {
    const { chunks, items } = await turn();
    const events = eventsOf(items);
    for (let cut = 0; cut < events.length; cut++) {
      let first = true;
      await using server = await turnServer((asked, response) => {
        sendEvents(asked, response, events, first ? cut : undefined);
        first = false;
      });
      const stream = createClient({ url: server.url, ...soon }).stream('Hello', { id: 'turn-1' });
      expect((await all(stream)).slice(0, -1), `cut behind ${cut} events`).toEqual(chunks.slice(0, -1));
      expect(server.asked.map(({ method, url, headers }) => [method, url, headers['last-event-id']])).toEqual(
        [
          ['POST', '/api/v1/agent/stream?format=sluice&include=cost%2Cwarnings', undefined],
          [
            'GET',
            '/api/v1/streams/turn-1?format=sluice&include=cost%2Cwarnings',
            cut === 0 ? undefined : `${cut - 1}.0`,
          ],
        ],
      );
    }
  });

  test('goes on in its organization, and is stopped there', async () => {
    const events = eventsOf(saidItems('a', 'b'));
    await using server = await turnServer((asked, response) => {
      if (asked.url.endsWith('/stop')) {
        response.end('{"status":"pending"}');
        return;
      }
      sendEvents(asked, response, events, 1);
    });
    const client = createClient({ url: server.url, include: [], ...soon });
    const stream = client.stream('Hello', { id: 't', organization: 'a/b' });
    expect(await stream.text()).toBe('ab');
    await stream.stop('enough');
    expect(await client.resume('t', { organization: 'a/b' }).text()).toBe('ab');
    expect(await client.join('chat', { organization: 'a/b' }).text()).toBe('ab');
    expect(await client.conversations.regenerate('chat', { organization: 'a/b' }).text()).toBe('ab');
    await client.stop('t', 'enough', { organization: 'a/b' });
    for (const { method, url, body } of server.asked)
      if (method === 'POST') expect(body, url).toMatchObject({ org_id: 'a/b' });
      else expect(url).toMatch(/\?format=sluice&org_id=a%2Fb$/);
    expect(
      new Set(server.asked.map(({ url }) => url.replace(/\?.*/, '').replace(/streams\/[^/]+/, 'streams/t'))),
    ).toEqual(
      new Set([
        '/api/v1/agent/stream',
        '/api/v1/streams/t',
        '/api/v1/streams/t/stop',
        '/api/v1/conversations/chat/stream',
        '/api/v1/conversations/chat/regenerate',
      ]),
    );
  });

  test('goes on if each connection brings one event', async () => {
    const events = eventsOf(saidItems(...'The quick brown fox jumps over the lazy dog'.split(/(?= )/)));
    await using server = await turnServer((asked, response) => sendEvents(asked, response, events, 1));
    const states: string[] = [];
    const client = createClient({ url: server.url, ...soon });
    const stream = client.stream('Hello', { onConnection: (state) => states.push(state) });
    expect(await stream.text()).toBe('The quick brown fox jumps over the lazy dog');
    expect(server.asked.length).toBe(events.length);
    expect(states.slice(0, 4)).toEqual(['connecting', 'open', 'lost', 'connecting']);
  });

  test('asks again with the same id if the answer to the first request was lost', async () => {
    let first = true;
    await using server = await turnServer((asked, response) => {
      if (first) response.destroy();
      else sendEvents(asked, response, eventsOf(saidItems('Hi')));
      first = false;
    });
    expect(
      await createClient({ url: server.url, ...soon })
        .stream('Hello', { id: 'turn-1' })
        .text(),
    ).toBe('Hi');
    expect(server.asked).toMatchObject([
      { method: 'POST', body: { turn_id: 'turn-1' } },
      { method: 'POST', body: { turn_id: 'turn-1' } },
    ]);
  });

  test('takes an event once, though the server gives it again', async () => {
    const events = eventsOf(saidItems('a', 'b', 'c'));
    let first = true;
    await using server = await turnServer((asked, response) => {
      const isFirst = first;
      first = false;
      sendEvents(isFirst ? asked : { ...asked, headers: {} }, response, events, isFirst ? 3 : undefined);
    });
    expect(
      await createClient({ url: server.url, ...soon })
        .stream('Hello')
        .text(),
    ).toBe('abc');
  });

  test('ends with what has come and the error of the loss if the server does not keep the stream', async () => {
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'POST') sendEvents(asked, response, eventsOf(saidItems('half', ' whole')), 2);
      else response.writeHead(404).end('{}');
    });
    const stream = createClient({ url: server.url, ...soon }).stream('Hello');
    const error = await errorOf(stream.text());
    expect(['network', 'truncated']).toContain(error.code);
    expect(error.partial?.content).toBe('half');
    expect(await errorOf(stream.result)).toBe(error);
  });

  test('is tried so many times in a row, and an event begins the count anew', async () => {
    const events = eventsOf(saidItems('a', 'b', 'c'));
    let connections = 0;
    await using server = await turnServer((asked, response) => {
      connections += 1;
      // Every second connection breaks before it brings anything, and from the seventh on all do.
      if (connections % 2 === 0 || connections > 6) response.destroy();
      else sendEvents(asked, response, events, 1);
    });
    const reconnect = { attempts: 2, initialMs: 0, maxMs: 0 };
    const error = await errorOf(createClient({ url: server.url, reconnect }).stream('Hello').text());
    expect(error).toMatchObject({ code: 'network', partial: { content: 'ab' } });
    expect(connections).toBe(7);
  });

  test('is not tried again after an answer that refuses', async () => {
    await using server = await turnServer((_asked, response) => {
      response.writeHead(429, { 'retry-after': '3' });
      response.end(
        JSON.stringify({
          error: { code: 'queue_full', message: 'Too many.', retryable: true, requestId: 'r-1' },
        }),
      );
    });
    const states: string[] = [];
    const client = createClient({ url: server.url, ...soon });
    const error = await errorOf(client.run('Hello', { onConnection: (state) => states.push(state) }));
    expect(error).toMatchObject({
      code: 'queue_full',
      message: 'Too many.',
      status: 429,
      requestId: 'r-1',
      retryAfterMs: 3_000,
      retryable: true,
    });
    expect(server.asked.length).toBe(1);
    // The server has answered: nothing was lost.
    expect(states).toEqual(['connecting']);
  });

  test('is tried again if a server that goes away refuses to go on with the stream', async () => {
    let requests = 0;
    await using server = await turnServer((asked, response) => {
      requests += 1;
      if (requests === 2) response.writeHead(503, { 'retry-after': '0' }).end();
      else sendEvents(asked, response, eventsOf(saidItems('a', 'b')), requests === 1 ? 2 : undefined);
    });
    const states: string[] = [];
    const client = createClient({ url: server.url, ...soon });
    const stream = client.stream('Hello', { onConnection: (state) => states.push(state) });
    expect(await stream.text()).toBe('ab');
    expect(requests).toBe(3);
    expect(states).toEqual(['connecting', 'open', 'lost', 'connecting', 'connecting', 'open']);
  });

  test.each([
    [401, 'authentication'],
    [404, 'not_found'],
    [418, 'invalid_request'],
    [502, 'server'],
    [503, 'overloaded'],
  ])('with status %s and a page of a proxy is %s', async (status, code) => {
    await using server = await turnServer((_asked, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
    });
    const error = await errorOf(createClient({ url: server.url, ...soon }).run('Hello'));
    expect(error).toMatchObject({ code, status });
  });
});

test('a turn that the server has ended because its reader was lost ends with the error of the loss, and one that was stopped does not', async () => {
  for (const [reason, code] of [
    ['left', 'truncated'],
    ['stopped', 'aborted'],
  ] as const) {
    const said = saidItems('half', ' whole').slice(0, 2);
    const events = eventsOf([...said, { type: 'end', outcome: 'cancelled', reason }]);
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'GET') return sendEvents(asked, response, events);
      // The answer ends in good order, as one does through a proxy.
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.slice(0, 2).join(''));
    });
    const error = await errorOf(createClient({ url: server.url, ...soon }).run('Hello'));
    expect(error).toMatchObject({ code, partial: { content: 'half' } });
  }
});
