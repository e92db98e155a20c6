import { Pipeline, SluiceError } from 'sluice';
import type { Provider } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import type { RetryOptions } from 'sluice/middleware/retry';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import {
  anthropicError,
  chatErrorLine,
  chatStream,
  faultServer,
  messagesErrorLine,
  messagesStream,
  openaiError,
  responsesErrorLine,
  responsesStream,
} from 'sluice/testing';
import type { FaultResponse, FaultServer, MadeText, WireStream } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

interface Wired {
  provider(server: FaultServer): Provider;
  /** A made stream; `events` are those in front of the first piece of text. */
  stream(text: MadeText, thinking?: MadeText): WireStream;
  events: number;
  error(status: number, headers?: FaultResponse['headers']): FaultResponse;
  errorLine: string;
}

const wires: Record<string, Wired> = {
  'openai chat': {
    provider: ({ openaiBaseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: openaiBaseURL, api: 'chat' }),
    stream: (text, reasoning) => chatStream({ text, ...(reasoning && { reasoning }) }),
    events: 1,
    error: (status, headers) => openaiError(status, { headers }),
    errorLine: chatErrorLine({ status: 503, type: 'overloaded_error' }),
  },
  'openai responses': {
    provider: ({ openaiBaseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: openaiBaseURL, api: 'responses' }),
    stream: (text) => responsesStream({ text }),
    events: 4,
    error: (status, headers) => openaiError(status, { headers }),
    errorLine: responsesErrorLine({ status: 503, code: 'server_error' }),
  },
  anthropic: {
    provider: ({ anthropicBaseURL }) =>
      anthropic({ model: 'claude-haiku-4-5', apiKey: 'test', baseURL: anthropicBaseURL }),
    stream: (text, thinking) => messagesStream({ text, ...(thinking && { thinking }) }),
    events: 3,
    error: (status, headers) => anthropicError(status, { headers }),
    errorLine: messagesErrorLine(),
  },
};

interface Outcome {
  content: string;
  error?: SluiceError;
  requests: number;
}

async function run(server: FaultServer, wire: Wired, options: RetryOptions = {}): Promise<Outcome> {
  const stack = [retry({ backoff: constant(0), ...options }), provider(wire.provider(server))];
  await using pipeline = new Pipeline(stack, { own: true });
  const stream = pipeline.executeStream('user', 'Tell me');
  let content = '';
  let error: SluiceError | undefined;
  try {
    for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    error = thrown;
  }
  await server.idle();
  server.assertDrained();
  return { content, requests: server.requests.length, ...(error && { error }) };
}

