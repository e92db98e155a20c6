import { Pipeline } from 'sluice';
import type { Middleware, Provider } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { tool, tools } from 'sluice/middleware/tools';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import {
  anthropicError,
  chatStream,
  faultServer,
  messagesStream,
  openaiError,
  responsesStream,
} from 'sluice/testing';
import type { FaultResponse, FaultServer, MadeToolCall, RecordedRequest, WireStream } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';

interface MadeReply {
  text?: string;
  toolCalls?: readonly MadeToolCall[];
  thinking?: string;
  cut?: boolean;
}

interface Wired {
  provider(server: FaultServer): Provider;
  stream(made: MadeReply): WireStream;
  error(status: number): FaultResponse;
  /** How many events say that the reply has ended. */
  endings: number;
  /** The calls of a request, and what answers them, in order. */
  sent(request: RecordedRequest | undefined): { calls: Called[]; results: Answered[] };
}

interface Called {
  id: string;
  name: string;
  /** As it is on the wire. */
  args: unknown;
}

interface Answered {
  id: string;
  text: string;
}

const items = (value: unknown): Record<string, unknown>[] =>
  z.array(z.record(z.string(), z.unknown())).catch([]).parse(value);
const body = (request: RecordedRequest | undefined): Record<string, unknown> =>
  z.record(z.string(), z.unknown()).parse(request?.body);
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const wires: Record<string, Wired> = {
  'openai chat': {
    provider: ({ openaiBaseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: openaiBaseURL, api: 'chat' }),
    stream: ({ cut = false, thinking, ...made }) =>
      chatStream({
        ...made,
        ...(thinking && { reasoning: thinking }),
        ...(cut && { finishReason: 'length' }),
      }),
    error: (status) => openaiError(status),
    endings: 2,
    sent(request) {
      const messages = items(body(request)['messages']);
      return {
        calls: messages.flatMap(({ tool_calls }) =>
          items(tool_calls).map((call) => {
            const [fn] = items([call['function']]);
            return { id: text(call['id']), name: text(fn?.['name']), args: fn?.['arguments'] };
          }),
        ),
        results: messages
          .filter(({ role }) => role === 'tool')
          .map(({ tool_call_id, content }) => ({ id: text(tool_call_id), text: text(content) })),
      };
    },
  },
  'openai responses': {
    provider: ({ openaiBaseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: openaiBaseURL, api: 'responses' }),
    stream: ({ cut = false, thinking, ...made }) =>
      responsesStream({
        ...made,
        ...(thinking && { reasoning: thinking, encryptedContent: 'sealed' }),
        ...(cut && { incomplete: 'max_output_tokens' }),
      }),
    error: (status) => openaiError(status),
    endings: 1,
    sent(request) {
      const input = items(body(request)['input']);
      return {
        calls: input
          .filter(({ type }) => type === 'function_call')
          .map(({ call_id, name, arguments: args }) => ({ id: text(call_id), name: text(name), args })),
        results: input
          .filter(({ type }) => type === 'function_call_output')
          .map(({ call_id, output }) => ({ id: text(call_id), text: text(output) })),
      };
    },
  },
  anthropic: {
    provider: ({ anthropicBaseURL }) =>
      anthropic({ model: 'claude-haiku-4-5', apiKey: 'test', baseURL: anthropicBaseURL }),
    stream: ({ cut = false, ...made }) =>
      messagesStream({ ...made, ...(cut && { stopReason: 'max_tokens' }) }),
    error: (status) => anthropicError(status),
    endings: 2,
    sent(request) {
      const blocks = items(body(request)['messages']).flatMap(({ content }) => items(content));
      return {
        calls: blocks
          .filter(({ type }) => type === 'tool_use')
          .map(({ id, name, input }) => ({ id: text(id), name: text(name), args: JSON.stringify(input) })),
        results: blocks
          .filter(({ type }) => type === 'tool_result')
          .map(({ tool_use_id, content }) => ({ id: text(tool_use_id), text: text(content) })),
      };
    },
  },
};

interface Stage {
  server: FaultServer;
  runs: string[];
  pipeline: Pipeline;
}

function stage(
  server: FaultServer,
  wire: Wired,
  layers: (loop: Middleware) => Middleware[] = (loop) => [loop],
): Stage {
  const runs: string[] = [];
  const weather = tool({
    name: 'weather',
    description: 'The weather of a city',
    input: z.object({ city: z.string().default('Rome') }),
    execute: ({ city }) => {
      runs.push(city);
      if (city === 'Atlantis') throw new Error('no such city');
      return `sunny in ${city}`;
    },
  });
  const pipeline = new Pipeline([...layers(tools([weather])), provider(wire.provider(server))]);
  return { server, runs, pipeline };
}

