import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { ExecutionOptions, Message, Middleware, Part, ToolChoice } from 'sluice';
import { provider } from 'sluice/middleware';
import { faultServer } from 'sluice/testing';
import { wireStages } from '../support/wire-stages.ts';
import type { WireStage } from '../support/wire-stages.ts';
import { at, listAt } from '../support/json.ts';

/** The body of one request, and the warnings. */
async function sent(wire: WireStage, messages: Message[], options: ExecutionOptions = {}) {
  await using server = await faultServer();
  server.enqueue({ stream: wire.stream({ text: 'Done.' }) });
  const { warnings } = await new Pipeline([provider(wire.make(server))]).execute(messages, options);
  return { body: server.requests[0]?.body, warnings };
}

function wireNamed(name: string): WireStage {
  const found = wireStages.find((wire) => wire.name === name);
  if (found === undefined) throw new Error(`There is no wire ${name}.`);
  return found;
}

const question: Message = { role: 'user', content: 'hi' };
const add = { name: 'add', parameters: { type: 'object', properties: {} } };

describe.each(wireStages)('the tool choice on $name', (wire) => {
  const choices: Record<string, readonly [ToolChoice, unknown][]> = {
    chat: [
      ['auto', 'auto'],
      ['none', 'none'],
      ['required', 'required'],
      [{ name: 'add' }, { type: 'function', function: { name: 'add' } }],
    ],
    responses: [
      ['auto', 'auto'],
      ['none', 'none'],
      ['required', 'required'],
      [{ name: 'add' }, { type: 'function', name: 'add' }],
    ],
    anthropic: [
      ['auto', { type: 'auto' }],
      ['none', { type: 'none' }],
      ['required', { type: 'any' }],
      [{ name: 'add' }, { type: 'tool', name: 'add' }],
    ],
  };
  test.each(choices[wire.name] ?? [])('%j is sent, with the tools', async (toolChoice, choice) => {
    const { body, warnings } = await sent(wire, [question], { tools: [add], parameters: { toolChoice } });
    expect(at(body, 'tool_choice')).toEqual(choice);
    expect(listAt(body, 'tools')).toHaveLength(1);
    expect(warnings).toEqual([]);
  });
});

const call = (id: string): Part => ({ type: 'tool_call', id, name: 'look', arguments: {} });
const result = (id: string, content: Extract<Part, { type: 'tool_result' }>['content'], more = {}): Part => ({
  ...{ type: 'tool_result', id, name: 'look', content },
  ...more,
});
const image = { type: 'image', data: 'iVBORw0KGgo=', mediaType: 'image/png' } as const;
const pdf = { type: 'file', data: 'JVBERi0=', mediaType: 'application/pdf', filename: 'a.pdf' } as const;
const PNG = 'data:image/png;base64,iVBORw0KGgo=';
const PDF = 'data:application/pdf;base64,JVBERi0=';

/** What follows the question in a request. */
const rest = (body: unknown): readonly unknown[] =>
  [...listAt(body, 'messages'), ...listAt(body, 'input')].slice(1);

