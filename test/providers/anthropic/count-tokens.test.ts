import { Anthropic } from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { contextWindow, type WindowCut } from '../../../middleware/context-window.ts';
import { provider } from '../../../middleware/provider.ts';
import { anthropic } from '../../../providers/anthropic/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { faultServer, type FaultServer } from '../../../testing/upstream/fault-server.ts';
import { messagesStream } from '../../../testing/upstream/messages-stream.ts';
import { anthropicError } from '../../../testing/upstream/provider-errors.ts';
import { CANARY } from './reply/calls.ts';
import { ask } from './support.ts';

let server: FaultServer;
beforeEach(async () => {
  vi.stubEnv('ANTHROPIC_API_KEY', undefined);
  server = await faultServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const model = (options: object = {}): ReturnType<typeof anthropic> =>
  anthropic({ apiKey: CANARY, baseURL: server.anthropicBaseURL, model: 'claude-haiku-4-5', ...options });
const signal = new AbortController().signal;

describe('counting tokens with the API', () => {
  it('sends the endpoint only the fields that it takes, and makes no call', async () => {
    server.enqueue({ body: { input_tokens: 14 } });
    const request = ask('Hi', {
      parameters: {
        temperature: 0.3,
        maxTokens: 50,
        promptCache: ['system'],
        toolChoice: 'required',
        seed: 1,
      },
      tools: [{ name: 'now', parameters: { type: 'object' } }],
      responseFormat: { type: 'json_schema', name: 'a', schema: { type: 'object' } },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    });
    await expect(model({ betas: ['b-1'] }).countTokens(request, { signal })).resolves.toBe(14);
    const [sent] = server.requests;
    expect([sent?.method, sent?.path, server.requests.length]).toEqual([
      'POST',
      '/v1/messages/count_tokens',
      1,
    ]);
    expect(sent?.headers).toMatchObject({ 'x-api-key': CANARY, 'anthropic-beta': 'b-1' });
    expect(sent?.body).toEqual({
      model: 'claude-haiku-4-5',
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
      tools: [{ name: 'now', input_schema: { type: 'object' } }],
      tool_choice: { type: 'any' },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    });
  });

  it('uses a client that was passed in', async () => {
    server.enqueue({ body: { input_tokens: 3 } });
    const client = new Anthropic({ apiKey: CANARY, baseURL: server.anthropicBaseURL, logLevel: 'off' });
    const passed = anthropic({ client, model: 'claude-haiku-4-5' });
    await expect(passed.countTokens(ask('Hi'), { signal })).resolves.toBe(3);
    const bare = anthropic({ client: { messages: { create: () => expect.unreachable() } }, model: 'm' });
    await expect(bare.countTokens(ask('Hi'), { signal })).rejects.toMatchObject({ code: 'invalid_options' });
  });

  it('fails like a call, without a retry, and does not show the key', async () => {
    server.enqueue(anthropicError(429, { headers: { 'retry-after': '7' } }));
    const failing = model().countTokens(ask('Hi'), { signal });
    await expect(failing).rejects.toMatchObject({ code: 'rate_limited', status: 429, retryAfterMs: 7_000 });
    expect(server.requests).toHaveLength(1);
    server.enqueue({ body: { error: { message: `no ${CANARY}` } } });
    await expect(model().countTokens(ask('Hi'), { signal })).rejects.toMatchObject({
      code: 'protocol',
      message: expect.not.stringContaining(CANARY),
    });
    server.enqueue({ body: 'not JSON' });
    await expect(model().countTokens(ask('Hi'), { signal })).rejects.toMatchObject({ code: 'protocol' });
  });

  it('ends when the signal aborts', async () => {
    server.enqueue({ fault: { kind: 'stall', at: 'headers' } });
    const controller = new AbortController();
    const failing = model().countTokens(ask('Hi'), { signal: controller.signal });
    await server.nextRequest();
    controller.abort();
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    await server.idle();
  });

  it('serves contextWindow()', async () => {
    const claude = model();
    const cuts: WindowCut[] = [];
    const window = contextWindow({
      maxTokens: 1_000,
      strategy: 'drop-oldest',
      counter: claude,
      onCut: (cut) => cuts.push(cut),
    });
    // The API counts 400 tokens for each message.
    server.always((request) =>
      request.path.endsWith('count_tokens')
        ? { body: { input_tokens: 400 * JSON.stringify(request.body).split('"role"').length - 400 } }
        : { stream: messagesStream({ text: 'Hello' }) },
    );
    const turn = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ] as const;
    const { response, trace } = await new Pipeline([window, provider(claude)]).execute([
      ...turn,
      ...turn,
      { role: 'user', content: 'Bye' },
    ]);
    expect(response.content).toBe('Hello');
    expect(cuts).toMatchObject([{ counter: 'anthropic', tokens: 400, keptTurns: 1, droppedTurns: 2 }]);
    expect(trace.filter(({ kind }) => kind === 'call')).toHaveLength(1);
    expect(server.requests.at(-1)?.body).toMatchObject({ messages: [{ role: 'user' }] });
  });
});
