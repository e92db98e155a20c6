import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createClient } from '../../client/index.ts';
import { saidItems } from './items.ts';
import { errorOf } from './turn.ts';
import { eventsOf, eventStream, sendEvents, turnServer } from './turn-server.ts';
import type { Answer } from './turn-server.ts';

const answersJson =
  (body: unknown): Answer =>
  (_asked, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

describe('conversations', () => {
  test('are listed, read, copied and deleted', async () => {
    const body = { conversations: [], messages: [], id: 'copy' };
    await using server = await turnServer(answersJson(body));
    const { conversations } = createClient({ url: server.url });
    expect(await conversations.list({ limit: 5, cursor: 'a&b' })).toEqual(body);
    expect(await conversations.read('chat/1')).toEqual(body);
    expect((await conversations.fork('chat/1', { at: 4, organization: 'acme', pipeline: 'main' })).id).toBe(
      'copy',
    );
    await conversations.select('chat/1', 'message-2');
    await conversations.delete('chat/1');
    expect(server.asked.map(({ method, url, body: sent }) => [method, url, sent])).toEqual([
      ['GET', '/api/v1/conversations?limit=5&cursor=a%26b', ''],
      ['GET', '/api/v1/conversations/chat%2F1', ''],
      ['POST', '/api/v1/conversations/chat%2F1/fork?pipeline=main&org_id=acme', { at: 4 }],
      ['POST', '/api/v1/conversations/chat%2F1/branch', { leaf: 'message-2' }],
      ['DELETE', '/api/v1/conversations/chat%2F1', ''],
    ]);
  });

  test('answer anew, take edits and decisions as streams', async () => {
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('Hi'))),
    );
    const { conversations } = createClient({ url: server.url });
    expect(await conversations.regenerate('c', { id: 't-1' }).text()).toBe('Hi');
    await conversations.edit('c', 'm-1', 'Hello', { id: 't-2', model: 'big' }).text();
    await conversations.decide('c', { 'call-1': { approve: true } }, { id: 't-3', message: 'go' }).text();
    expect(server.asked.map(({ url, body }) => [url?.split('?')[0], body])).toEqual([
      ['/api/v1/conversations/c/regenerate', { turn_id: 't-1' }],
      ['/api/v1/conversations/c/edit', { turn_id: 't-2', message_id: 'm-1', message: 'Hello', model: 'big' }],
      [
        '/api/v1/conversations/c/decisions',
        { turn_id: 't-3', decisions: { 'call-1': { approve: true } }, message: 'go' },
      ],
    ]);
  });

  test('are joined while a turn runs, and the stream then has the id of the turn', async () => {
    let first = true;
    await using server = await turnServer((asked, response) => {
      if (asked.url.endsWith('/stop')) return answersJson({ status: 'pending' })(asked, response);
      sendEvents(asked, response, eventsOf(saidItems('Hi', ' there')), first ? 2 : undefined);
      first = false;
    });
    const stream = createClient({ url: server.url, reconnect: { initialMs: 0 } }).join('chat-1');
    expect(stream.id).toBeUndefined();
    await stream.stop('before');
    expect(await stream.text()).toBe('Hi there');
    expect(stream.id).toBe('turn-1');
    await stream.stop('after');
    expect(server.asked.map(({ url, body }) => [url.split('?')[0], body])).toEqual([
      ['/api/v1/conversations/chat-1/stop', { reason: 'before' }],
      ['/api/v1/conversations/chat-1/stream', ''],
      ['/api/v1/streams/turn-1', ''],
      ['/api/v1/streams/turn-1/stop', { reason: 'after' }],
    ]);
  });

  test('in which nothing runs cannot be joined', async () => {
    await using server = await turnServer((_asked, response) => void response.writeHead(204).end());
    const error = await errorOf(createClient({ url: server.url }).join('chat-1').text());
    expect(error).toMatchObject({ code: 'not_found', status: 204 });
  });
});

describe('a stream', () => {
  test('is read again from its first chunk, or after a place', async () => {
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('a', 'b', 'c'))),
    );
    const client = createClient({ url: server.url });
    const first = client.stream('Hello', { id: 'turn-1' });
    await first.next();
    await first.next();
    expect(first.cursor).toBe('2.0');
    await first.close();
    expect(await client.resume('turn-1', { after: first.cursor }).text()).toBe('c');
    expect(await client.resume('turn-1').text()).toBe('abc');
  });

  test('is stopped by its id', async () => {
    await using server = await turnServer(answersJson({ status: 'stopped' }));
    expect(await createClient({ url: server.url }).stop('turn-1', 'enough')).toBe('stopped');
    expect(server.asked).toMatchObject([{ url: '/api/v1/streams/turn-1/stop', body: { reason: 'enough' } }]);
  });
});

