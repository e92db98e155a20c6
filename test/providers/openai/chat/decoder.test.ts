import { describe, expect, it } from 'vitest';

import { callsOf, chat, decode, finish, joined } from '../support.ts';

const tool = (index: number | undefined, id: string | undefined, name?: string, args?: string): object => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }],
});

describe('the decoder of Chat Completions', () => {
  it('reads text, the end and what follows the end', () => {
    const { chunks, reply, call } = decode('chat', [
      chat({ role: 'assistant', content: '', refusal: null }),
      chat({ content: 'Hel' }),
      chat({ content: 'lo' }),
      finish('stop'),
      {
        id: 'c1',
        model: 'm-2026',
        service_tier: 'flex',
        choices: [],
        usage: {
          prompt_tokens: 10,
          completion_tokens: 5,
          total_tokens: 15,
          prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
          completion_tokens_details: { reasoning_tokens: 3 },
        },
      },
    ]);
    expect(chunks).toEqual([
      { type: 'content', content: 'Hel' },
      { type: 'content', content: 'lo' },
    ]);
    expect(reply).toMatchObject({
      finishReason: 'stop',
      rawFinishReason: 'stop',
      model: 'm-2026',
      provider: 'openai',
      requestId: 'req_1',
      serviceTier: 'flex',
    });
    expect(call.usage).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15,
      cachedInputTokens: 4,
      cacheWriteTokens: 2,
      reasoningTokens: 3,
      raw: expect.objectContaining({ prompt_tokens: 10 }),
    });
    expect(reply?.usage).toBe(call.usage);
  });

  it('R18 pushes nothing for an opening, keep-alive choices and unknown fields', () => {
    const { chunks } = decode('chat', [
      { id: '', model: '', choices: [], prompt_filter_results: [] },
      chat({ role: 'assistant', content: null }, { obfuscation: 'xyz' }),
      chat({ content: '' }),
      finish('stop'),
    ]);
    expect(chunks).toEqual([]);
  });

  it.each(['reasoning_content', 'reasoning'])('reads thinking from %s', (field) => {
    const { chunks } = decode('chat', [chat({ [field]: 'Hm' }), chat({ content: 'Yes' }), finish('stop')]);
    expect(chunks).toEqual([
      { type: 'thinking', content: 'Hm' },
      { type: 'content', content: 'Yes' },
    ]);
  });

  it('does not read thinking twice if a server fills both fields', () => {
    const { chunks } = decode('chat', [chat({ reasoning: 'Hm', reasoning_content: 'Hm' }), finish('stop')]);
    expect(joined(chunks, 'thinking')).toBe('Hm');
  });

  it('reads content that is a list of parts', () => {
    const { chunks } = decode('chat', [
      chat({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }] }),
      chat({
        content: [
          { type: 'text', text: 'Yes' },
          { type: 'reference', reference_ids: [1] },
        ],
      }),
      finish('stop'),
    ]);
    expect(chunks).toEqual([
      { type: 'thinking', content: 'Hm' },
      { type: 'content', content: 'Yes' },
      { type: 'content', content: '', citations: [{ type: 'reference', reference_ids: [1] }] },
    ]);
  });

  it('marks a refusal', () => {
    const { chunks, reply } = decode('chat', [
      chat({ refusal: 'I ' }),
      chat({ refusal: 'won’t' }),
      finish('stop'),
    ]);
    expect(chunks[0]).toEqual({ type: 'content', content: 'I ', refusal: true });
    expect([joined(chunks, 'content'), reply?.finishReason]).toEqual(['I won’t', 'refusal']);
  });

  it('keeps citations of the delta and of the event', () => {
    const { chunks } = decode('chat', [
      { ...chat({ content: 'a' }), citations: ['https://a'] },
      { ...chat({ annotations: [{ type: 'url_citation' }] }), citations: ['https://a', 'https://b'] },
      finish('stop'),
    ]);
    expect(chunks).toEqual([
      { type: 'content', content: 'a' },
      { type: 'content', content: '', citations: [{ type: 'url_citation' }] },
      { type: 'content', content: '', citations: ['https://a', 'https://b'] },
    ]);
  });

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['model_length', 'length'],
    ['content_filter', 'content_filter'],
    ['function_call', 'tool_calls'],
    ['STOP', 'stop'],
    ['moon', 'other'],
  ])('reads the finish reason %s as %s', (raw, reason) => {
    const { reply } = decode('chat', [chat({ content: 'x' }), finish(raw)]);
    expect([reply?.rawFinishReason, reply?.finishReason]).toEqual([raw, reason]);
  });

  it('ignores finish reasons that are empty or null', () => {
    const { error } = decode('chat', [chat({ content: 'x' }, { finish_reason: '' })], { sentinel: false });
    expect(error?.code).toBe('truncated');
  });
});