describe('results with parts', () => {
  const conversation: Message[] = [
    question,
    { role: 'assistant', content: [call('a'), call('b'), call('c')] },
    {
      role: 'tool',
      content: [
        result('a', [{ type: 'text', text: 'a cat' }, image]),
        result('b', [pdf], { isError: true }),
        result('c', [image]),
      ],
    },
    { role: 'user', content: 'Well?' },
  ];

  test('follow as a message of the user on chat, after all results, with a warning', async () => {
    const { body, warnings } = await sent(wireNamed('chat'), conversation);
    expect(rest(body).slice(1)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'a cat' },
      { role: 'tool', tool_call_id: 'b', content: 'The tool failed and gave no message.' },
      { role: 'tool', tool_call_id: 'c', content: 'The result is in the next message of the user.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Result of the tool look (call a):' },
          { type: 'image_url', image_url: { url: PNG } },
          { type: 'text', text: 'Result of the tool look (call b):' },
          { type: 'file', file: { filename: 'a.pdf', file_data: PDF } },
          { type: 'text', text: 'Result of the tool look (call c):' },
          { type: 'image_url', image_url: { url: PNG } },
        ],
      },
      { role: 'user', content: 'Well?' },
    ]);
    const follows = (type: string): string =>
      `openai: a part of type ${type} cannot be sent in the result of a tool, it follows as a message of the user`;
    expect(warnings).toEqual([follows('image'), follows('file')]);
  });

  test('stay in order on chat if each result is a message of its own', async () => {
    const split: Message[] = [
      ...conversation.slice(0, 2),
      { role: 'tool', content: [result('a', [image])] },
      { role: 'tool', content: [result('b', 'two')] },
      { role: 'tool', content: [result('c', 'three')] },
    ];
    const { body } = await sent(wireNamed('chat'), split);
    expect(rest(body).map((message) => at(message, 'tool_call_id') ?? at(message, 'role'))).toEqual([
      ...['assistant', 'a', 'b', 'c'],
      'user',
    ]);
  });

  test('are part of the result on responses', async () => {
    const { body, warnings } = await sent(wireNamed('responses'), conversation);
    expect(rest(body).slice(3)).toEqual([
      {
        type: 'function_call_output',
        call_id: 'a',
        output: [
          { type: 'input_text', text: 'a cat' },
          { type: 'input_image', image_url: PNG, detail: 'auto' },
        ],
      },
      {
        type: 'function_call_output',
        call_id: 'b',
        output: [{ type: 'input_file', filename: 'a.pdf', file_data: PDF }],
      },
      {
        type: 'function_call_output',
        call_id: 'c',
        output: [{ type: 'input_image', image_url: PNG, detail: 'auto' }],
      },
      { role: 'user', content: 'Well?' },
    ]);
    expect(warnings).toEqual([]);
  });

  test('are part of the result on anthropic, in one message with what the user says', async () => {
    const { body, warnings } = await sent(wireNamed('anthropic'), conversation);
    const png = { type: 'image', source: { type: 'base64', data: image.data, media_type: 'image/png' } };
    expect(rest(body).slice(1)).toEqual([
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'a cat' }, png] },
          {
            type: 'tool_result',
            tool_use_id: 'b',
            content: [{ type: 'text', text: '(file: application/pdf)' }],
            is_error: true,
          },
          { type: 'tool_result', tool_use_id: 'c', content: [png] },
          { type: 'text', text: 'Well?' },
        ],
      },
    ]);
    expect(warnings).toEqual([
      'anthropic: an error of a tool takes only text: a part of type file is named in it',
    ]);
  });

  test('come from a chunk, and stay in the messages, in the session and in its replay', async () => {
    const store = new MemoryStore();
    const parts = [{ type: 'text', text: 'a cat' } as const, image];
    const looks: Middleware = async function* looks() {
      yield { type: 'tool_call', id: 'a', name: 'look', arguments: {} };
      yield { type: 'tool_result', id: 'a', name: 'look', content: 'a cat', parts, isError: false };
      yield { type: 'content', content: 'A cat.' };
      return { finishReason: 'stop' };
    };
    const pipeline = new Pipeline([looks], { store });
    const first = await pipeline.executeWithContext('s', 'user', 'hi', { turnId: 't' });
    const again = await pipeline.executeWithContext('s', 'user', 'hi', { turnId: 't' });
    expect(again.replayed).toBe(true);
    const stored = (await store.load('s'))?.messages;
    for (const messages of [first.messages, stored])
      expect(at(messages, 2, 'content')).toEqual([result('a', parts)]);
    expect(again.response.parts[1]).toEqual(result('a', parts));
  });

  test('that are no list are an error that names the layer', async () => {
    const odd: Middleware = async function* odd() {
      yield { type: 'tool_result', id: 'a', name: 'look', content: '', parts: 'x' as never, isError: false };
      return { finishReason: 'stop' };
    };
    await expect(new Pipeline([odd]).execute('user', 'hi')).rejects.toMatchObject({
      code: 'middleware',
      message: expect.stringContaining('"odd"'),
    });
  });
});
