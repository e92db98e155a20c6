import { Pipeline } from 'sluice';
import { aisdk } from 'sluice/interop/aisdk';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { faultServer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';

import { ARGUMENTS, KEY, THOUGHT, services } from './services.ts';

const weather = tool({
  name: 'weather',
  description: 'Tells the weather of a city.',
  input: z.object({ city: z.string() }),
  execute: ({ city }: { city: string }) => `3 degrees in ${city}`,
});

describe.each(services)('aisdk() with $name', ({ provider: name, model, calls, says, usage, goesBack }) => {
  test('thinks, calls a tool, gets its result and answers, and what must go back goes back', async () => {
    await using server = await faultServer();
    server.enqueue(calls, says, says);
    await using pipeline = new Pipeline([tools([weather]), provider(aisdk(model(server.url)))]);
    const first = await pipeline.executeWithContext('s', 'user', 'How is the weather in Oslo?');
    expect(first.warnings).toEqual([]);
    expect([first.response.content, first.response.finishReason]).toEqual(['It is 3 degrees.', 'stop']);
    expect(first.response.thinking).toBe(THOUGHT);
    expect(first.response.toolCalls).toMatchObject([{ name: 'weather', arguments: ARGUMENTS }]);
    expect(first.provider).toBe(name);
    const [, second] = server.requests;
    for (const text of [...goesBack, '3 degrees in Oslo']) expect(second?.rawBody).toContain(text);

    await pipeline.executeWithContext('s', 'user', 'And now?');
    const third = server.requests[2]?.rawBody;
    for (const text of ['3 degrees in Oslo', 'And now?']) expect(third).toContain(text);
    server.assertDrained();
  });

  test('reports its usage', async () => {
    await using server = await faultServer({ always: calls });
    const pipeline = new Pipeline([provider(aisdk(model(server.url)))]);
    const result = await pipeline.execute('user', 'How is the weather in Oslo?');
    const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated } = result.usage;
    expect([inputTokens, outputTokens, cachedInputTokens, reasoningTokens]).toEqual(usage);
    expect(estimated).toBeUndefined();
    expect(result.response.finishReason).toBe('tool_calls');
  });

  test('tells a limit with its wait, in one request and without its key', async () => {
    const body = { error: { message: `too many requests for ${KEY}` } };
    await using server = await faultServer({
      always: { status: 429, headers: { 'retry-after': '7' }, body },
    });
    const pipeline = new Pipeline([provider(aisdk(model(server.url)))]);
    const error: unknown = await pipeline.execute('user', 'Hi').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryAfterMs: 7_000,
      retryable: true,
      provider: name,
    });
    expect(String(error)).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });

  test('frees its connection when the consumer leaves', async () => {
    await using server = await faultServer({ always: { ...says, fault: { kind: 'stall' } } });
    const pipeline = new Pipeline([provider(aisdk(model(server.url)))]);
    const stream = pipeline.executeStream('user', 'Hi');
    await stream.ready();
    await stream.close();
    await server.idle();
    expect(server.log).toContain('client-left 0');
  });
});
