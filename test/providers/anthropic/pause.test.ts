import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Message, Middleware, Part } from 'sluice';
import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { faultServer, messagesStream } from 'sluice/testing';
import type { FaultServer, MadeBlock } from 'sluice/testing';
import { listAt } from '../../support/json.ts';

/** Sends a paused reply back, and answers the calls of the client, until the model stops. */
const loop: Middleware = async function* loop(context, next) {
  let messages: readonly Message[] = context.request.messages;
  for (;;) {
    const stream = next({ messages }).collect();
    const reply = yield* stream;
    const { message, finishReason } = reply;
    if (message === undefined || (finishReason !== 'pause' && finishReason !== 'tool_calls')) return reply;
    const results = (stream.partial?.toolCalls ?? [])
      .filter(({ providerExecuted }) => providerExecuted !== true)
      .map(({ id, name }) => ({ type: 'tool_result', id, name, content: 'noon', isError: false }) as const);
    yield* results;
    const answers: Part[] = [...results];
    messages = [
      ...messages,
      message,
      ...(answers.length > 0 ? [{ role: 'tool', content: answers } as const] : []),
    ];
  }
};

const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } };
const found = {
  ...{ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1' },
  content: [{ type: 'web_search_result', url: 'https://h/', title: 'T', encrypted_content: 'sealed' }],
};
const other = (block: object): MadeBlock => ({ type: 'other', block });
const thinking: MadeBlock = { type: 'thinking', thinking: 'hm', signature: 'signed' };
const thought = { type: 'thinking', thinking: 'hm', signature: 'signed' };
const clock: MadeBlock = { type: 'tool_use', id: 'toolu_1', name: 'clock', input: {} };
const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
const options = {
  tools: [{ name: 'clock', parameters: { type: 'object', properties: {} } }],
  parameters: { providerOptions: { anthropic: { tools } } },
};

function pipelineOn(server: FaultServer, store = new MemoryStore()): Pipeline {
  const model = anthropic({ apiKey: 'none', baseURL: server.anthropicBaseURL });
  return new Pipeline([loop, provider(model)], { store });
}

const said = (server: FaultServer, at: number): readonly unknown[] =>
  listAt(server.requests[at]?.body, 'messages').slice(1);

describe('a reply that the API pauses', () => {
  test('goes back as it came, and its late result belongs to its call', async () => {
    await using server = await faultServer();
    server.enqueue(
      { stream: messagesStream({ blocks: [thinking, other(search)], stopReason: 'pause_turn' }) },
      { stream: messagesStream({ blocks: [other(found), { type: 'text', text: 'Found.' }] }) },
    );
    const store = new MemoryStore();
    const { response, warnings, messages } = await pipelineOn(server, store).executeWithContext(
      's',
      'user',
      'hi',
      options,
    );
    expect(said(server, 1)).toEqual([{ role: 'assistant', content: [thought, search] }]);
    expect(response).toMatchObject({ content: 'Found.', finishReason: 'stop' });
    expect(warnings).toEqual([]);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    server.enqueue({ stream: messagesStream({ text: 'Bye.' }) });
    const next = await pipelineOn(server, store).executeWithContext('s', 'user', 'thanks', options);
    expect(said(server, 2)).toEqual([
      { role: 'assistant', content: [thought, search, found, { type: 'text', text: 'Found.' }] },
      { role: 'user', content: [{ type: 'text', text: 'thanks' }] },
    ]);
    expect(next.warnings).toEqual([]);
  });

  test('may pause again: each request has all that came so far', async () => {
    await using server = await faultServer();
    const again = { ...search, id: 'srvtoolu_2' };
    server.enqueue(
      { stream: messagesStream({ blocks: [other(search)], stopReason: 'pause_turn' }) },
      { stream: messagesStream({ blocks: [other(found), other(again)], stopReason: 'pause_turn' }) },
      { stream: messagesStream({ blocks: [other({ ...found, tool_use_id: 'srvtoolu_2' })] }) },
    );
    await pipelineOn(server).execute('user', 'hi', options);
    expect(said(server, 2)).toEqual([{ role: 'assistant', content: [search, found, again] }]);
  });
});

describe('a server tool without a result beside a tool of the client', () => {
  test('stays in the history; the next message has the results of the client and nothing else', async () => {
    await using server = await faultServer();
    server.enqueue(
      { stream: messagesStream({ blocks: [thinking, other(search), clock], stopReason: 'tool_use' }) },
      { stream: messagesStream({ blocks: [other(found), { type: 'text', text: 'Found at noon.' }] }) },
      { stream: messagesStream({ text: 'Bye.' }) },
    );
    const store = new MemoryStore();
    const pipeline = pipelineOn(server, store);
    const { warnings, response } = await pipeline.executeWithContext('s', 'user', 'hi', options);
    const use = { type: 'tool_use', id: 'toolu_1', name: 'clock', input: {} };
    const turn = [
      { role: 'assistant', content: [thought, search, use] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'noon' }] },
    ];
    expect(said(server, 1)).toEqual(turn);
    expect([warnings, response.content]).toEqual([[], 'Found at noon.']);
    const next = await pipeline.executeWithContext('s', 'user', 'thanks', options);
    expect(next.warnings).toEqual([]);
    expect(said(server, 2)).toEqual([
      ...turn,
      { role: 'assistant', content: [found, { type: 'text', text: 'Found at noon.' }] },
      { role: 'user', content: [{ type: 'text', text: 'thanks' }] },
    ]);
  });

  test('stays in a session whose caller runs the tool itself', async () => {
    await using server = await faultServer();
    server.enqueue(
      { stream: messagesStream({ blocks: [other(search), clock], stopReason: 'tool_use' }) },
      { stream: messagesStream({ blocks: [other(found), { type: 'text', text: 'Found.' }] }) },
    );
    const model = anthropic({ apiKey: 'none', baseURL: server.anthropicBaseURL });
    const pipeline = new Pipeline([provider(model)]);
    await pipeline.executeWithContext('s', 'user', 'hi', options);
    const answer: Part = { type: 'tool_result', id: 'toolu_1', name: 'clock', content: 'noon' };
    const { warnings } = await pipeline.executeWithContext('s', 'tool', [answer], options);
    expect(warnings).toEqual([]);
    expect(said(server, 1)).toEqual([
      { role: 'assistant', content: [search, { type: 'tool_use', id: 'toolu_1', name: 'clock', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'noon' }] },
    ]);
  });

  test('is left out if the caller says something else, or if the next reply has no result either', async () => {
    await using server = await faultServer();
    const both = { stream: messagesStream({ blocks: [other(search), clock], stopReason: 'tool_use' }) };
    const bye = { stream: messagesStream({ text: 'Bye.' }) };
    const model = anthropic({ apiKey: 'none', baseURL: server.anthropicBaseURL });
    server.enqueue(both, bye);
    const pipeline = new Pipeline([provider(model)]);
    await pipeline.executeWithContext('a', 'user', 'hi', options);
    await pipeline.executeWithContext('a', 'user', 'never mind', options);
    expect(JSON.stringify(server.requests[1]?.body)).not.toContain('srvtoolu_1');
    server.enqueue(both, bye, bye);
    const looping = pipelineOn(server);
    await looping.executeWithContext('b', 'user', 'hi', options);
    await looping.executeWithContext('b', 'user', 'thanks', options);
    expect(JSON.stringify(server.requests[4]?.body)).not.toContain('srvtoolu_1');
    expect(JSON.stringify(server.requests[4]?.body)).toContain('toolu_1');
  });
});
