import { google } from '@ai-sdk/google';
import type { LanguageModelV3, LanguageModelV4 } from '@ai-sdk/provider';
import type { Message, Part } from 'sluice';
import { Pipeline } from 'sluice';
import { aisdk } from 'sluice/interop/aisdk';
import type { AISDKModel } from 'sluice/interop/aisdk';
import { provider } from 'sluice/middleware';
import { describe, expect, expectTypeOf, test } from 'vitest';

import { FINISH, fakeModel, outcomeOf, said } from './fake-model.ts';
import type { FakeOptions, Parts } from './fake-model.ts';

/** The prompt and the warnings of one request. */
async function sent(messages: readonly Message[], options: FakeOptions = {}) {
  const model = fakeModel([[...said('Hi'), FINISH]], options);
  const { call, error } = await outcomeOf(aisdk(model), { messages });
  return { prompt: model.asked[0]?.prompt, warnings: call.warnings, error };
}

const user = (...content: Part[]): Message => ({ role: 'user', content });
const call = (id: string): Part => ({ type: 'tool_call', id, name: 'look', arguments: { x: 1 } });
const result = (id: string, content: string | Part[]): Part =>
  ({ type: 'tool_result', id, name: 'look', content }) as Part;

describe('the types', () => {
  test('take the models of both specifications', () => {
    expectTypeOf<LanguageModelV4>().toExtend<AISDKModel>();
    expectTypeOf<LanguageModelV3>().toExtend<AISDKModel>();
  });
});

