import { expect, test } from 'vitest';
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

test('what the user says beside a result reaches the model', async () => {
  const { ask, model } = stage([{ toolCalls: [{ name: 'note', arguments: {} }] }, 'Done.']);
  const first = { model: 'agent', max_tokens: 9, tools, messages: [question] };
  const reply: unknown = await (await ask(MESSAGES, { body: first, headers })).json();
  const more = [{ type: 'text', text: 'And be quick.' }];
  await ask(MESSAGES, { body: answered(reply, { content: 'noted' }, more), headers });
  expect(JSON.stringify(model.requests[1]?.messages)).toContain('And be quick.');
});
