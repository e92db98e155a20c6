import { Anthropic } from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { anthropic, type AnthropicClient } from '../../../providers/anthropic/index.ts';
import { faultServer, type FaultServer } from '../../../testing/upstream/fault-server.ts';
import { messagesStream } from '../../../testing/upstream/messages-stream.ts';
import { anthropicError } from '../../../testing/upstream/provider-errors.ts';
import { at } from '../../support/json.ts';
import { CANARY, failureOn, HELLO, providerOf, runOn } from './reply/calls.ts';
import { ask, fakeCall, readStream } from './support.ts';

let server: FaultServer;
beforeEach(async () => {
  vi.stubEnv('ANTHROPIC_API_KEY', undefined);
  server = await faultServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

describe('a call of the Messages API', () => {
  it('sends one request in the form of the SDK and reads the reply', async () => {
    const { reading, reply } = await runOn(server, HELLO, { headers: { 'X-Team': 'a' }, betas: ['b-1'] });
    expect(reading).toMatchObject({ text: 'Hello', finishReason: 'stop' });
    expect(reply).toMatchObject({
      requestId: 'req_0',
      provider: 'anthropic',
      model: 'claude-haiku-4-5',
      serviceTier: 'standard',
    });
    const [request] = server.requests;
    expect([server.requests.length, request?.method, request?.path]).toEqual([1, 'POST', '/v1/messages']);
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${CANARY}`,
      'x-api-key': CANARY,
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'b-1',
      'content-type': 'application/json',
      'x-team': 'a',
    });
    expect(request?.body).toEqual({
      model: 'claude-haiku-4-5',
      max_tokens: 16_384,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
      stream: true,
    });
  });

  it('sends nothing before the first read', async () => {
    const provider = providerOf(server);
    const stream = provider.stream(ask('Hi'), fakeCall());
    await stream.close();
    expect(server.requests).toEqual([]);
  });

  it('sends sampling parameters with the API version that has them', async () => {
    await runOn(server, HELLO, {}, ask('Hi', { parameters: { temperature: 0.3 } }));
    expect(server.requests[0]?.headers['anthropic-version']).toBe('2023-06-01');
    expect(server.requests[0]?.body).toMatchObject({ temperature: 0.3 });
  });

  it('fails with strict before anything is sent', async () => {
    const provider = providerOf(server, { strict: true });
    const request = ask('Hi', { parameters: { seed: 1 } });
    await expect(readStream(provider.stream(request, fakeCall()))).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(server.requests).toEqual([]);
  });

  it("needs no key if the host is not Anthropic's, and then sends none", async () => {
    await runOn(server, HELLO, { apiKey: undefined });
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(server.requests[0]?.headers).not.toHaveProperty('x-api-key');
  });

  it('reads events without event lines, with CRLF, comments and a byte order mark', async () => {
    const { lines } = messagesStream({ text: 'Hello', thinking: 'Hm' });
    const { reading } = await runOn(server, {
      stream: { lines, eventLines: false, lineEnd: '\r\n', bom: true, comments: {} },
      split: { seed: 5 },
    });
    expect(reading).toMatchObject({ text: 'Hello', thinking: 'Hm', finishReason: 'stop' });
  });

  it('delivers the complete reply of an endpoint that cannot stream', async () => {
    const body = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-x',
      content: [
        { type: 'thinking', thinking: 'Hm', signature: 's' },
        { type: 'text', text: 'Let me add.', citations: null },
        { type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: 1 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 5 },
    };
    const request = ask('Hi', { parameters: { maxTokens: 100_000 } });
    const { reading, chunks } = await runOn(server, { body }, { stream: false }, request);
    expect(server.requests[0]?.body).toMatchObject({ stream: false, max_tokens: 100_000 });
    expect(reading).toEqual({
      text: 'Let me add.',
      thinking: 'Hm',
      toolCalls: [{ id: 'toolu_1', name: 'add', arguments: { a: 1 } }],
      finishReason: 'tool_calls',
      rawFinishReason: 'tool_use',
      usage: {
        inputTokens: 7,
        outputTokens: 5,
        totalTokens: 12,
        cachedInputTokens: 4,
        cacheWriteTokens: 0,
        reasoningTokens: 0,
      },
    });
    expect(chunks[1]).toMatchObject({ block: { data: body.content[0] } });
  });

  it('keeps the raw request and reply if asked to', async () => {
    const stream = messagesStream({ text: 'Hello' });
    const { reply } = await runOn(server, { stream }, {}, ask('Hi', { parameters: { includeRaw: true } }));
    expect(reply.raw?.request).toEqual(server.requests[0]?.body);
    expect(reply.raw?.reply).toEqual(stream.lines.map((line): unknown => JSON.parse(line)));
    expect(JSON.stringify(reply.raw)).not.toContain(CANARY);
    expect((await runOn(server, HELLO)).reply.raw).toBeUndefined();
  });

  it('R28 sends a reply back byte for byte on the next turn', async () => {
    const blocks = [
      { type: 'thinking', thinking: 'One \u{1f30a} two', signature: 'EqQB/+==' },
      { type: 'redacted_thinking', data: 'Em8K' },
      { type: 'server_tool_use', id: 'srv', name: 'web_search', input: { query: 'x' } },
      { type: 'web_search_tool_result', tool_use_id: 'srv', content: [{ encrypted_content: 'y' }] },
      { type: 'text', text: 'So.' },
      { type: 'tool_use', id: 'toolu_1', name: 'add', input: { b: 2, a: [1] } },
    ];
    server.enqueue({
      stream: messagesStream({
        blocks: [
          { type: 'thinking', thinking: ['One \u{1f30a}', ' two'], signature: 'EqQB/+==' },
          { type: 'redacted_thinking', data: 'Em8K' },
          {
            type: 'other',
            block: { type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} },
            deltas: [{ type: 'input_json_delta', partial_json: '{"query":"x"}' }],
          },
          { type: 'other', block: blocks[3] ?? {} },
          { type: 'text', text: ['S', 'o.'] },
          { type: 'tool_use', id: 'toolu_1', name: 'add', input: { b: 2, a: [1] } },
        ],
      }),
      split: { seed: 11 },
    });
    const provider = providerOf(server);
    const first = provider.stream(ask('Hi'), fakeCall()).collect();
    await readStream(first);
    const message = first.reply?.message;
    if (message === undefined) throw new Error('no message was collected');
    const result = { type: 'tool_result' as const, id: 'toolu_1', name: 'add', content: '3' };
    await runOn(
      server,
      HELLO,
      {},
      {
        messages: [{ role: 'user', content: 'Hi' }, message, { role: 'tool', content: [result] }],
        parameters: {},
      },
    );
    expect(JSON.stringify(at(server.requests[1]?.body, 'messages', 1))).toBe(
      JSON.stringify({ role: 'assistant', content: blocks }),
    );
  });

  it('uses another name in errors, replies and providerOptions', async () => {
    const request = ask('Hi', { parameters: { providerOptions: { mine: { metadata: { user_id: 'u' } } } } });
    const { reply } = await runOn(server, HELLO, { name: 'mine' }, request);
    expect(reply.provider).toBe('mine');
    expect(server.requests[0]?.body).toMatchObject({ metadata: { user_id: 'u' } });
    expect((await failureOn(server, anthropicError(529), { name: 'mine' })).error.provider).toBe('mine');
  });

  it("uses the caller's fetch", async () => {
    const seen: string[] = [];
    const { reading } = await runOn(server, HELLO, {
      fetch: (input, init) => {
        seen.push(`${new Request(input).url} ${init?.redirect}`);
        return globalThis.fetch(input, init);
      },
    });
    expect(reading.text).toBe('Hello');
    expect(seen).toEqual([`${server.url}/v1/messages manual`]);
  });

  it('writes nothing to the console, whatever the environment says', async () => {
    vi.stubEnv('ANTHROPIC_LOG', 'debug');
    const spies = (['debug', 'log', 'info', 'warn', 'error'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(() => undefined),
    );
    await runOn(server, HELLO, { model: 'claude-sonnet-4-5' });
    await failureOn(server, anthropicError(500));
    expect(spies.map((spy) => spy.mock.calls.length)).toEqual([0, 0, 0, 0, 0]);
    for (const spy of spies) spy.mockRestore();
  });
});

describe('a client that was passed in', () => {
  it('is used unchanged, and asked not to retry', async () => {
    const client: AnthropicClient = new Anthropic({ apiKey: 'own', baseURL: server.url, logLevel: 'off' });
    const ready = { apiKey: undefined, baseURL: undefined, client };
    expect((await runOn(server, HELLO, ready)).reading.text).toBe('Hello');
    expect(server.requests[0]?.headers.authorization).toBe('Bearer own');
    const { error } = await failureOn(server, anthropicError(529), ready);
    expect([error.code, server.requests.length]).toEqual(['overloaded', 2]);
  });

  it('is closed with the provider only if the provider owns it', async () => {
    const closed: boolean[] = [];
    for (const own of [false, true]) {
      const messages = { create: () => ({ asResponse: () => Promise.reject(new Error('unused')) }) };
      const client: AnthropicClient = { messages, close: () => void closed.push(own) };
      await anthropic({ client, own }).close?.();
    }
    expect(closed).toEqual([true]);
  });
});
