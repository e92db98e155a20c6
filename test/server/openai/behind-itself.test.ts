import { afterEach, describe, expect, it } from 'vitest';
import { provider } from '../../../middleware/index.ts';
import { openai } from '../../../providers/openai/index.ts';
import { Pipeline, SluiceError, isSluiceError } from '../../../src/index.ts';
import type { Message } from '../../../src/index.ts';
import { scripted } from '../../../testing/index.ts';
import type { ScriptedAnswer, ScriptedProvider } from '../../../testing/index.ts';
import { openaiApp } from './app.ts';

/** A pipeline whose provider is a server of another pipeline. */
async function chained(api: 'chat' | 'responses', ...answers: ScriptedAnswer[]) {
  const model: ScriptedProvider = scripted(answers);
  const app = await openaiApp(new Pipeline([provider(model)]));
  const outer = new Pipeline(
    [provider(openai({ api, baseURL: app.baseURL, apiKey: 'key', model: 'gpt-x' }))],
    {
      own: true,
    },
  );
  open.push(outer, app);
  return { model, outer };
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

const tools = [{ name: 'weather', parameters: { type: 'object', properties: {} } }];
const block = {
  provider: 'anthropic',
  model: 'm',
  data: { type: 'thinking', thinking: 'Hm.', signature: 's' },
};

describe.each(['chat', 'responses'] as const)('a pipeline behind a pipeline, over %s', (api) => {
  it('says the same', async () => {
    const { outer } = await chained(api, { thinking: 'Hm.', text: 'It rains.', batchSize: 1 });
    const { response, usage, model } = await outer.execute('user', 'Hi');
    expect(response).toMatchObject({ content: 'It rains.', thinking: 'Hm.', finishReason: 'stop' });
    expect(usage).toMatchObject({ inputTokens: 12, outputTokens: 8, totalTokens: 20 });
    expect(model).toBe('gpt-x');
  });

  it('has the calls of its caller answered, and gives back what thinking is signed with', async () => {
    const { outer, model } = await chained(
      api,
      {
        chunks: [
          { type: 'thinking', content: 'Hm.', block },
          { type: 'tool_call', id: 'c1', name: 'weather', arguments: { city: 'Rome' } },
        ],
        finishReason: 'tool_calls',
      },
      'Done.',
    );
    const question: Message = { role: 'user', content: 'Hi' };
    const include = { openai: { include: ['reasoning.encrypted_content'] } };
    const parameters = api === 'chat' ? {} : { providerOptions: include };
    const { messages, response } = await outer.execute(question, { tools, parameters });
    expect(response).toMatchObject({
      finishReason: 'tool_calls',
      toolCalls: [{ id: 'c1', name: 'weather', arguments: { city: 'Rome' } }],
    });
    const result: Message = {
      role: 'tool',
      content: [{ type: 'tool_result', id: 'c1', name: 'weather', content: 'rain' }],
    };
    const { response: last } = await outer.execute([...messages, result], { tools });
    expect(last.content).toBe('Done.');
    const [, reply] = model.requests[1]?.messages ?? [];
    expect(reply?.content).toContainEqual({
      type: 'tool_call',
      id: 'c1',
      name: 'weather',
      arguments: { city: 'Rome' },
    });
    if (api === 'responses') expect(reply?.content).toContainEqual({ type: 'thinking', text: 'Hm.', block });
  });

  it.each([
    [new SluiceError('overloaded', 'canary', { retryAfterMs: 5 }), 'overloaded', true, 5],
    [new SluiceError('context_length', 'canary'), 'context_length', false, undefined],
    [new SluiceError('rate_limited', 'canary', { retryable: false }), 'rate_limited', false, undefined],
    [new SluiceError('content_filter', 'canary'), 'content_filter', false, undefined],
    [new SluiceError('timeout', 'canary', { attempts: 3 }), 'timeout', false, undefined],
  ])('fails for the same reason, number %#', async (error, code, retryable, retryAfterMs) => {
    const { outer } = await chained(api, { error });
    const failed: unknown = await outer.execute('user', 'Hi').catch((thrown: unknown) => thrown);
    expect(isSluiceError(failed) && [failed.code, failed.retryable, failed.retryAfterMs]).toEqual([
      code,
      retryable,
      retryAfterMs,
    ]);
  });

  it('never takes a cut stream for an answer', async () => {
    const { outer } = await chained(api, {
      text: ['It ', 'rains.'],
      after: 1,
      error: new SluiceError('network', 'canary'),
    });
    const failed = outer.execute('user', 'Hi');
    await expect(failed).rejects.toMatchObject({ partial: { content: 'It ' } });
    await expect(failed).rejects.not.toThrow('canary');
  });
});
