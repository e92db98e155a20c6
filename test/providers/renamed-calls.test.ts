import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Message, Middleware, Part, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { faultServer } from 'sluice/testing';
import type { FaultServer, WireStream } from 'sluice/testing';
import { wireStages } from '../support/wire-stages.ts';
import { listAt } from '../support/json.ts';

const tools = [{ name: 'add', parameters: { type: 'object', properties: {} } }];

/** Gives the calls of each round ids of its own. */
const renames: Middleware = function renames(context, next) {
  const round = context.request.messages.filter(({ role }) => role === 'assistant').length;
  const ids = new Map<string, string>();
  const ours = (theirs: string): string => {
    const id = ids.get(theirs) ?? `ours_${round}_${ids.size}`;
    ids.set(theirs, id);
    return id;
  };
  return next().map((chunk): StreamChunk =>
    chunk.type === 'tool_call' || chunk.type === 'tool_call_delta' ? { ...chunk, id: ours(chunk.id) } : chunk,
  );
};

/** Answers each call with its own id, until the model makes no more. */
const loop: Middleware = async function* loop(context, next) {
  let messages: readonly Message[] = context.request.messages;
  for (;;) {
    const stream = next({ messages, tools }).collect();
    const reply = yield* stream;
    const results = (stream.partial?.toolCalls ?? []).map(({ id, name }): Part => ({
      type: 'tool_result',
      id,
      name,
      content: `result of ${id}`,
    }));
    if (results.length === 0 || reply.message === undefined) return reply;
    messages = [...messages, reply.message, { role: 'tool', content: results }];
  }
};

/** Each object of a request that has one of these fields, with its value there. */
function all(value: unknown, fields: readonly string[], where: (object: object) => boolean): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = where(value)
    ? fields.flatMap((field) => (field in value ? [Reflect.get(value, field)] : []))
    : [];
  return [...own, ...Object.values(value).flatMap((inner) => all(inner, fields, where))];
}

const isCall = (object: object): boolean =>
  ['function', 'function_call', 'custom', 'custom_tool_call', 'tool_use'].includes(
    String(Reflect.get(object, 'type')),
  ) && !('parameters' in object);

/** The ids of the calls and those of the results in a request. */
function idsIn(body: unknown): { calls: unknown[]; results: unknown[] } {
  const field = JSON.stringify(body).includes('"call_id"') ? 'call_id' : 'id';
  const isResult = (object: object): boolean => 'output' in object || !('call_id' in object);
  return {
    calls: all(body, [field], isCall),
    results: all(body, field === 'call_id' ? ['call_id'] : ['tool_call_id', 'tool_use_id'], isResult),
  };
}

async function lastBody(server: FaultServer, streams: readonly WireStream[], make: () => Middleware) {
  for (const stream of streams) server.enqueue({ stream });
  const result = await new Pipeline([loop, renames, make()]).execute('user', 'hi');
  expect(server.requests).toHaveLength(streams.length);
  return { body: server.requests.at(-1)?.body, result };
}

test.each(wireStages)('calls that a layer renames are sent under the new id on $name', async (wire) => {
  await using server = await faultServer();
  const round = wire.stream({
    toolCalls: [
      { id: 'call_0', name: 'add', arguments: { a: 1 } },
      { id: 'call_1', name: 'add', arguments: { a: 2 } },
    ],
  });
  const streams = [round, round, round, wire.stream({ text: 'Done.' })];
  const { body, result } = await lastBody(server, streams, () => provider(wire.make(server)));
  const ours = ['ours_0_0', 'ours_0_1', 'ours_1_0', 'ours_1_1', 'ours_2_0', 'ours_2_1'];
  expect(idsIn(body)).toEqual({ calls: ours, results: ours });
  expect(JSON.stringify(body)).not.toMatch(/"call_[01]"/);
  expect(result.warnings).toEqual([]);
});

test.each(wireStages)(
  'the same ids in each round are made different on $name without a layer',
  async (wire) => {
    await using server = await faultServer();
    const round = wire.stream({ toolCalls: [{ id: 'call_0', name: 'add' }] });
    server.enqueue({ stream: round });
    server.enqueue({ stream: round });
    server.enqueue({ stream: wire.stream({ text: 'Done.' }) });
    await new Pipeline([loop, provider(wire.make(server))]).execute('user', 'hi');
    const { calls, results } = idsIn(server.requests.at(-1)?.body);
    expect(calls).toEqual(results);
    expect([calls.length, new Set(calls).size]).toEqual([2, 2]);
  },
);

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;

test('a renamed call of a custom tool keeps its kind on Chat Completions', async () => {
  await using server = await faultServer();
  const call = { index: 0, id: 'call_0', type: 'custom', custom: { name: 'code', input: 'ls' } };
  const choice = (delta: object, reason: string | null) =>
    event({
      id: 'c',
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason: reason }],
    });
  server.enqueue({
    body: `${choice({ tool_calls: [call] }, null)}${choice({}, 'tool_calls')}data: [DONE]\n\n`,
  });
  server.enqueue({ stream: wireStages[0]?.stream({ text: 'Done.' }) ?? { wire: 'openai-chat', lines: [] } });
  const model = provider(openai({ apiKey: 'none', baseURL: server.openaiBaseURL, api: 'chat' }));
  await new Pipeline([loop, renames, model]).execute('user', 'hi');
  expect(listAt(server.requests[1]?.body, 'messages').slice(1)).toEqual([
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'ours_0_0', type: 'custom', custom: { name: 'code', input: 'ls' } }],
    },
    { role: 'tool', tool_call_id: 'ours_0_0', content: 'result of ours_0_0' },
  ]);
});

test.each(wireStages.slice(0, 2))(
  'an id in which the server keeps data goes back as it came on $name',
  async (wire) => {
    await using server = await faultServer();
    const id = wire.name === 'chat' ? `call_1__thought__${'Eq'.repeat(100)}` : `encitem_${'Eq'.repeat(100)}`;
    const streams = [wire.stream({ toolCalls: [{ id, name: 'add' }] }), wire.stream({ text: 'Done.' })];
    const { body } = await lastBody(server, streams, () => provider(wire.make(server)));
    expect(idsIn(body)).toEqual({ calls: [id], results: [id] });
  },
);