describe('the prompt', () => {
  test('has each message in its form', async () => {
    const { prompt, warnings } = await sent([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: [{ type: 'text', text: 'I look.' }, call('a'), call('b')] },
      { role: 'tool', content: [result('a', 'one')] },
      { role: 'tool', content: [{ ...result('b', ''), isError: true } as Part] },
      { role: 'user', content: 'And?' },
    ]);
    expect(warnings).toEqual([]);
    expect(prompt).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Look.' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool-call', toolCallId: 'a', toolName: 'look', input: { x: 1 } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'look', input: { x: 1 } },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'a', toolName: 'look', output: { type: 'text', value: 'one' } },
          {
            ...{ type: 'tool-result', toolCallId: 'b', toolName: 'look' },
            output: { type: 'error-text', value: 'The tool failed and gave no message.' },
          },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: 'And?' }] },
    ]);
  });

  test('has results right after their reply, whatever came in between', async () => {
    const { prompt } = await sent([
      { role: 'assistant', content: [call('a')] },
      { role: 'user', content: 'Wait.' },
      { role: 'tool', content: [result('a', 'one')] },
    ]);
    expect(prompt?.map(({ role }) => role)).toEqual(['assistant', 'tool', 'user']);
  });

  test('has a later system message at its place, or in front if the package takes it only there', async () => {
    const messages: Message[] = [
      { role: 'user', content: 'Hi' },
      { role: 'system', content: 'Be brief.' },
    ];
    expect((await sent(messages)).prompt?.map(({ role }) => role)).toEqual(['user', 'system']);
    const { prompt } = await sent(messages, { provider: 'google.generative-ai' });
    expect(prompt?.map(({ role }) => role)).toEqual(['system', 'user']);
  });

  test('has files in the form of each specification', async () => {
    const image: Part = { type: 'image', data: 'AQID' };
    const address: Part = { type: 'image', url: 'https://example.com/a.png', mediaType: 'image/png' };
    const file: Part = { type: 'file', url: 'data:application/pdf;base64,AQID', filename: 'a.pdf' };
    const supportedUrls = Promise.resolve({ 'image/*': [/^https:\/\/example\.com\//] });
    const v4 = await sent([user(image, address, file)], { supportedUrls });
    expect(v4.prompt?.[0]?.content).toEqual([
      { type: 'file', mediaType: 'image', data: { type: 'data', data: 'AQID' } },
      {
        type: 'file',
        mediaType: 'image/png',
        data: { type: 'url', url: new URL('https://example.com/a.png') },
      },
      { type: 'file', mediaType: 'application/pdf', filename: 'a.pdf', data: { type: 'data', data: 'AQID' } },
    ]);
    const v3 = await sent([user(image, address, file)], { supportedUrls, version: 'v3' });
    expect(v3.prompt?.[0]?.content).toEqual([
      { type: 'file', mediaType: 'image/*', data: 'AQID' },
      { type: 'file', mediaType: 'image/png', data: new URL('https://example.com/a.png') },
      { type: 'file', mediaType: 'application/pdf', filename: 'a.pdf', data: 'AQID' },
    ]);
  });

  test('leaves out an address that the service does not read, with a warning', async () => {
    const image: Part = { type: 'image', url: 'https://example.com/a.png' };
    const { prompt, warnings } = await sent([user({ type: 'text', text: 'See' }, image)]);
    expect(prompt?.[0]?.content).toEqual([{ type: 'text', text: 'See' }]);
    expect(warnings).toEqual([expect.stringContaining('give its data')]);
  });

  test('has the files of a result in it if the service takes them, else after it', async () => {
    const messages: Message[] = [
      { role: 'assistant', content: [call('a')] },
      {
        role: 'tool',
        content: [
          result('a', [
            { type: 'text', text: 'seen' },
            { type: 'image', data: 'AQID', mediaType: 'image/png' },
          ]),
        ],
      },
    ];
    const file = { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AQID' } };
    const anthropic = await sent(messages, { provider: 'anthropic.messages' });
    expect(anthropic.prompt?.[1]?.content).toMatchObject([
      { output: { type: 'content', value: [{ type: 'text', text: 'seen' }, file] } },
    ]);
    const other = await sent(messages);
    expect(other.prompt?.slice(1)).toMatchObject([
      { role: 'tool', content: [{ output: { type: 'text', value: 'seen' } }] },
      { role: 'user', content: [{ type: 'text', text: 'Result of the tool look (call a):' }, file] },
    ]);
    expect(other.warnings).toEqual([expect.stringContaining('it follows as a message of the user')]);
  });

  test('has ids that every service takes, and for Mistral nine letters and digits', async () => {
    const messages: Message[] = [
      { role: 'assistant', content: [call('a.b'), call('a.b')] },
      { role: 'tool', content: [result('a.b', 'one'), result('a.b', 'two')] },
    ];
    const ids = async (service: string) => {
      const { prompt } = await sent(messages, { provider: service });
      return JSON.stringify(prompt).match(/(?<="toolCallId":")[^"]*/g) ?? [];
    };
    const usual = await ids('fake');
    expect(new Set(usual).size).toBe(2);
    for (const id of [...usual]) expect(id).toMatch(/^[\w-]{1,64}$/);
    for (const id of await ids('mistral.chat')) expect(id).toMatch(/^[a-zA-Z0-9]{9}$/);
  });

  test('without anything to answer is an error that says so', async () => {
    expect((await sent([user()])).error).toMatchObject({ code: 'invalid_request' });
  });
});

describe('what the provider wants back', () => {
  const metadata = (id: string) => ({ providerMetadata: { fake: { id } } });
  const reply: Parts = [
    { type: 'reasoning-start', id: '0' },
    { type: 'reasoning-delta', id: '0', delta: 'hm' },
    { type: 'reasoning-end', id: '0', ...metadata('thought') },
    { type: 'reasoning-start', id: '0', ...metadata('hidden') },
    { type: 'reasoning-end', id: '0' },
    ...said('One. '),
    { type: 'text-start', id: '0' },
    { type: 'text-delta', id: '0', delta: 'Two.', ...metadata('text') },
    { type: 'text-end', id: '0' },
    { type: 'custom', kind: 'fake.note', ...metadata('note') },
    {
      type: 'reasoning-file',
      mediaType: 'image/png',
      data: { type: 'data', data: 'AQID' },
      ...metadata('drawn'),
    },
    {
      type: 'tool-call',
      toolCallId: 's',
      toolName: 'search',
      input: '{"q":1}',
      providerExecuted: true,
      ...metadata('ran'),
    },
    { type: 'tool-result', toolCallId: 's', toolName: 'search', result: { hits: 2 }, ...metadata('found') },
    { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'BAUG' }, ...metadata('image') },
    { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{}', ...metadata('call') },
    { ...FINISH, finishReason: { unified: 'tool-calls', raw: 'x' } },
  ];
  const options = (id: string) => ({ providerOptions: { fake: { id } } });
  const next: Message[] = [{ role: 'tool', content: [result('c', 'seen')] }];

  /** The prompt of the second turn of a session, which another model may answer. */
  async function secondTurn(second: FakeOptions = {}) {
    const { MemoryStore } = await import('sluice');
    const store = new MemoryStore();
    const first = new Pipeline([provider(aisdk(fakeModel([reply])))], { store });
    await first.executeWithContext('s', 'user', 'Look.');
    const model = fakeModel([[...said('Hi'), FINISH]], second);
    const { warnings } = await new Pipeline([provider(aisdk(model))], { store }).executeWithContext(
      's',
      next,
    );
    return { prompt: model.asked[0]?.prompt ?? [], warnings };
  }

  test('goes back in its place, through a session', async () => {
    const { prompt, warnings } = await secondTurn();
    expect(warnings).toEqual([]);
    expect(prompt[1]?.content).toEqual([
      { type: 'reasoning', text: 'hm', ...options('thought') },
      { type: 'reasoning', text: '', ...options('hidden') },
      { type: 'text', text: 'One. ' },
      { type: 'text', text: 'Two.', ...options('text') },
      { type: 'custom', kind: 'fake.note', ...options('note') },
      {
        type: 'reasoning-file',
        mediaType: 'image/png',
        data: { type: 'data', data: 'AQID' },
        ...options('drawn'),
      },
      {
        type: 'tool-call',
        toolCallId: 's',
        toolName: 'search',
        input: { q: 1 },
        providerExecuted: true,
        ...options('ran'),
      },
      {
        type: 'tool-result',
        toolCallId: 's',
        toolName: 'search',
        output: { type: 'json', value: { hits: 2 } },
        ...options('found'),
      },
      { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'BAUG' }, ...options('image') },
      { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: {}, ...options('call') },
    ]);
  });

  test.each([
    ['another model', { modelId: 'fake-2' }],
    ['another service', { provider: 'other.chat' }],
  ])('does not go to %s, which gets a valid request', async (_name, second) => {
    const { prompt, warnings } = await secondTurn(second);
    expect(prompt[1]?.content).toEqual([
      { type: 'text', text: 'One. Two.' },
      { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: {} },
    ]);
    expect(prompt[2]?.role).toBe('tool');
    expect(JSON.stringify(prompt)).not.toContain('providerOptions');
    expect(warnings).toHaveLength(1);
  });
});

describe('the parameters', () => {
  const asked = async (given: object, options: FakeOptions = {}, request: object = {}) => {
    const model = fakeModel([[...said('Hi'), FINISH]], options);
    const { call, error } = await outcomeOf(aisdk(model), { parameters: given, ...request });
    const { prompt: _prompt, abortSignal: _signal, ...rest } = model.asked[0] ?? {};
    return { asked: rest, warnings: call.warnings, error };
  };

  test('are sent under their names', async () => {
    const given = {
      ...{ temperature: 0.5, topP: 0.9, maxTokens: 100, stopSequences: ['END'], seed: 7 },
      ...{
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
        reasoning: { effort: 'high' },
        toolChoice: { name: 'look' },
      },
      providerOptions: { fake: { user: 'u1' } },
    };
    const request = {
      tools: [{ name: 'look', description: 'Looks.', parameters: { type: 'object' }, strict: true }],
      responseFormat: { type: 'json_schema', name: 'answer', schema: { type: 'object' } },
    };
    expect(await asked(given, {}, request)).toEqual({
      warnings: [],
      error: undefined,
      asked: {
        ...{ temperature: 0.5, topP: 0.9, maxOutputTokens: 100, stopSequences: ['END'], seed: 7 },
        ...{ frequencyPenalty: 0.1, presencePenalty: 0.2, reasoning: 'high' },
        tools: [
          {
            type: 'function',
            name: 'look',
            description: 'Looks.',
            inputSchema: { type: 'object' },
            strict: true,
          },
        ],
        toolChoice: { type: 'tool', toolName: 'look' },
        responseFormat: { type: 'json', name: 'answer', schema: { type: 'object' } },
        providerOptions: { fake: { user: 'u1' } },
      },
    });
  });

  test('that have no place are warnings, or an error before anything is sent', async () => {
    const given = {
      parallelToolCalls: false,
      promptCache: 'auto',
      reasoning: { budgetTokens: 1, effort: 'low' },
    };
    expect((await asked(given, { version: 'v3' })).warnings).toEqual([
      expect.stringContaining('parallelToolCalls'),
      expect.stringContaining('promptCache'),
      expect.stringContaining('reasoning.budgetTokens'),
      expect.stringContaining('reasoning.effort'),
    ]);
    const strict = await asked({ ...given, strict: true });
    expect([strict.error, strict.asked]).toMatchObject([{ code: 'invalid_request' }, {}]);
  });

  test('warn of another model, which the caller must give as a model', async () => {
    const { warnings } = await asked({}, {}, { model: 'fake-9' });
    expect(warnings).toEqual(['fake: the model of the request is not used: aisdk() always asks fake-1']);
  });

  test('have the tools that the provider defines beside those of the request', async () => {
    const model = fakeModel([[...said('Hi'), FINISH]]);
    const search = { type: 'provider' as const, id: 'fake.search', args: { deep: true } };
    // The real ones fit.
    aisdk(model, { providerTools: { google_search: google.tools.googleSearch({}) } });
    await outcomeOf(aisdk(model, { providerTools: { search } }));
    expect(model.asked[0]?.tools).toEqual([
      { type: 'provider', id: 'fake.search', name: 'search', args: { deep: true } },
    ]);
  });
});
