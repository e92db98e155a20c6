import { expect, test } from 'vitest';
import * as z from 'zod';
import { tool, tools as withTools } from 'sluice/middleware/tools';
import { stage } from './stage.ts';

const MESSAGES = '/v1/messages';
const headers = { 'x-sluice-session': 'c1' };
const tools = [{ name: 'note', input_schema: { type: 'object' } }];
const question = { role: 'user', content: 'Note it.' };

/** What a client of Anthropic's API sends when it has run its tool. */
function answered(reply: unknown, result: object, more: object[] = []): object {
  const { content } = reply as { content: { type: string; id?: string }[] };
  const id = content.find(({ type }) => type === 'tool_use')?.id;
  const results = [{ type: 'tool_result', tool_use_id: id, ...result }, ...more];
  const messages = [question, { role: 'assistant', content }, { role: 'user', content: results }];
  return { model: 'agent', max_tokens: 9, tools, messages };
}

test.each([
  ['a result', { content: 'noted' }, { content: 'noted' }],
  ['an error', { content: 'No paper.', is_error: true }, { content: 'No paper.', isError: true }],
])('%s of a tool of the client goes on with the turn of its session', async (_what, result, sent) => {
  const { ask, model } = stage([{ toolCalls: [{ name: 'note', arguments: {} }] }, 'Done.']);
  const first = { model: 'agent', max_tokens: 9, tools, messages: [question] };
  const reply: unknown = await (await ask(MESSAGES, { body: first, headers })).json();
  expect(reply).toMatchObject({ stop_reason: 'tool_use' });
  const next = await ask(MESSAGES, { body: answered(reply, result), headers });
  expect(await next.json()).toMatchObject({ content: [{ type: 'text', text: 'Done.' }] });
  const messages = model.requests[1]?.messages;
  expect(messages?.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
  const [part] = messages?.[2]?.content ?? [];
  expect(part).toEqual({ type: 'tool_result', id: expect.any(String), name: 'note', ...sent });
});

const call = { name: 'note', arguments: {} };
const said = ['And be quick.', 'It rains.'];

const protocols: [name: string, path: string, first: object, next: (id: string) => object][] = [
  [
    "OpenAI's chat completions",
    '/v1/chat/completions',
    chat([question]),
    (id) =>
      chat([
        question,
        {
          role: 'assistant',
          tool_calls: [{ id, type: 'function', function: { name: 'note', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: id, content: 'noted' },
        ...said.map((content) => ({ role: 'user', content })),
      ]),
  ],
  [
    'AG-UI',
    '/api/ag-ui',
    thread([{ id: 'u1', ...question }]),
    (id) =>
      thread([
        { id: 'u1', ...question },
        {
          ...{ id: 'a1', role: 'assistant' },
          toolCalls: [{ id, type: 'function', function: { name: 'note', arguments: '{}' } }],
        },
        { id: 't1', role: 'tool', toolCallId: id, content: 'noted' },
        ...said.map((content, at) => ({ id: `u${at + 2}`, role: 'user', content })),
      ]),
  ],
];

function chat(messages: object[]): object {
  return { model: 'agent', messages };
}

function thread(messages: object[]): object {
  return { threadId: 'c1', runId: 'r1', tools: [], context: [], messages };
}

test.each(protocols)(
  'all that the user says beside a result reaches the model, over %s',
  async (_name, path, first, next) => {
    const note = tool({ name: 'note', description: 'Notes it', input: z.object({}) });
    const { ask, model } = stage([{ toolCalls: [call] }, 'Done.'], {}, [withTools([note])]);
    await (await ask(path, { body: first, headers })).text();
    const [id = ''] = idsIn(await (await ask('/api/v1/conversations/c1')).json());
    const response = await ask(path, { body: next(id), headers });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('Done.')]);
    const sent = JSON.stringify(model.requests[1]?.messages);
    for (const text of ['noted', ...said]) expect(sent).toContain(text);
  },
);

test('an error is one, also of a call that the pipeline waits for', async () => {
  const note = tool({ name: 'note', description: 'Notes it', input: z.object({}) });
  const { ask, model } = stage([{ toolCalls: [call] }, 'Done.'], {}, [withTools([note])]);
  const asked = (messages: object[]): Promise<Response> =>
    ask(MESSAGES, { body: { model: 'agent', max_tokens: 9, messages }, headers });
  await (await asked([question])).text();
  const [id] = idsIn(await (await ask('/api/v1/conversations/c1')).json());
  const answer = { type: 'tool_result', tool_use_id: id, content: 'No paper.', is_error: true };
  const called = { role: 'assistant', content: [{ type: 'tool_use', id, name: 'note', input: {} }] };
  const response = await asked([question, called, { role: 'user', content: [answer] }]);
  expect(await response.json()).toMatchObject({ content: [{ text: 'Done.' }] });
  const last = model.requests[1]?.messages.at(-1);
  expect(last?.content).toMatchObject([{ name: 'note', content: 'No paper.', isError: true }]);
});

/** The ids of the calls that wait in a conversation. */
function idsIn(conversation: unknown): string[] {
  return (conversation as { pending: { callId: string }[] }).pending.map(({ callId }) => callId);
}
