import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { provider } from '../../../../middleware/index.ts';
import { openai } from '../../../../providers/openai/index.ts';
import { Pipeline, isSluiceError } from '../../../../src/index.ts';
import { faultServer } from '../../../../testing/upstream/fault-server.ts';
import type { FaultServer } from '../../../../testing/upstream/fault-server.ts';
import { ask, chat, finish, joined, run } from '../support.ts';

let server: FaultServer;

beforeEach(async () => {
  server = await faultServer();
});

afterEach(async () => {
  await server.close();
});

function answer(...events: object[]): void {
  server.enqueue({ stream: { lines: events.map((event) => JSON.stringify(event)) } });
}

describe('replies of Chat Completions over a socket', () => {
  it('with only an image are completed', async () => {
    const images = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }];
    answer(chat({ role: 'assistant', content: '' }), chat({ images }), finish('stop'));
    const { chunks, reply } = await run({ baseURL: server.openaiBaseURL });
    expect(chunks).toEqual([{ type: 'file', mediaType: 'image/png', data: 'AAAA' }]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('with only calls that the server ran are completed', async () => {
    answer(
      chat({ executed_tools: [{ index: 0, type: 'search', arguments: '{}', output: 'x' }] }),
      finish('stop'),
    );
    const { chunks, reply } = await run({ baseURL: server.openaiBaseURL });
    expect([chunks.map(({ type }) => type), reply?.finishReason]).toEqual([
      ['tool_call', 'tool_result'],
      'stop',
    ]);
  });

  it.each([
    ['nothing but fields for the server', { content: '', phase: 'final_answer' }, 'stop'],
    ['nothing at all, because a call failed', {}, 'MALFORMED_FUNCTION_CALL'],
  ])('with %s are truncated', async (_name, delta, reason) => {
    answer(chat(delta), finish(reason));
    const { error } = await run({ baseURL: server.openaiBaseURL });
    expect([error?.code, error?.retryable]).toEqual(['truncated', true]);
  });

  it('have thinking taken out of tags if the model, also that of the request, is known for it', async () => {
    answer(chat({ content: '<think>Hm</think>' }), chat({ content: 'Yes' }), finish('stop'));
    const { chunks } = await run({ baseURL: server.openaiBaseURL }, ask({ model: 'deepseek-r1' }));
    expect([joined(chunks, 'thinking'), joined(chunks, 'content')]).toEqual(['Hm', 'Yes']);
  });

  it('that end with an error fail, with the text before it as the partial reply', async () => {
    answer(chat({ content: 'Half' }), { ...chat({}), x_groq: { error: 'upstream worker died' } });
    const model = openai({ apiKey: 'test', baseURL: server.openaiBaseURL });
    const failure: unknown = await new Pipeline([provider(model)])
      .execute('user', 'Hi')
      .catch((error: unknown) => error);
    expect(isSluiceError(failure) && failure).toMatchObject({ code: 'server', partial: { content: 'Half' } });
    expect(String(failure)).toContain('upstream worker died');
    await model.close?.();
  });
});
