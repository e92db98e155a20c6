import OpenAI from 'openai';
import { LengthFinishReasonError } from 'openai/error';
import type { ResponseFormatJSONSchema } from 'openai/resources/shared';
import type { Middleware } from 'sluice';
import { output } from 'sluice/middleware/output';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { clientsOf, saying } from './stage.ts';

const messages = [{ role: 'user' as const, content: 'Hi' }];
const numbers = {
  type: 'object',
  properties: { a: { type: 'array', items: { type: 'number' } }, b: { type: 'string' } },
  required: ['a'],
  additionalProperties: false,
};

/** The format of a client of OpenAI. */
function formatOf(schema: Record<string, unknown>, strict = true): ResponseFormatJSONSchema {
  return { type: 'json_schema', json_schema: { name: 'numbers', schema, strict } };
}

const asked = { model: 'm', messages, response_format: formatOf(numbers) };

/** What a client reads of a stream, and the error that ended it. */
async function read(client: OpenAI, request = asked): Promise<{ deltas: string[]; error?: unknown }> {
  const deltas: string[] = [];
  try {
    for await (const { choices } of await client.chat.completions.create({ ...request, stream: true })) {
      const content = choices[0]?.delta.content ?? '';
      if (content !== '') deltas.push(content);
    }
    return { deltas };
  } catch (error) {
    return { deltas, error };
  }
}

const called = (text: string) => ({
  chunks: [
    ...text.split(/(?<=,)/).map((argumentsDelta) => ({
      ...{ type: 'tool_call_delta' as const, id: 'c', name: 'numbers', argumentsDelta },
    })),
    { type: 'tool_call' as const, id: 'c', name: 'numbers', arguments: JSON.parse(text) as object },
  ],
  batchSize: 1,
  finishReason: 'tool_calls' as const,
});

describe('the text is the JSON itself', () => {
  test('as it is written, without what a provider needs around it', async () => {
    const text = ['{"a": [1, ', '2], ', '"b": null}'];
    const model = saying('gpt', { text, batchSize: 1 });
    await using stage = await clientsOf(model);
    const stream = stage.anthropic.messages.stream({
      ...{ model: 'm', max_tokens: 10, messages },
      output_config: { format: { type: 'json_schema', schema: numbers } },
    });
    const deltas: string[] = [];
    stream.on('text', (delta) => void deltas.push(delta));
    await stream.finalMessage();
    expect(deltas.join('')).toBe('{"a":[1,2]}');
    expect(deltas.length).toBeGreaterThan(1);
    expect(model.requests[0]?.responseFormat).toMatchObject({ name: 'answer', strict: true });
  });

  test('of an answer that is a list', async () => {
    await using stage = await clientsOf(saying('gpt', '{"value":[1,2]}'));
    const message = await stage.anthropic.messages.create({
      ...{ model: 'm', max_tokens: 10, messages },
      output_config: {
        format: { type: 'json_schema', schema: { type: 'array', items: { type: 'number' } } },
      },
    });
    expect(message.content).toMatchObject([{ type: 'text', text: '[1,2]' }]);
  });

  test('of the call of a tool, and of prose with mistakes', async () => {
    await using loose = await clientsOf(saying('loose', called('{"a":[1,2]}')));
    expect(await read(loose.openai)).toEqual({ deltas: ['{"a":[1', ',2]}'] });
    const said = "Here:\n```json\n{'a': [1, 2,]}\n```";
    await using plain = await clientsOf(saying('plain', said, said));
    const { choices } = await plain.openai.chat.completions.create(asked);
    expect(choices[0]?.message.content).toBe('{"a":[1,2]}');
    expect(await read(plain.openai)).toEqual({ deltas: ['{"a":[1,2]}'] });
  });

  test('of the last round, when the pipeline has tools', async () => {
    const look = tool({
      ...{ name: 'look', description: 'Looks', input: z.object({}) },
      execute: () => 'seen',
    });
    const first = { text: 'I will {look}.', toolCalls: [{ name: 'look', arguments: {} }] };
    const early = { ...first, text: '{"a":[9]}' };
    const model = saying('claude', first, '{"a":[1]}', early, '{"a":[2]}');
    await using stage = await clientsOf(model, [tools([look]), output()]);
    for (const [content] of [['{"a":[1]}'], ['{"a":[2]}']]) {
      const { choices } = await stage.openai.chat.completions.create(asked);
      expect(choices[0]?.message.content).toBe(content);
    }
  });

  test('beside calls of tools of the client', async () => {
    const first = { text: 'I look.', toolCalls: [{ name: 'look', arguments: {} }] };
    await using stage = await clientsOf(saying('claude', first), [tools([]), output()]);
    const { choices } = await stage.openai.chat.completions.create({
      ...asked,
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
    });
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'look' } }] },
    });
  });

  test('of a turn with a key, which comes from the log', async () => {
    await using stage = await clientsOf(saying('loose', called('{"a":[1,2]}')));
    const headers = { 'idempotency-key': 'k1' };
    for (let at = 0; at < 2; at++) {
      const { choices } = await stage.openai.chat.completions.create(asked, { headers });
      expect(choices[0]?.message.content).toBe('{"a":[1,2]}');
    }
  });
});