test('says what the server is', async () => {
  const metadata = { name: 'main', model: 'demo', pipelines: [{ name: 'main' }] };
  await using server = await turnServer(answersJson(metadata));
  expect(await createClient({ url: server.url }).metadata()).toEqual(metadata);
});

test('an answer of another form is `protocol`', async () => {
  await using server = await turnServer(answersJson(['no']));
  expect(await errorOf(createClient({ url: server.url }).metadata())).toMatchObject({ code: 'protocol' });
});

describe('options', () => {
  test.each([
    [{ url: 'nowhere' }, 'url is not an address'],
    [{}, 'url is not an address'],
    [{ url: 'http://a', token: 4 }, 'token is of the type number: give a string or function'],
    [{ url: 'http://a', fetch: null }, 'fetch is of the type object: give a function'],
    [{ url: 'http://a', timeout: 4 }, 'timeout is not an option'],
  ])('%j are refused', (options: object, message) => {
    expect(() => createClient(options)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    expect(() => createClient(options)).toThrow(message);
  });

  test('a path replaces the usual one, and the address may have one', async () => {
    await using server = await turnServer(answersJson({ name: 'x' }));
    await createClient({ url: `${server.url}/ignored`, path: '/app/api/' }).metadata();
    expect(server.asked).toMatchObject([{ url: '/app/api/agent/metadata' }]);
  });

  test.each([[undefined], [4], [null]])('the input %s is refused', (input: unknown) => {
    const client = createClient({ url: 'http://localhost' });
    const stream: (given: never) => unknown = (given) => client.stream(given);
    expect(() => Reflect.apply(stream, undefined, [input])).toThrow(
      expect.objectContaining({ code: 'invalid_options' }),
    );
  });
});

describe('silence', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('of a connection means that it is lost', async () => {
    const asked: string[] = [];
    const events = eventsOf(saidItems('a', 'b'));
    const half = (): ReadableStream<Uint8Array> =>
      new ReadableStream({ start: (controller) => controller.enqueue(encoded(events.slice(0, 2).join(''))) });
    const client = createClient({
      url: 'http://localhost',
      silenceMs: 20_000,
      reconnect: { initialMs: 0 },
      fetch: async (_input, init) => {
        asked.push(`${String(init?.method)} ${vi.getMockedSystemTime()?.getTime()}`);
        return eventStream(asked.length === 1 ? half() : events.join(''));
      },
    });
    vi.setSystemTime(0);
    const text = client.stream('Hello').text();
    await vi.advanceTimersByTimeAsync(19_999);
    expect(asked).toEqual(['POST 0']);
    await vi.advanceTimersByTimeAsync(2);
    expect(await text).toBe('ab');
    expect(asked).toEqual(['POST 0', 'GET 20001']);
  });

  test('before the headers of an answer is one, too', async () => {
    const asked: unknown[] = [];
    const answered = new Promise<Response>(() => undefined);
    const client = createClient({
      url: 'http://localhost',
      silenceMs: 20_000,
      reconnect: { initialMs: 0 },
      // The process is stopped, or the network is gone, and nobody says so.
      fetch: (_input, init) => {
        asked.push(JSON.parse(String(init?.body)));
        if (asked.length > 1) return Promise.resolve(eventStream(eventsOf(saidItems('Hi')).join('')));
        const left = new Promise<never>((_resolve, reject) =>
          init?.signal?.addEventListener('abort', () => reject(new Error('left'))),
        );
        return Promise.race([answered, left]);
      },
    });
    const text = client.stream('Hello', { id: 'turn-1' }).text();
    await vi.advanceTimersByTimeAsync(20_001);
    expect(await text).toBe('Hi');
    expect(asked).toMatchObject([{ turn_id: 'turn-1' }, { turn_id: 'turn-1' }]);
  });

  test('is broken by comments', async () => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    let connections = 0;
    const client = createClient({
      url: 'http://localhost',
      silenceMs: 20_000,
      fetch: async () => {
        connections += 1;
        return eventStream(new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) }));
      },
    });
    const text = client.stream('Hello').text();
    for (let beats = 0; beats < 10; beats++) {
      await vi.advanceTimersByTimeAsync(8_000);
      controller?.enqueue(encoded(': alive\n\n'));
    }
    controller?.enqueue(encoded(eventsOf(saidItems('done')).join('')));
    expect(await text).toBe('done');
    expect(connections).toBe(1);
  });

  test('between attempts grows', async () => {
    const waits: number[] = [];
    let last = 0;
    const client = createClient({
      url: 'http://localhost',
      reconnect: { attempts: 4, initialMs: 100, maxMs: 500 },
      fetch: async () => {
        waits.push(Date.now() - last);
        last = Date.now();
        throw new TypeError('fetch failed');
      },
    });
    vi.setSystemTime(0);
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const error = errorOf(client.run('Hello'));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await error).toMatchObject({ code: 'network' });
    expect(waits).toEqual([0, 100, 200, 400, 500]);
  });
});

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