describe.each(Object.entries(wires))('retry over the wire: %s', (_name, wire) => {
  const whole = (): FaultResponse => ({ stream: wire.stream(['Once ', 'upon ', 'a time']) });

  test('R19 each attempt is one request, and the SDK adds none', async () => {
    await using server = await faultServer();
    server.enqueue(wire.error(500), wire.error(429), wire.error(503));
    const { error, requests } = await run(server, wire, { maxRetries: 2 });
    expect(requests).toBe(3);
    expect(error).toMatchObject({ status: 503, attempts: 3 });
  });

  test.each([
    [400, 'true', 2],
    [409, 'true', 2],
    [409, undefined, 1],
    [503, 'false', 1],
    [522, undefined, 2],
  ])('after status %i with x-should-retry: %s it makes %i requests', async (status, verdict, expected) => {
    await using server = await faultServer();
    server.enqueue(wire.error(status, verdict === undefined ? {} : { 'x-should-retry': verdict }));
    if (expected === 2) server.enqueue(whole());
    const { error, requests } = await run(server, wire);
    expect([requests, error?.status]).toEqual([expected, expected === 2 ? undefined : status]);
  });

  test('R20 the error keeps status and request id', async () => {
    await using server = await faultServer();
    server.enqueue(wire.error(429), wire.error(429));
    const { error } = await run(server, wire, { maxRetries: 1 });
    expect(error).toMatchObject({ code: 'rate_limited', status: 429, requestId: 'req_1', attempts: 2 });
  });

  test('R3 an overload after the 200 is retried if nothing was emitted', async () => {
    await using server = await faultServer();
    const overload = { kind: 'error', at: { event: wire.events }, lines: [wire.errorLine] } as const;
    server.enqueue({ stream: wire.stream('never seen'), fault: overload }, whole());
    expect(await run(server, wire)).toEqual({ content: 'Once upon a time', requests: 2 });
  });

  test('R3 and only then', async () => {
    await using server = await faultServer();
    const overload = { kind: 'error', at: { event: wire.events + 1 }, lines: [wire.errorLine] } as const;
    server.enqueue({ stream: wire.stream(['Once ', 'upon']), fault: overload });
    expect(await run(server, wire)).toMatchObject({
      content: 'Once ',
      requests: 1,
      error: { retryable: true, partial: { content: 'Once ' } },
    });
  });

  test('R18 a preamble does not count as content: an attempt that breaks off after it is retried', async () => {
    await using server = await faultServer();
    const cut = { kind: 'fin', at: { event: wire.events } } as const;
    server.enqueue({ stream: wire.stream('never seen'), fault: cut, split: 'event' }, whole());
    expect(await run(server, wire)).toEqual({ content: 'Once upon a time', requests: 2 });
  });

  test('R17 the same text is never delivered twice', async () => {
    await using server = await faultServer();
    const cut = { kind: 'fin', at: { event: wire.events + 2 } } as const;
    server.enqueue({ stream: wire.stream(['Once ', 'upon ', 'a time']), fault: cut, split: 'event' });
    const { content, requests, error } = await run(server, wire);
    expect([content, requests]).toEqual(['Once upon ', 1]);
    expect(error?.partial?.content).toBe('Once upon ');
  });

  test('R17 continue: one text from two connections', async () => {
    await using server = await faultServer();
    const cut = { kind: 'fin', at: { event: wire.events + 2 } } as const;
    server.enqueue(
      { stream: wire.stream(['Once ', 'upon ', 'a time']), fault: cut, split: 'event' },
      { stream: wire.stream(['Once upon', ' a time there was']) },
    );
    const outcome = await run(server, wire, { afterContent: 'continue' });
    expect(outcome).toEqual({ content: 'Once upon a time there was', requests: 2 });
    const body = JSON.stringify(server.requests[1]?.body);
    expect(body).toContain('Once upon ');
    expect(body).toContain('exactly where it stopped');
  });

  test('a reset voids what the first connection delivered', async () => {
    await using server = await faultServer();
    const cut = { kind: 'fin', at: { event: wire.events + 1 } } as const;
    server.enqueue({ stream: wire.stream(['Never ', 'more']), fault: cut, split: 'event' }, whole());
    const stack = [retry({ backoff: constant(0), afterContent: 'reset' }), provider(wire.provider(server))];
    await using pipeline = new Pipeline(stack, { own: true });
    const result = await pipeline.execute('user', 'Tell me');
    expect(result.response.content).toBe('Once upon a time');
    expect(result.usage.estimated).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  test.each([
    ['retry-after', '3', 3_000],
    ['retry-after-ms', '40', 40],
  ])('waits as %s says: %s', async (header, value, delayMs) => {
    await using server = await faultServer();
    server.enqueue(wire.error(429, { [header]: value }));
    const waits: number[] = [];
    const pipeline = new Pipeline([
      retry({ onRetry: (event) => waits.push(event.delayMs) }),
      provider(wire.provider(server)),
    ]);
    const stream = pipeline.executeStream('user', 'Tell me');
    const reading = stream.next();
    while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await stream.close();
    expect([waits, await reading]).toEqual([[delayMs], { done: true, value: undefined }]);
  });

  test('R22 a close while it waits ends it at once and opens no connection', async () => {
    await using server = await faultServer();
    server.enqueue(wire.error(500));
    const waiting = Promise.withResolvers<void>();
    const options = {
      backoff: constant(600_000),
      onRetry: () => waiting.resolve(),
    };
    const pipeline = new Pipeline([retry(options), provider(wire.provider(server))], {
      executionTimeoutMs: 0,
    });
    const stream = pipeline.executeStream('user', 'Tell me');
    const reading = stream.next();
    await waiting.promise;
    await stream.close();
    expect(await reading).toEqual({ done: true, value: undefined });
    expect(server.requests).toHaveLength(1);
  });
});

describe('retry over the wire: thinking', () => {
  test.each(['openai chat', 'anthropic'])('counts as content: %s', async (name) => {
    const wire = wires[name];
    if (wire === undefined) throw new Error('no such wire');
    await using server = await faultServer();
    const cut = { kind: 'fin', at: { event: wire.events + 1 } } as const;
    server.enqueue({ stream: wire.stream('Once', ['hm ', 'so']), fault: cut, split: 'event' });
    const { error, requests } = await run(server, wire);
    expect([requests, error?.partial?.thinking]).toEqual([1, 'hm ']);
  });
});
