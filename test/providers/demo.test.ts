import { getEventListeners } from 'node:events';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { demo } from '../../providers/demo/index.ts';
import type { Message, ModelRequest, Parameters, StreamChunk, ToolDefinition } from '../../src/index.ts';
import { fakeCall, readingOf, readStream } from './anthropic/support.ts';

const HONESTY = 'demo model: set OPENAI_API_KEY or ANTHROPIC_API_KEY for a real one';

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });

/** The reply of the demo model to a conversation, without its closing words about itself. */
async function answer(messages: Message[], more: Partial<ModelRequest> = {}) {
  const request: ModelRequest = { messages, parameters: {}, ...more };
  const call = fakeCall(request);
  const { chunks, reply } = await readStream(demo({ wordDelayMs: 0 }).stream(request, call));
  const reading = readingOf(chunks, reply);
  return { ...reading, said: reading.text.split('\n\n(')[0], chunks, reply, call };
}

function asked(prompt: string, parameters: Parameters = {}, tools: ToolDefinition[] = []) {
  return answer([user(prompt)], { parameters, tools });
}

function tool(name: string, properties: Record<string, object>): ToolDefinition {
  return { name, parameters: { type: 'object', properties, required: Object.keys(properties) } };
}

const CALCULATOR = tool('calculator', { expression: { type: 'string' } });

describe('the words of the demo model', () => {
  it('say in every reply that it is not a real model', async () => {
    for (const prompt of ['Hi', 'Write a haiku about rivers', 'What is 6 * 7?', 'Why?', '']) {
      expect((await asked(prompt)).text).toContain(HONESTY);
    }
  });

  it('are the same in the same conversation, a word in each chunk', async () => {
    const [first, second] = [
      await asked('Write a haiku about rivers'),
      await asked('Write a haiku about rivers'),
    ];
    expect(first.chunks).toEqual(second.chunks);
    expect(first.said).toBe('Morning, and rivers,\nslow words gather in the dark,\nthe sea keeps no count');
    const words = first.chunks.map((chunk) => (chunk.type === 'content' ? chunk.content : ''));
    expect(words.slice(0, 4)).toEqual(['Morning, ', 'and ', 'rivers,\n', 'slow ']);
  });

  it.each([
    ['Hello!', /^Hello! Nice to meet you\./],
    ['Write a haiku about the moon.', /^Morning, and the moon,\n/],
    ['Tell me a story about a fox', /^Once there was a fox, /],
    ['Repeat after me: "one two"', /^one two$/],
    ['Summarize: The cat sat. Then it ran.', /^In short \(6 words\): The cat sat\.$/],
    ['Who are you?', /in the place of a model/],
    ['What is the capital of France?', /^You said: “What is the capital of France\?”/],
  ])('reply to %j suitably', async (prompt, expected) => {
    expect((await asked(prompt)).said).toMatch(expected);
  });

  it.each([
    ['What is 17 * 23?', '17 * 23 is 391.'],
    ['what is 2 plus 2', '2 + 2 is 4.'],
    ['Compute (1.5 + 2) * 4 / 7', '(1.5 + 2) * 4 / 7 is 2.'],
    ['How much is 1,000 times 3', '1000 * 3 is 3000.'],
    ['What is 2^3^2?', '2^3^2 is 512.'],
    ['-2 ^ 2 + 10 % 4', '-2 ^ 2 + 10 % 4 is -2.'],
    ['Please add 3 and 4', '3 + 4 is 7.'],
    ['subtract 3 from 10', '10 - 3 is 7.'],
    ['0.1 + 0.2', '0.1 + 0.2 is 0.3.'],
  ])('solve %j', async (prompt, expected) => {
    expect((await asked(prompt)).said).toBe(expected);
  });

  it.each(['On 2024-11-21', 'Call 555-1234', 'version 1.2.3', '10 / 0', '(1 + 2', `${'('.repeat(900)}1 + 1`])(
    'do not take %j for a calculation',
    async (prompt) => {
      expect((await asked(prompt)).said).toMatch(/^You said: /);
    },
  );

  it('recall what was said in this conversation, and only in this one', async () => {
    const told = [
      user('My name is Ada and I like rivers.'),
      assistant('Nice to meet you, Ada!'),
      user('My favorite color is deep blue.'),
      assistant('I will remember that.'),
    ];
    const answers = await Promise.all(
      [
        'What is my name?',
        "What's my favorite color?",
        'What did I say first?',
        'What did you say last?',
      ].map(async (question) => (await answer([...told, user(question)])).said),
    );
    expect(answers).toEqual([
      'Your name is Ada.',
      'Your favorite color is deep blue.',
      'What you said first was: “My name is Ada and I like rivers.”',
      'What I said last was: “I will remember that.”',
    ]);
    expect((await asked('What is my name?')).said).toBe('You have not told me your name yet.');
    expect((await asked('My name is Ada.')).said).toBe('Nice to meet you, Ada! I will remember your name.');
  });

  it('include thinking if the parameters or the prompt ask for it', async () => {
    const thinking = 'The question is: “What is 6 * 7?” It asks for 6 * 7. Done step by step, that makes 42.';
    const { chunks, ...reading } = await asked('What is 6 * 7?', { reasoning: { effort: 'high' } });
    expect(reading).toMatchObject({ thinking, said: '6 * 7 is 42.' });
    expect(chunks.map(({ type }) => type).lastIndexOf('thinking')).toBe(
      chunks.map(({ type }) => type).indexOf('content') - 1,
    );
    expect(reading.usage?.reasoningTokens).toBe(Math.ceil(thinking.length / 4));
    expect((await asked('Think step by step: what is 6 * 7?')).thinking).not.toBe('');
    expect((await asked('What is 6 * 7?', { reasoning: { effort: 'none' } })).thinking).toBe('');
    expect((await asked('Why?', { reasoning: { budgetTokens: 2 } })).thinking).toHaveLength(8);
  });

  it('are a value of the schema if there is one', async () => {
    const schema = {
      type: 'object',
      properties: {
        title: { type: 'string' },
        stars: { type: 'integer', minimum: 3 },
        tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 2 },
        kind: { const: 'book' },
        ['__proto__']: { type: 'boolean' },
        left: { type: 'null' },
      },
      required: ['title', 'stars', 'tags', 'kind', '__proto__'],
    };
    const { text } = await answer([user('A book')], {
      responseFormat: { type: 'json_schema', name: 'book', schema },
    });
    expect(text).toBe('{"title":"A book","stars":3,"tags":["a","a"],"kind":"book","__proto__":true}');
    const json = await answer([user('Hi')], { responseFormat: { type: 'json' } });
    expect(JSON.parse(json.text)).toMatchObject({ model: 'demo' });
  });
});

