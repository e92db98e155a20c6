import { MemoryStore, Pipeline, decide } from 'sluice';
import type { Provider } from 'sluice';
import { output } from 'sluice/middleware/output';
import { provider, retry } from 'sluice/middleware';
import { constant } from 'sluice/kit';
import { tool, tools } from 'sluice/middleware/tools';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer } from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { wireStages as allWires } from '../../support/wire-stages.ts';

/** The wires, with servers that keep to schemas as OpenAI and Anthropic do. */
const wireStages = allWires.map((stage) => ({
  ...stage,
  make: stage.name === 'anthropic' ? stage.make : asOpenAI(stage.name),
}));

function asOpenAI(api: string): (server: FaultServer) => Provider {
  return (server) =>
    openai({
      ...{ apiKey: 'none', baseURL: server.openaiBaseURL, api: api === 'chat' ? 'chat' : 'responses' },
      output: { dialect: 'openai', native: 'with-tools', tools: 'forced' },
    });
}

const person = z.object({ name: z.string().min(1), born: z.int().optional() });
const TEXT = ['{"na', 'me":"A', 'da","born":18', '15}'];
const strict = {
  type: 'object',
  properties: {
    name: { type: 'string', description: '(minLength: 1)' },
    born: { type: ['integer', 'null'], minimum: -9007199254740991, maximum: 9007199254740991 },
  },
  required: ['name', 'born'],
  additionalProperties: false,
};
const loose = {
  type: 'object',
  properties: {
    name: { type: 'string', description: '(minLength: 1)' },
    born: { type: 'integer', description: '(minimum: -9007199254740991, maximum: 9007199254740991)' },
  },
  required: ['name'],
  additionalProperties: false,
};

/** The fields of the body that ask for the answer. */
const asks: Record<string, object> = {
  chat: {
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: strict } },
  },
  responses: { text: { format: { type: 'json_schema', name: 'answer', strict: true, schema: strict } } },
  anthropic: { output_config: { format: { type: 'json_schema', schema: loose } } },
};

describe.each(wireStages)('over $name', ({ name, make, stream }) => {
  test('the mode of the provider is used, and the answer comes in parts', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: stream({ text: TEXT }) });
    const pipeline = new Pipeline([output(), retry(), provider(make(server))]);
    const read = pipeline.executeStream('user', 'Who?', { output: person });
    const partials: unknown[] = [];
    for await (const partial of read.partialOutput()) partials.push(partial);
    const result = await read.result;
    expect(partials).toEqual([{}, { name: 'A' }, { name: 'Ada' }, { name: 'Ada', born: 1815 }]);
    expect(result.output).toEqual({ name: 'Ada', born: 1815 });
    expect(server.requests[0]?.body).toMatchObject({ ...(asks[name] ?? {}) });
    expect(result.warnings).toEqual([expect.stringContaining('minLength of properties.name is described')]);
  });

  test('tools run first, and the answer of the last round is the output', async () => {
    await using server = await faultServer();
    const lookup = tool({
      name: 'lookup',
      description: 'Looks up a person',
      input: z.object({ name: z.string() }),
      execute: ({ name: of }) => ({ of, born: 1815 }),
    });
    server.enqueue(
      {
        stream: stream({
          text: '{"name":"not yet"}',
          toolCalls: [{ name: 'lookup', arguments: { name: 'Ada' } }],
        }),
      },
      { stream: stream({ text: TEXT }) },
    );
    const pipeline = new Pipeline([tools([lookup]), output(), retry(), provider(make(server))]);
    const read = pipeline.executeStream('user', 'Who?', { output: person });
    const partials: unknown[] = [];
    for await (const partial of read.partialOutput()) partials.push(partial);
    expect((await read.result).output).toEqual({ name: 'Ada', born: 1815 });
    // What the first reply said was not the answer: it is taken back when the call comes.
    expect(partials.at(-1)).toEqual({ name: 'Ada', born: 1815 });
    const back = partials.findLastIndex((partial) => JSON.stringify(partial) === '{}');
    expect(JSON.stringify(partials.slice(0, back))).toContain('not');
    for (const { body } of server.requests) {
      expect(body).toMatchObject({ ...(asks[name] ?? {}) });
      expect(JSON.stringify(body)).toContain('lookup');
    }
  });

  test('a turn that waits for an approval has no output, and the one that goes on has', async () => {
    await using server = await faultServer();
    const pay = tool({
      name: 'pay',
      description: 'Pays',
      input: z.object({ amount: z.number() }),
      needsApproval: true,
      execute: () => 'paid',
    });
    server.enqueue(
      { stream: stream({ toolCalls: [{ name: 'pay', arguments: { amount: 1 } }] }) },
      { stream: stream({ text: TEXT }) },
    );
    const store = new MemoryStore();
    const pipeline = new Pipeline([tools([pay]), output(), provider(make(server))], { store });
    const waiting = await pipeline.executeWithContext('s', 'user', 'Pay', { output: person });
    expect(waiting).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    expect('output' in waiting).toBe(false);
    const [call] = waiting.pending ?? [];
    const decision = decide({ [call?.callId ?? '']: { approve: true } });
    const done = await pipeline.executeWithContext('s', decision, { output: person });
    expect(done.output).toEqual({ name: 'Ada', born: 1815 });
  });

  test('a turn that was finished before has its output again, without a call', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: stream({ text: ['{"value":["a",', '"b"]}'] }) });
    const pipeline = new Pipeline([output(), provider(make(server))]);
    const options = { output: z.array(z.string()), turnId: 't' };
    const first = await pipeline.executeWithContext('s', 'user', 'Hi', options);
    const again = await pipeline.executeWithContext('s', 'user', 'Hi', options);
    expect([first.output, again.output, again.replayed]).toEqual([['a', 'b'], ['a', 'b'], true]);
    expect(server.requests).toHaveLength(1);
  });
});