describe('usage of Chat Completions', () => {
  const usageOf = (...usages: object[]): unknown =>
    decode('chat', [
      chat({ content: 'x' }),
      ...usages.map((usage) => ({ ...chat({}), usage })),
      finish('stop'),
    ]).call.usage;

  it('is replaced if it comes with every chunk, never added, and null does not erase it', () => {
    const first = { prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 };
    const last = { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16 };
    expect(usageOf(first, last)).toMatchObject({ inputTokens: 7, outputTokens: 9, totalTokens: 16 });
    const { call } = decode('chat', [
      { ...finish('stop'), usage: last },
      { choices: [], usage: null },
    ]);
    expect(call.usage).toMatchObject({ totalTokens: 16 });
  });

  it("includes xAI's reasoning, which is not in the completion tokens", () => {
    const details = { completion_tokens_details: { reasoning_tokens: 100 } };
    expect(usageOf({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 115, ...details })).toMatchObject(
      {
        inputTokens: 10,
        outputTokens: 105,
        totalTokens: 115,
        reasoningTokens: 100,
      },
    );
  });

  it("includes Gemini's thinking, which only the total shows", () => {
    expect(usageOf({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 65 })).toMatchObject({
      outputTokens: 55,
      totalTokens: 65,
      reasoningTokens: 50,
    });
  });

  it('is read where DeepSeek, Moonshot and Groq put it', () => {
    expect(usageOf({ prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 8 })).toMatchObject({
      cachedInputTokens: 8,
    });
    const usage = { prompt_tokens: 3, completion_tokens: 2, cached_tokens: 1 };
    const inChoice = { choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage }] };
    expect(decode('chat', [inChoice]).call.usage).toMatchObject({ inputTokens: 3, cachedInputTokens: 1 });
    expect(decode('chat', [finish('stop', { x_groq: { usage } })]).call.usage).toMatchObject({
      inputTokens: 3,
    });
  });

  it('without a count is undefined', () => {
    expect(usageOf({}, { prompt_tokens: 'many' })).toBeUndefined();
  });
});

describe('tool calls of Chat Completions', () => {
  it('R24 are finished only at the end, with parsed arguments', () => {
    const { chunks, reply } = decode('chat', [
      chat(tool(0, 'a', 'add', '')),
      chat(tool(0, undefined, undefined, '{"x":')),
      chat(tool(0, undefined, undefined, '1}')),
      finish('tool_calls'),
    ]);
    const types = chunks.map((chunk) => chunk.type);
    expect(types.at(-1)).toBe('tool_call');
    expect(types.slice(0, -1).every((type) => type === 'tool_call_delta')).toBe(true);
    expect(callsOf(chunks)).toEqual([{ id: 'a', name: 'add', arguments: { x: 1 } }]);
    expect(reply?.finishReason).toBe('tool_calls');
  });

  it('R25 that share an index are told apart by their ids', () => {
    const { chunks } = decode('chat', [
      chat(tool(0, 'a', 'add', '{"x":1}')),
      chat(tool(0, 'b', 'add', '{"x":2}')),
      finish('tool_calls'),
    ]);
    expect(callsOf(chunks)).toEqual([
      { id: 'a', name: 'add', arguments: { x: 1 } },
      { id: 'b', name: 'add', arguments: { x: 2 } },
    ]);
  });

  it.each(['', '  ', '{}'])('R26 with the arguments %j have an empty object', (args) => {
    const { chunks } = decode('chat', [chat(tool(0, 'a', 'now', args)), finish('tool_calls')]);
    expect(callsOf(chunks)).toEqual([{ id: 'a', name: 'now', arguments: {} }]);
  });

  it('R23 are left out if the reply was cut by its length', () => {
    const { chunks, reply } = decode('chat', [chat(tool(0, 'a', 'add', '{"x":')), finish('length')]);
    expect([callsOf(chunks), reply?.finishReason]).toEqual([[], 'length']);
  });

  it('S9 with __proto__ in id or arguments pollute nothing', () => {
    const { chunks } = decode('chat', [
      chat(tool(0, '__proto__', 'add', '{"__proto__":{"polluted":true}}')),
      finish('tool_calls'),
    ]);
    expect(callsOf(chunks)[0]?.id).toBe('__proto__');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('S10 over the limit fail with a protocol error', () => {
    const calls = Array.from({ length: 1_025 }, (_, index) => chat(tool(index, `c${index}`, 'add', '{}')));
    const { error } = decode('chat', [...calls, finish('tool_calls')]);
    expect([error?.code, error?.retryable]).toEqual(['protocol', false]);
  });

  it('S10 at an index over the limit fail with a protocol error', () => {
    const { error } = decode('chat', [chat(tool(1e9, 'a', 'add', '{}')), finish('tool_calls')]);
    expect(error?.code).toBe('protocol');
  });

  it('of custom tools have a string as input, and a block that says so', () => {
    const custom = (id: string | undefined, name: string | undefined, input: string): object =>
      chat({ tool_calls: [{ index: 0, id, type: 'custom', custom: { name, input } }] });
    const { chunks } = decode('chat', [
      custom('a', 'code', 'print('),
      custom(undefined, undefined, '1)'),
      finish('tool_calls'),
    ]);
    expect(chunks.at(-1)).toMatchObject({
      type: 'tool_call',
      id: 'a',
      name: 'code',
      arguments: 'print(1)',
      block: { provider: 'openai.chat', data: { type: 'custom' } },
    });
  });

  it('in the old form of function_call are read, too', () => {
    const { chunks, reply } = decode('chat', [
      chat({ function_call: { name: 'add', arguments: '' } }),
      chat({ function_call: { arguments: '{"x":1}' } }),
      finish('function_call'),
    ]);
    expect(callsOf(chunks)).toMatchObject([{ name: 'add', arguments: { x: 1 } }]);
    expect(callsOf(chunks)[0]?.id).not.toBe('');
    expect(reply?.finishReason).toBe('tool_calls');
  });

  it('after which a server says stop end the reply with tool_calls', () => {
    const { reply } = decode('chat', [chat(tool(0, 'a', 'add', '{}')), finish('stop')]);
    expect([reply?.finishReason, reply?.rawFinishReason]).toEqual(['tool_calls', 'stop']);
  });
});
