import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { createServer } from 'sluice/server';
import { faultServer, messagesStream, scripted } from 'sluice/testing';

const schema = { type: 'object', properties: { path: { type: 'string' } } };
const named = (name: string) => ({ name, description: `Does ${name}.`, input_schema: schema });
const reference = (name: string) => ({ type: 'tool_reference', name });
const addition = (tool: object) => ({ type: 'tool_addition', tool });
const definition = (tool: object) => addition({ type: 'tool_definition', definition: tool });
const removal = (name: string) => ({ type: 'tool_removal', tool: reference(name) });

/** As Claude Code sends it when a server of tools is there later than its first request. */
function asking(...changes: object[]): Anthropic.Beta.MessageCreateParamsNonStreaming {
  const body: unknown = {
    ...{ model: 'any', max_tokens: 99 },
    tools: [named('read'), named('list'), { ...named('write'), defer_loading: true }],
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'system', content: changes },
      { role: 'user', content: 'Make a file.' },
    ],
    betas: ['mid-conversation-tool-changes-2026-07-01', 'inline-tools-2026-09-15'],
  };
  return body as Anthropic.Beta.MessageCreateParamsNonStreaming;
}

describe('a model of another API', () => {
  test.each([
    ['a tool that is defined late', [definition(named('late'))], ['read', 'list', 'write', 'late']],
    ['one that is loaded late', [addition(reference('write'))], ['read', 'list', 'write']],
    ['not one that is taken away', [removal('list')], ['read', 'write']],
    ['one that comes back', [removal('list'), addition(reference('list'))], ['read', 'list', 'write']],
    [
      'the last of one name',
      [removal('read'), definition({ ...named('read'), description: 'Other.' })],
      ['list', 'write', 'read'],
    ],
    [
      'no tool of a server that it cannot ask',
      [addition({ type: 'mcp_toolset_reference', server_name: 'x' })],
      ['read', 'list', 'write'],
    ],
  ])('is offered %s', async (_what, changes, names) => {
    const model = scripted('Done.');
    const server = createServer({ any: new Pipeline([provider(model)]) }, { auth: false });
    await using listening = await server.listen({ port: 0 });
    const client = new Anthropic({ baseURL: listening.url, apiKey: 'k', maxRetries: 0 });
    await client.beta.messages.create(asking(...changes));
    const [request] = model.requests;
    expect(request?.tools?.map(({ name }) => name)).toEqual(names);
    expect(request?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  });

  test('reads the words beside a change, and the client gets the calls of the new tool', async () => {
    const model = scripted({ toolCalls: [{ name: 'late', arguments: { path: 'a' } }] });
    const server = createServer({ any: new Pipeline([provider(model)]) }, { auth: false });
    await using listening = await server.listen({ port: 0 });
    const client = new Anthropic({ baseURL: listening.url, apiKey: 'k', maxRetries: 0 });
    const words = { type: 'text', text: 'There is a new tool.' };
    const { content, stop_reason } = await client.beta.messages.create(
      asking(definition(named('late')), words),
    );
    expect(content).toMatchObject([{ type: 'tool_use', name: 'late', input: { path: 'a' } }]);
    expect(stop_reason).toBe('tool_use');
    expect(model.requests[0]?.messages[2]).toEqual({ role: 'system', content: 'There is a new tool.' });
  });
});

test("Anthropic's API gets the changes where they are, and the client the calls of the new tool", async () => {
  await using upstream = await faultServer();
  const pipeline = new Pipeline([provider(anthropic({ apiKey: 'k', baseURL: upstream.url }))]);
  const server = createServer({ any: { pipeline, provider: 'anthropic' } }, { auth: false });
  await using listening = await server.listen({ port: 0 });
  const client = new Anthropic({ baseURL: listening.url, apiKey: 'k', maxRetries: 0 });
  upstream.enqueue({ stream: messagesStream({ toolCalls: [{ name: 'late', arguments: { path: 'a' } }] }) });
  const asked = asking(definition(named('late')), removal('list'));
  const { content } = await client.beta.messages.create(asked);
  expect(content).toMatchObject([{ type: 'tool_use', name: 'late', input: { path: 'a' } }]);
  const body = upstream.requests[0]?.body as Record<string, unknown>;
  expect(body['tools']).toEqual(asked.tools);
  expect(body['messages']).toMatchObject([
    ...[{ role: 'user' }, { role: 'assistant' }],
    { role: 'system', content: asked.messages[2]?.content },
    { role: 'user' },
  ]);
});

test('a set of tools is refused by name: its calls have names that the request does not say', async () => {
  const entry = { pipeline: new Pipeline([provider(scripted('Done.'))]), provider: 'anthropic' };
  await using listening = await createServer({ any: entry }, { auth: false }).listen({ port: 0 });
  const client = new Anthropic({ baseURL: listening.url, apiKey: 'k', maxRetries: 0 });
  const tools: unknown = [{ type: 'browser_toolset_20260801' }];
  await expect(
    client.beta.messages.create({ ...asking(), tools: tools as Anthropic.Beta.BetaToolUnion[] }),
  ).rejects.toMatchObject({
    status: 400,
    error: { error: { message: expect.stringContaining('tools[0].type: sets of tools') } },
  });
});