const call = (city: string, id?: string): MadeToolCall => ({
  name: 'weather',
  arguments: { city },
  ...(id !== undefined && { id }),
});

describe.each(Object.entries(wires))('tools over %s', (name, wire) => {
  test('calls are run, and go back with their results under ids of ours', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire);
    server.enqueue(
      { stream: wire.stream({ text: 'Let me look.', toolCalls: [call('Rome'), call('Oslo')] }) },
      { stream: wire.stream({ toolCalls: [call('Bern')] }) },
      { stream: wire.stream({ text: 'Sunny everywhere.' }) },
    );
    const result = await pipeline.execute('user', 'Weather?');
    expect(result.response.content).toContain('Sunny everywhere.');
    expect(runs).toEqual(['Rome', 'Oslo', 'Bern']);
    const { calls, results } = wire.sent(server.requests[2]);
    expect(calls.map(({ name, args }) => [name, args])).toEqual(
      ['Rome', 'Oslo', 'Bern'].map((city) => ['weather', JSON.stringify({ city })]),
    );
    expect(results.map((one) => one.text)).toEqual(['sunny in Rome', 'sunny in Oslo', 'sunny in Bern']);
    expect(results.map(({ id }) => id)).toEqual(calls.map(({ id }) => id));
    for (const { id } of result.response.toolCalls) expect(id).toMatch(/^c[a-z0-9]+_\d_\d$/);
    expect(calls.map(({ id }) => id)).toEqual(result.response.toolCalls.map(({ id }) => id));
    server.assertDrained();
  });

  test('R45 the provider repeats its ids in every round, and the ids of a history differ', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire);
    server.enqueue(
      { stream: wire.stream({ toolCalls: [call('Rome', 'call_0')] }) },
      { stream: wire.stream({ toolCalls: [call('Rome', 'call_0')] }) },
      { stream: wire.stream({ text: 'Sunny.' }) },
    );
    await pipeline.execute('user', 'Weather?');
    const { calls, results } = wire.sent(server.requests[2]);
    expect([runs.length, new Set(calls.map(({ id }) => id)).size, results.length]).toEqual([2, 2, 2]);
  });

  test('R23 a call that was cut off by length is not run', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire);
    server.enqueue({ stream: wire.stream({ toolCalls: [call('Rome')], cut: true }) });
    const result = await pipeline.execute('user', 'Weather?');
    expect([runs, result.response.finishReason, server.requests.length]).toEqual([[], 'length', 1]);
  });

  test('R24 nothing runs before the reply has ended: a stream that is cut after its call runs nothing', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire);
    const stream = wire.stream({ toolCalls: [call('Rome')] });
    server.enqueue({ stream, fault: { kind: 'eof', at: { event: stream.lines.length - wire.endings } } });
    const error: unknown = await pipeline.execute('user', 'Weather?').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'truncated' });
    expect(runs).toEqual([]);
  });

  test('R26 empty arguments are an empty object', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire);
    server.enqueue(
      { stream: wire.stream({ toolCalls: [{ name: 'weather', arguments: '' }] }) },
      { stream: wire.stream({ text: 'Sunny.' }) },
    );
    await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual(['Rome']);
    // An item of Responses goes back as it came, with its empty text.
    const [sent] = wire.sent(server.requests[1]).calls;
    expect(sent?.args).toBe(name === 'openai responses' ? '' : '{}');
  });

  test('arguments that are no JSON go back to the model with what is wrong', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire);
    server.enqueue(
      { stream: wire.stream({ toolCalls: [{ name: 'weather', arguments: '{"city": ' }] }) },
      { stream: wire.stream({ text: 'Sorry.' }) },
    );
    const result = await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual([]);
    expect(result.response.content).toContain('Sorry.');
    expect(wire.sent(server.requests[1]).results[0]?.text).toMatch(/^The arguments are wrong/);
  });

  test('R27 an execution that was aborted while a tool ran does not poison the session', async () => {
    await using server = await faultServer();
    const stop = new AbortController();
    const slow = tool({
      name: 'weather',
      description: 'Never ends',
      input: z.object({}),
      execute: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
          stop.abort();
        }),
    });
    const pipeline = new Pipeline([tools([slow]), provider(wire.provider(server))]);
    server.enqueue(
      { stream: wire.stream({ text: 'Let me look.', toolCalls: [call('Rome')] }) },
      { stream: wire.stream({ text: 'Hello again.' }) },
    );
    await pipeline
      .executeWithContext('s', 'user', 'Weather?', { signal: stop.signal })
      .catch(() => undefined);
    const result = await pipeline.executeWithContext('s', 'user', 'Still there?');
    expect(result.response.content).toBe('Hello again.');
    const { calls, results } = wire.sent(server.requests[1]);
    expect(results.map(({ id }) => id)).toEqual(calls.map(({ id }) => id));
  });

  test('R30 one of several calls fails, and each has its result', async () => {
    await using server = await faultServer();
    const { pipeline } = stage(server, wire);
    server.enqueue(
      { stream: wire.stream({ toolCalls: [call('Rome'), call('Atlantis'), call('Oslo')] }) },
      { stream: wire.stream({ text: 'Two of three.' }) },
    );
    await pipeline.execute('user', 'Weather?');
    expect(wire.sent(server.requests[1]).results.map((one) => one.text)).toEqual([
      'sunny in Rome',
      'The tool failed: no such city',
      'sunny in Oslo',
    ]);
  });

  test('a retry below repeats the second round alone, and no tool runs twice', async () => {
    await using server = await faultServer();
    const { pipeline, runs } = stage(server, wire, (loop) => [loop, retry({ backoff: constant(0) })]);
    server.enqueue({ stream: wire.stream({ toolCalls: [call('Rome')] }) }, wire.error(503), {
      stream: wire.stream({ text: 'Sunny.' }),
    });
    const result = await pipeline.execute('user', 'Weather?');
    expect([result.response.content, runs, server.requests.length]).toEqual(['Sunny.', ['Rome'], 3]);
    expect(wire.sent(server.requests[2])).toEqual(wire.sent(server.requests[1]));
  });

  test('a retry above runs the loop again, and no tool runs twice', async () => {
    await using server = await faultServer();
    const above = retry({ backoff: constant(0), afterContent: 'reset', rerunTools: true });
    const { pipeline, runs } = stage(server, wire, (loop) => [above, loop]);
    server.enqueue({ stream: wire.stream({ toolCalls: [call('Rome')] }) }, wire.error(503), {
      stream: wire.stream({ text: 'Sunny.' }),
    });
    const result = await pipeline.execute('user', 'Weather?');
    expect([result.response.content, runs, server.requests.length]).toEqual(['Sunny.', ['Rome'], 3]);
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(wire.sent(server.requests[2])).toEqual(wire.sent(server.requests[1]));
  });
});

