import { describe, expect, test, vi } from 'vitest';
import type { ResetChunk } from '../../src/index.ts';
import { createClient, webSocket } from '../../client/index.ts';
import type { ClientOptions } from '../../client/index.ts';
import { voids } from '../../client/resets.ts';
import { saidItems } from './items.ts';

/** The error of a request that is answered like this. */
async function errorOf(
  status: number,
  body: unknown = '',
  headers: Record<string, string> = {},
): Promise<unknown> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const client = createClient({
    url: 'https://chat.example.com',
    fetch: async () => new Response(text, { status, headers }),
  });
  return client.conversations.list().catch((error: unknown) => error);
}

describe('an answer that says nothing itself, as that of a proxy', () => {
  test.each([
    ...([
      [401, 'authentication'],
      [403, 'permission'],
      [404, 'not_found'],
      [408, 'timeout'],
    ] as const),
    ...([
      [409, 'conflict'],
      [418, 'invalid_request'],
      [429, 'rate_limited'],
      [500, 'server'],
    ] as const),
    ...([
      [502, 'server'],
      [503, 'overloaded'],
      [504, 'timeout'],
    ] as const),
  ])('with status %i is %s', async (status, code) => {
    expect(await errorOf(status, '<html>')).toMatchObject({ code, status });
  });

  test.each([
    ['of a code that this client does not know', { error: { code: 'new_code', message: 'New.' } }],
    ['without a message', { error: { code: 'budget' } }],
    ['that is not an object', { error: 'budget' }],
  ])('or an error %s, is what its status says', async (_what, body) => {
    expect(await errorOf(429, body)).toMatchObject({
      code: 'rate_limited',
      message: 'The server answered with status 429.',
    });
  });
});

test('an answer of the server is what it says, and tells when to come back', async () => {
  const error = { code: 'budget', message: 'The budget of the day is used up.', retryAfterMs: 5_000 };
  expect(await errorOf(429, { error }, { 'retry-after': '9' })).toMatchObject({ ...error, status: 429 });
});

test.each([
  ['7', 7_000],
  ['0', 0],
  ['Thu, 01 Jan 1970 00:16:45 GMT', 5_000],
  ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
  ['soon', undefined],
])('retry-after: %s', async (header, retryAfterMs) => {
  const now = vi.spyOn(Date, 'now').mockReturnValue(1_000_000);
  try {
    const error = await errorOf(503, '', { 'retry-after': header });
    expect([Reflect.get(Object(error), 'code'), Reflect.get(Object(error), 'retryAfterMs')]).toEqual([
      'overloaded',
      retryAfterMs,
    ]);
  } finally {
    now.mockRestore();
  }
});

test('a reset takes back what it names, and nothing else', () => {
  const reset: ResetChunk = { type: 'reset', from: 0, calls: [1, 3], reason: 'again' };
  const calls = new Set([1, 2, 3]);
  expect([voids(reset, calls), [...calls]]).toEqual([true, [2]]);
  expect([voids(reset, calls), [...calls]]).toEqual([false, [2]]);
});

/** A socket that a test speaks for. */
class Socket extends EventTarget {
  static last: Socket | undefined;
  isClosed = false;

  constructor() {
    super();
    Socket.last = this;
    queueMicrotask(() => this.dispatchEvent(new Event('open')));
  }

  send(): void {
    // Nobody looks at what is asked.
  }

  close(): void {
    this.isClosed = true;
  }

  hear(message: object): void {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }
}

test('a socket counts as lost when it says nothing for long, and not while it does', async () => {
  vi.useFakeTimers();
  try {
    const options: ClientOptions = {
      ...{ url: 'https://chat.example.com', silenceMs: 10_000, reconnect: { attempts: 0 } },
      transport: webSocket({ WebSocket: Socket as unknown as typeof WebSocket }),
    };
    const stream = createClient(options).stream('Hi', { id: 'turn-1' });
    const [start, said] = saidItems('Hello');
    const text = stream.next();
    await vi.advanceTimersByTimeAsync(0);
    const socket = Socket.last;
    for (let time = 0; time < 3; time++) {
      await vi.advanceTimersByTimeAsync(9_000);
      socket?.hear({ type: 'alive' });
    }
    socket?.hear({ id: '0.0', item: start });
    socket?.hear({ id: '1.0', item: said });
    expect(await text).toMatchObject({ value: { content: 'Hello' } });
    expect(socket?.isClosed).toBe(false);
    const more = stream.next().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(socket?.isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket?.isClosed).toBe(true);
    expect(await more).toMatchObject({ code: 'truncated' });
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
