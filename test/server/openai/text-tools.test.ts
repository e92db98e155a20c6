import { describe, expect, it } from 'vitest';
import OpenAI from 'openai';
import { Pipeline } from '../../../src/index.ts';
import { provider } from '../../../middleware/index.ts';
import { scripted } from '../../../testing/index.ts';
import { openaiApp } from './app.ts';
import { officialClients } from './clients.ts';

const PATCH: OpenAI.ChatCompletionTool = {
  type: 'custom',
  custom: {
    name: 'patch',
    description: 'Changes a file',
    format: { type: 'grammar', grammar: { definition: 'start: LINE+', syntax: 'lark' } },
  },
};
const WEATHER: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: { name: 'weather', parameters: {} },
};
const user = { role: 'user' as const, content: 'Change it.' };
const asked = { model: 'gpt-x', messages: [user], tools: [PATCH, WEATHER] };
const INPUT = '*** Begin\n+"ä"\n';
const CALLS = [
  { id: 'call_0', type: 'custom', custom: { name: 'patch', input: INPUT } },
  { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
];
const both = {
  toolCalls: [
    { name: 'patch', arguments: { input: INPUT } },
    { name: 'weather', arguments: { city: 'Rome' } },
  ],
  batchSize: 1,
};

async function served(answers: Parameters<typeof scripted>[0]) {
  const model = scripted(answers);
  const app = await openaiApp(new Pipeline([provider(model)]));
  return { app, model, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

describe.each(officialClients)(
  'a tool that takes a text, in Chat Completions of the official client %s',
  (_version, Client) => {
    it('is offered as a function, called with its text, and answered', async () => {
      await using stage = await served([both, 'Done.']);
      const client = new Client({ baseURL: stage.app.baseURL, apiKey: 'k' });
      const { choices } = await client.chat.completions.create({
        ...asked,
        tool_choice: { type: 'custom', custom: { name: 'patch' } },
      });
      const [choice] = choices;
      expect(choice?.finish_reason).toBe('tool_calls');
      expect(choice?.message.tool_calls).toEqual(CALLS);
      const [first] = stage.model.requests;
      expect(first?.tools?.map(({ name, description }) => [name, description])).toEqual([
        ['patch', 'Changes a file\n\nThe input follows this grammar:\nstart: LINE+'],
        ['weather', undefined],
      ]);
      expect(first?.parameters.toolChoice).toEqual({ name: 'patch' });
      if (choice === undefined) return;
      const results = CALLS.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'ok' }));
      await client.chat.completions.create({ ...asked, messages: [user, choice.message, ...results] });
      expect(stage.model.requests[1]?.messages.slice(1)).toEqual([
        {
          role: 'assistant',
          content: [
            { type: 'tool_call', id: 'call_0', name: 'patch', arguments: { input: INPUT } },
            { type: 'tool_call', id: 'call_1', name: 'weather', arguments: { city: 'Rome' } },
          ],
        },
        {
          role: 'tool',
          content: [
            { type: 'tool_result', id: 'call_0', name: 'patch', content: 'ok' },
            { type: 'tool_result', id: 'call_1', name: 'weather', content: 'ok' },
          ],
        },
      ]);
    });

    it('is called in a stream with its text, once it is whole', async () => {
      await using stage = await served([both]);
      const client = new Client({ baseURL: stage.app.baseURL, apiKey: 'k' });
      const pieces: unknown[] = [];
      for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true }))
        for (const call of choices[0]?.delta.tool_calls ?? []) if (call.index === 0) pieces.push(call);
      expect(pieces).toEqual([
        { index: 0, id: 'call_0', type: 'custom', custom: { name: 'patch', input: '' } },
        { index: 0, custom: { input: INPUT } },
      ]);
    });
  },
);

// The accumulators of the majors before know functions alone.
it('is added up by the accumulator of the official client 7', async () => {
  await using stage = await served([both]);
  const client = new OpenAI({ baseURL: stage.app.baseURL, apiKey: 'k' });
  const { choices } = await client.chat.completions.stream(asked).finalChatCompletion();
  expect(choices[0]?.message.tool_calls).toMatchObject(CALLS);
});

it.each([
  [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
  [{ tools: [{ type: 'custom', custom: {} }] }, 'tools[0].custom.name'],
  [{ tools: [PATCH, PATCH] }, 'tools'],
  [{ tools: [PATCH], tool_choice: { type: 'custom', custom: { name: 'other' } } }, 'tool_choice.custom.name'],
  [
    {
      tools: [PATCH],
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [WEATHER] } },
    },
    'tool_choice.allowed_tools.tools[0].function.name',
  ],
  [{ n: 2 }, 'n'],
  [{ logprobs: true }, 'logprobs'],
  [{ audio: { format: 'wav', voice: 'alloy' }, modalities: ['text', 'audio'] }, 'audio'],
])('what cannot be honored is a 400 that names its field: %j', async (fields, param) => {
  await using stage = await served([]);
  const client = new OpenAI({ baseURL: stage.app.baseURL, apiKey: 'k' });
  const body = {
    model: 'gpt-x',
    messages: [user],
    ...fields,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming;
  await expect(client.chat.completions.create(body)).rejects.toMatchObject({ status: 400, param });
});
