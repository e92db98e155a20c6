import { Pipeline, isSluiceError } from 'sluice';
import { retry } from 'sluice/middleware/retry';
import { provider } from 'sluice/middleware/provider';
import { openai } from 'sluice/providers/openai';
import { anthropic } from 'sluice/providers/anthropic';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const encoder = new TextEncoder();
const MEBIBYTE = 1024 * 1024;

/** What becomes of a body after its first bytes. */
type Fate = (body: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>;

const fates: readonly [string, Fate][] = [
  ['stalls before its first byte', () => undefined],
  ['stalls in the middle', (body) => body.enqueue(encoder.encode('{"error":{"code":"server_er'))],
  [
    'breaks off',
    (body) => {
      body.enqueue(encoder.encode('{"error":'));
      body.error(new TypeError('terminated'));
    },
  ],
  [
    'is too long',
    (body) => {
      body.enqueue(encoder.encode('{"error":{"message":"'));
      body.enqueue(new Uint8Array(2 * MEBIBYTE).fill(0x61));
    },
  ],
  [
    'is garbage',
    (body) => {
      body.enqueue(Uint8Array.from({ length: 500 }, (_, index) => 128 + (index % 127)));
      body.close();
    },
  ],
  [
    'comes slowly and does not end',
    async (body) => {
      for (;;) {
        try {
          body.enqueue(encoder.encode(' '));
        } catch {
          return; // It was cancelled.
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    },
  ],
];

/** `asked` resolves when the request has been sent: the SDK is loaded before, which takes real time. */
function answering(
  status: number,
  fate: Fate,
): { fetch: typeof fetch; cancelled: () => boolean; asked: Promise<void> } {
  let cancelled = false;
  const asked = Promise.withResolvers<void>();
  return {
    asked: asked.promise,
    cancelled: () => cancelled,
    fetch: async () => {
      asked.resolve();
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void fate(controller),
        cancel: () => void (cancelled = true),
      });
      return new Response(body, { status, headers: { 'content-type': 'application/json' } });
    },
  };
}

async function failureOf(status: number, fate: Fate): Promise<unknown[]> {
  const { fetch, cancelled, asked } = answering(status, fate);
  const calls = vi.fn(fetch);
  const model = openai({ apiKey: 'none', baseURL: 'http://127.0.0.1:1/v1', fetch: calls });
  const pipeline = new Pipeline([retry({ maxRetries: 0 }), provider(model)]);
  const failing = pipeline.execute('user', 'Hi').catch((error: unknown) => error);
  await asked;
  await vi.advanceTimersByTimeAsync(2_500);
  const error = await failing;
  if (!isSluiceError(error)) throw error;
  return [error.code, error.status, error.retryable, cancelled(), calls.mock.calls.length];
}

describe.each(fates)('an error whose body %s', (what, fate) => {
  const isReadUp = what === 'breaks off' || what === 'is garbage';
  test.each([
    [400, 'invalid_request', false],
    [401, 'authentication', false],
    [403, 'permission', false],
    [404, 'not_found', false],
    [429, 'rate_limited', true],
    [500, 'server', true],
    [503, 'overloaded', true],
  ])('is what its status %i says: %s, and its connection is given back', async (status, code, retryable) => {
    expect(await failureOf(status, fate)).toEqual([code, status, retryable, !isReadUp, 1]);
  });
});

test('the words that came before a body stalled are in the message', async () => {
  const { fetch, asked } = answering(401, (body) => body.enqueue(encoder.encode('The key has expired.')));
  const model = openai({ apiKey: 'none', baseURL: 'http://127.0.0.1:1/v1', fetch });
  const failing = new Pipeline([provider(model)]).execute('user', 'Hi').catch((error: unknown) => error);
  await asked;
  await vi.advanceTimersByTimeAsync(600);
  expect(String(await failing)).toBe('SluiceError: openai answered 401: The key has expired.');
});

test('a body that comes at once is not waited for longer', async () => {
  const { fetch } = answering(429, (body) => {
    body.enqueue(encoder.encode('{"error":{"code":"insufficient_quota"}}'));
    body.close();
  });
  const model = openai({ apiKey: 'none', baseURL: 'http://127.0.0.1:1/v1', fetch });
  const error: unknown = await new Pipeline([provider(model)])
    .execute('user', 'Hi')
    .catch((one: unknown) => one);
  expect(error).toMatchObject({ code: 'rate_limited', retryable: false });
  expect(vi.getTimerCount()).toBe(0);
});

test('a count of tokens that is refused is what its status says, too', async () => {
  const { fetch, asked } = answering(401, (body) => body.enqueue(encoder.encode('{"error":')));
  const model = anthropic({ apiKey: 'none', baseURL: 'http://127.0.0.1:1', fetch });
  const { signal } = new AbortController();
  const request = { messages: [{ role: 'user' as const, content: 'Hi' }], parameters: {} };
  const failing = model.countTokens?.(request, { signal }).catch((error: unknown) => error);
  await asked;
  await vi.advanceTimersByTimeAsync(600);
  expect(await failing).toMatchObject({ code: 'authentication', status: 401 });
});