describe('the tools of the demo model', () => {
  it('include an offered calculator, whose result the reply gives', async () => {
    const question = user('What is 17 * 23?');
    const { chunks, toolCalls, finishReason, text } = await answer([question], { tools: [CALCULATOR] });
    expect(toolCalls).toEqual([
      { id: 'demo_call_1', name: 'calculator', arguments: { expression: '17 * 23' } },
    ]);
    expect([finishReason, text]).toEqual(['tool_calls', '']);
    const json = chunks
      .map((chunk) => (chunk.type === 'tool_call_delta' ? chunk.argumentsDelta : ''))
      .join('');
    expect(json).toBe('{"expression":"17 * 23"}');

    const call = { type: 'tool_call' as const, id: 'demo_call_1', name: 'calculator', arguments: {} };
    const result = { type: 'tool_result' as const, id: 'demo_call_1', name: 'calculator', content: '391' };
    const history: Message[] = [
      question,
      { role: 'assistant', content: [call] },
      { role: 'tool', content: [result] },
    ];
    const last = await answer(history, { tools: [CALCULATOR] });
    expect([last.said, last.toolCalls]).toEqual(['The tool calculator says: 391', []]);
    const failed = { ...result, isError: true, content: [{ type: 'text' as const, text: 'No.' }] };
    history[2] = { role: 'tool', content: [failed] };
    expect((await answer(history)).said).toBe('The tool calculator failed: No.');
    const again = await answer([...history, assistant('Hm.'), question], { tools: [CALCULATOR] });
    expect(again.toolCalls[0]?.id).toBe('demo_call_2');
  });

  it.each<[ToolDefinition, unknown]>([
    [tool('add', { a: { type: 'number' }, b: { type: 'number' } }), { a: 17, b: 23 }],
    [
      tool('math', {
        x: { type: 'number' },
        y: { type: 'number' },
        op: { type: 'string', enum: ['add', 'multiply'] },
      }),
      { x: 17, y: 23, op: 'multiply' },
    ],
    [
      tool('compute', {
        operation: { type: 'string' },
        numbers: { type: 'array', items: { type: 'number' } },
      }),
      { operation: '*', numbers: [17, 23] },
    ],
    [tool('evaluate', { text: { type: 'string' } }), { text: '17 * 23' }],
  ])('get the arguments of %j', async (calculator, expected) => {
    const { toolCalls } = await asked('What is 17 * 23?', {}, [calculator]);
    expect(toolCalls[0]?.arguments).toEqual(expected);
  });

  it('are called if the prompt names them, and not otherwise', async () => {
    const weather = tool('get_weather', { city: { type: 'string' } });
    const { toolCalls } = await asked('How is the weather in New York today?', {}, [CALCULATOR, weather]);
    expect(toolCalls).toMatchObject([{ name: 'get_weather', arguments: { city: 'New York' } }]);
    expect((await asked('Hi', {}, [CALCULATOR, weather])).toolCalls).toEqual([]);
  });

  it('follow the tool choice', async () => {
    const other = tool('other', {});
    const name = async (toolChoice: Parameters['toolChoice'], prompt = 'Hi') =>
      (await asked(prompt, { toolChoice }, [CALCULATOR, other])).toolCalls[0]?.name;
    expect([
      await name('none', 'What is 1 + 1?'),
      await name('required'),
      await name({ name: 'other' }),
      await name('auto'),
    ]).toEqual([undefined, 'calculator', 'other', undefined]);
  });

  it('R23 are not called if the call does not fit into maxTokens', async () => {
    const { toolCalls, finishReason, chunks } = await asked('What is 17 * 23?', { maxTokens: 2 }, [
      CALCULATOR,
    ]);
    expect([toolCalls, finishReason]).toEqual([[], 'length']);
    expect(chunks.map(({ type }) => type)).toEqual(['tool_call_delta', 'tool_call_delta']);
  });
});