describe('an answer that does not match', () => {
  const wrong = '{"a":["x"]}';

  test('is an error of the protocol', async () => {
    await using stage = await clientsOf(saying('claude', wrong, wrong, wrong));
    const failed = await stage.openai.chat.completions.create(asked).catch((error: unknown) => error);
    expect(failed).toMatchObject({ status: 502, code: 'output', type: 'server_error' });
    expect(String(failed)).not.toContain('"x"');
    const { error } = await read(stage.openai);
    expect(error).toMatchObject({ code: 'output' });
    const refused = stage.openai.responses.create({
      ...{ model: 'm', input: 'Hi' },
      text: { format: { type: 'json_schema', name: 'numbers', schema: numbers, strict: true } },
    });
    await expect(refused).rejects.toMatchObject({ status: 502, code: 'output' });
  });

  test('is asked for once more if the pipeline repairs', async () => {
    const model = saying('claude', wrong, '{"a":[1]}');
    await using stage = await clientsOf(model, [output({ repair: 1 })]);
    const { choices } = await stage.openai.chat.completions.create(asked);
    expect(choices[0]?.message.content).toBe('{"a":[1]}');
    expect(model.requests[1]?.messages).toMatchObject([
      messages[0],
      { role: 'assistant', content: wrong },
      { role: 'user' },
    ]);
  });

  test('is not shown to a stream before it is repaired, if no server keeps to the schema', async () => {
    for (const kind of ['loose', 'plain'] as const) {
      const answers = kind === 'loose' ? [called(wrong), called('{"a":[1]}')] : [wrong, '{"a":[1]}'];
      await using stage = await clientsOf(saying(kind, ...answers), [output({ repair: 1 })]);
      const { deltas, error } = await read(stage.openai);
      expect([deltas.join(''), error]).toEqual(['{"a":[1]}', undefined]);
    }
  });

  test('ends a stream that was shown it', async () => {
    const kept = saying('claude', wrong, '{"a":[1]}');
    await using stage = await clientsOf(kept, [output({ repair: 1 })]);
    const { deltas, error } = await read(stage.openai);
    expect(deltas.join('')).toBe(wrong);
    expect(error).toBeInstanceOf(OpenAI.APIError);
  });

  test('is given as it is if the format is not strict', async () => {
    const request = { ...asked, response_format: formatOf(numbers, false) };
    for (const said of [wrong, 'I do not know.']) {
      await using stage = await clientsOf(saying('claude', said, said));
      const { choices } = await stage.openai.chat.completions.create(request);
      expect(choices[0]?.message.content).toBe(said);
      expect((await read(stage.openai, request)).deltas.join('')).toBe(said);
    }
  });
});

describe('what is not an answer', () => {
  test('is cut short as the protocol says it', async () => {
    const cut = { text: ['{"a":[1,', '2'], batchSize: 1, finishReason: 'length' as const };
    await using stage = await clientsOf(saying('claude', cut, cut));
    const { choices } = await stage.openai.chat.completions.create(asked);
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: '{"a":[1,' } });
    await expect(stage.openai.chat.completions.parse(asked)).rejects.toBeInstanceOf(LengthFinishReasonError);
  });

  test('is a refusal', async () => {
    const no = [{ type: 'content' as const, content: 'No.', refusal: true as const }];
    await using stage = await clientsOf(saying('gpt', { chunks: no, finishReason: 'refusal' }));
    const { choices } = await stage.openai.chat.completions.parse(asked);
    expect(choices[0]?.message).toMatchObject({ refusal: 'No.', parsed: null });
    await using claude = await clientsOf(saying('claude', { text: 'I cannot.', finishReason: 'refusal' }));
    const message = await claude.openai.chat.completions.create(asked);
    expect(JSON.stringify(message.choices[0]?.message)).toContain('I cannot.');
  });
});

describe('the schema of a client', () => {
  /** A schema that grows by its references to 2 to the power of 40. */
  const bomb = {
    type: 'object',
    properties: { a: { $ref: '#/$defs/d0' } },
    $defs: Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `d${at}`,
        at === 39
          ? { type: 'string' }
          : { anyOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
      ]),
    ),
  };

  test.each([
    ['that grows by its references', bomb],
    ['of another document', { type: 'object', properties: { a: { $ref: 'https://example.com/a' } } }],
    ['with a reference that cannot be read', { type: 'object', properties: { a: { $ref: '#/%' } } }],
    ['with a reference to an anchor', { type: 'object', properties: { a: { $ref: '#a', $anchor: 'a' } } }],
  ])('%s is refused', async (_what, schema) => {
    await using stage = await clientsOf(saying('claude', '{}'));
    const failed = stage.openai.chat.completions.create({ ...asked, response_format: formatOf(schema) });
    await expect(failed).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' });
  });

  test('cannot keep the process busy with a pattern, or with a choice in each level', async () => {
    const pattern = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
    const text = JSON.stringify({ a: `${'a'.repeat(60)}!` });
    await using stage = await clientsOf(saying('claude', text));
    const { choices } = await stage.openai.chat.completions.create({
      ...asked,
      response_format: formatOf(pattern),
    });
    expect(choices[0]?.message.content).toBe(text);
    const inside = { properties: { a: { $ref: '#' } } };
    const deep = { type: 'object', anyOf: [inside, inside], additionalProperties: true };
    const nested = `${'{"a":'.repeat(40)}{}${'}'.repeat(40)}`;
    await using other = await clientsOf(saying('plain', nested));
    const failed = other.openai.chat.completions.create({ ...asked, response_format: formatOf(deep) });
    await expect(failed).rejects.toMatchObject({ status: 400 });
  });

  test('that says nothing, and a pipeline without output(), pass the format on as before', async () => {
    const model = saying('claude', 'Hi', '{"a":["x"]}');
    await using stage = await clientsOf(model);
    await stage.openai.chat.completions.create({ ...asked, response_format: formatOf({}) });
    const layers: Middleware[] = [];
    await using without = await clientsOf(model, layers);
    await without.openai.chat.completions.create(asked);
    expect(model.requests.map(({ responseFormat }) => responseFormat)).toMatchObject([
      { schema: {} },
      { schema: numbers },
    ]);
  });
});