test('a broken answer is asked for again from the start, and its parts are taken back', async () => {
  await using server = await faultServer();
  server.enqueue(
    {
      stream: chatStream({ text: ['{"na', 'me":"B', 'o', 'b', 'b', 'y"}'] }),
      fault: { kind: 'eof', at: { event: 4 } },
    },
    { stream: chatStream({ text: TEXT }) },
  );
  const model = openai({ apiKey: 'none', baseURL: server.openaiBaseURL });
  const pipeline = new Pipeline([
    output(),
    retry({ afterContent: 'reset', backoff: constant(0) }),
    provider(model),
  ]);
  const read = pipeline.executeStream('user', 'Who?', { output: person });
  const partials: unknown[] = [];
  for await (const partial of read.partialOutput()) partials.push(partial);
  expect((await read.result).output).toEqual({ name: 'Ada', born: 1815 });
  expect(JSON.stringify(partials)).toContain('"Bo"},{},{"name":"A"}');
});

test('an older Claude answers with the call of a tool, which is not forced while it thinks', async () => {
  await using server = await faultServer();
  const [, , stage] = wireStages;
  const answer = { toolCalls: [{ name: 'answer', arguments: { name: 'Ada' } }] };
  if (stage === undefined) throw new Error('no wire');
  server.enqueue({ stream: stage.stream(answer) }, { stream: stage.stream(answer) });
  const model = anthropic({
    apiKey: 'none',
    baseURL: server.anthropicBaseURL,
    model: 'claude-3-7-sonnet-latest',
  });
  const pipeline = new Pipeline([output(), provider(model)]);
  const result = await pipeline.execute('user', 'Who?', { output: person });
  expect(result.output).toEqual({ name: 'Ada' });
  expect(result.response).toMatchObject({ content: '{"name":"Ada"}', finishReason: 'stop' });
  expect(server.requests[0]?.body).toMatchObject({
    tools: [{ name: 'answer', input_schema: loose, strict: true }],
    tool_choice: { type: 'tool', name: 'answer' },
  });
  const thinking = { reasoning: { budgetTokens: 2_000 } };
  await pipeline.execute('user', 'Who?', { output: person, parameters: thinking });
  expect(server.requests[1]?.body).toMatchObject({
    thinking: { type: 'enabled' },
    tool_choice: { type: 'auto' },
    system: [{ type: 'text', text: expect.stringContaining('calling the tool answer') }],
  });
});