describe('the limits and counts of the demo model', () => {
  it('end the reply at maxTokens, thinking included', async () => {
    const { text, finishReason, reply } = await asked('Why?', { maxTokens: 3 });
    expect([text, finishReason, reply.rawFinishReason]).toEqual(['You said: “W', 'length', 'max_tokens']);
    expect(reply.usage?.outputTokens).toBe(3);
    const thinking = await asked('Why?', { maxTokens: 3, reasoning: {} });
    expect([thinking.thinking, thinking.text]).toEqual(['The question', '']);
  });

  it('end the reply before a stop sequence', async () => {
    const { text, finishReason, reply } = await asked('Why?', { stopSequences: ['haiku', 'greet', ''] });
    expect([text, finishReason, reply.rawFinishReason]).toEqual([
      'You said: “Why?” I can ',
      'stop',
      'stop_sequence',
    ]);
  });

  it('are on the call while it speaks', async () => {
    const call = fakeCall({ messages: [user('Hi')], parameters: {} });
    const stream = demo({ wordDelayMs: 0 }).stream(call.call.request, call);
    const seen: unknown[] = [];
    for await (const _ of stream) seen.push(call.call.usage?.outputTokens);
    expect(seen.slice(0, 3)).toEqual([2, 3, 4]);
    expect(stream.reply).toMatchObject({
      provider: 'demo',
      model: 'demo',
      usage: { outputTokens: seen.at(-1), reasoningTokens: 0 },
    });
    expect(stream.reply?.usage).toEqual(call.call.usage);
    expect(call.call.usage?.totalTokens).toBe((call.call.usage?.inputTokens ?? 0) + Number(seen.at(-1)));
  });

  it('include the raw request and reply if asked to', async () => {
    const { reply, chunks } = await asked('Hi', { includeRaw: true });
    expect(reply.raw).toMatchObject({ request: { model: 'demo', messages: [user('Hi')] }, reply: chunks });
  });

  it('warn of parameters without an effect, and fail with strict', async () => {
    const parts: Message = { role: 'user', content: [{ type: 'image', url: 'https://x.test/a.png' }] };
    const { call } = await answer([parts], { parameters: { temperature: 0, promptCache: 'auto' } });
    expect(call.warnings).toEqual([
      'demo: temperature has no effect on the demo model',
      'demo: promptCache has no effect on the demo model',
      'demo: the demo model cannot look at a part of type image',
    ]);
    await expect(asked('Hi', { temperature: 0, strict: true })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('refuse wrong options by name', () => {
    const wrong = { wordDelayMs: -1, pace: 2 };
    expect(() => demo(wrong)).toThrow(/demo\(\): wordDelayMs is a number: .*pace is not an option/);
  });
});

describe('the pace of the demo model', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start(options: object, signal = new AbortController().signal) {
    const call = fakeCall({ messages: [user('Hi')], parameters: {} }, signal);
    const chunks: StreamChunk[] = [];
    const stream = demo(options).stream(call.call.request, call);
    return { stream, chunks };
  }

  it('is 40 ms before each word by default', async () => {
    const { stream } = start({});
    const arrived: number[] = [];
    const begun = Date.now();
    const reading = (async () => {
      for await (const _ of stream) arrived.push(Date.now() - begun);
    })();
    await vi.advanceTimersByTimeAsync(130);
    expect(arrived).toEqual([40, 80, 120]);
    await vi.runAllTimersAsync();
    await reading;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('uses no timer with 0', async () => {
    const { stream } = start({ wordDelayMs: 0 });
    const first = await stream.next();
    expect([first.value, vi.getTimerCount()]).toEqual([{ type: 'content', content: 'Hello! ', call: 0 }, 0]);
    await stream.close();
  });

  it('R22 ends with an aborted signal, and neither timer nor listener remains', async () => {
    const controller = new AbortController();
    const { stream } = start({}, controller.signal);
    const pending = stream.next();
    await vi.advanceTimersByTimeAsync(10);
    controller.abort(new Error('enough'));
    await expect(pending).rejects.toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
    expect([vi.getTimerCount(), getEventListeners(controller.signal, 'abort').length]).toEqual([0, 0]);
  });

  it('ends with close(), and neither timer nor listener remains', async () => {
    const controller = new AbortController();
    const { stream } = start({}, controller.signal);
    const pending = stream.next();
    await vi.advanceTimersByTimeAsync(10);
    await stream.close();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect([vi.getTimerCount(), getEventListeners(controller.signal, 'abort').length]).toEqual([0, 0]);
  });

  it('has nothing to say under a signal that is already aborted', async () => {
    const { stream } = start({}, AbortSignal.abort());
    await expect(stream.next()).rejects.toMatchObject({ code: 'aborted' });
  });
});