test('R25 two calls at one index are two calls', async () => {
  await using server = await faultServer();
  const wire = wires['openai chat'];
  if (wire === undefined) throw new Error('no wire');
  const { pipeline, runs } = stage(server, wire);
  const { lines } = wire.stream({ toolCalls: [call('Rome', 'a'), call('Oslo', 'b')] });
  server.enqueue(
    {
      stream: { lines: lines.map((line) => line.replaceAll('"index":1', '"index":0')), wire: 'openai-chat' },
    },
    { stream: wire.stream({ text: 'Sunny.' }) },
  );
  await pipeline.execute('user', 'Weather?');
  expect(runs).toEqual(['Rome', 'Oslo']);
});

test('R28 thinking goes back as it came, before its call', async () => {
  await using server = await faultServer();
  const wire = wires['anthropic'];
  if (wire === undefined) throw new Error('no wire');
  const { pipeline } = stage(server, wire);
  server.enqueue(
    { stream: messagesStream({ thinking: 'Where is it?', signature: 'sig_1', toolCalls: [call('Rome')] }) },
    { stream: wire.stream({ text: 'Sunny.' }) },
  );
  await pipeline.execute('user', 'Weather?');
  const reply = items(body(server.requests[1])['messages'])[1];
  expect(items(reply?.['content']).slice(0, 2)).toMatchObject([
    { type: 'thinking', thinking: 'Where is it?', signature: 'sig_1' },
    { type: 'tool_use', name: 'weather' },
  ]);
});

test('R29 a reasoning item goes back right before its call', async () => {
  await using server = await faultServer();
  const wire = wires['openai responses'];
  if (wire === undefined) throw new Error('no wire');
  const { pipeline } = stage(server, wire);
  server.enqueue(
    { stream: wire.stream({ thinking: 'Where is it?', toolCalls: [call('Rome')] }) },
    { stream: wire.stream({ text: 'Sunny.' }) },
  );
  await pipeline.execute('user', 'Weather?');
  const types = items(body(server.requests[1])['input']).map(({ type, role }) => type ?? role);
  expect(types.slice(-3)).toEqual(['reasoning', 'function_call', 'function_call_output']);
});
