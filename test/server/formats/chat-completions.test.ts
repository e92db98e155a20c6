import { describe, expect, it } from 'vitest';
import { chatCompletion, chatCompletions } from '../../../server/formats/chat-completions.ts';
import type { EncoderOptions } from '../../../server/formats/format.ts';
import type { SentEnd } from '../../../server/stream/parts.ts';
import { noUsage } from '../../../src/index.ts';
import { framesOf, itemsOf } from './frames.ts';
import type { Said } from './frames.ts';

const options: EncoderOptions = { clientTools: new Set(['weather', 'time']), model: 'gpt-x' };
const COMPLETED: SentEnd = { outcome: 'completed', finishReason: 'stop' };

/** The stream as short texts: a delta as it is, the finish reason, `[DONE]` or the code of an error. */
function log(said: readonly Said[], end: SentEnd = COMPLETED, more: EncoderOptions = {}): unknown[] {
  return framesOf(chatCompletions, itemsOf(said, end), { ...options, ...more }).map(({ data }) => {
    if (data === '[DONE]') return data;
    const { choices, error, usage } = JSON.parse(data);
    if (error !== undefined) return `error ${error.code}`;
    const [choice] = choices;
    return choice === undefined ? usage : (choice.finish_reason ?? choice.delta);
  });
}

const ROLE = { role: 'assistant', content: '' };
const hello: Said = { type: 'content', content: 'Hello' };
const delta = (id: string, argumentsDelta: string, name?: string): Said => ({
  type: 'tool_call_delta',
  id,
  argumentsDelta,
  ...(name !== undefined && { name }),
});
const call = (id: string, name: string, value: unknown): Said => ({
  type: 'tool_call',
  id,
  name,
  arguments: value,
});
const piece = (index: number, text: string): object => ({
  tool_calls: [{ index, function: { arguments: text } }],
});
const begin = (index: number, id: string, name: string, text: string): object => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: text } }],
});

describe('a stream of Chat Completions', () => {
  it('has one id, one time and the model that was asked for in all its chunks', () => {
    const frames = framesOf(chatCompletions, itemsOf([hello], COMPLETED), options);
    const [first] = frames.map(({ data }) => data);
    expect(JSON.parse(first ?? '')).toEqual({
      id: 'chatcmpl-turn-1',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'gpt-x',
      choices: [{ index: 0, delta: ROLE, logprobs: null, finish_reason: null }],
    });
    const bases = frames.slice(0, -1).map(({ data }) => {
      const { choices: _choices, ...base } = JSON.parse(data);
      return JSON.stringify(base);
    });
    expect(new Set(bases).size).toBe(1);
  });

  it('has the role in its first chunk alone, and what is said after it', () => {
    const said: Said[] = [
      { type: 'thinking', content: 'Hm.' },
      hello,
      { type: 'content', content: '' },
      { type: 'content', content: ' there' },
      { type: 'content', content: 'No.', refusal: true },
      { type: 'file', mediaType: 'image/png', data: 'AAAA' },
    ];
    expect(log(said)).toEqual([
      ROLE,
      { reasoning_content: 'Hm.' },
      { content: 'Hello' },
      { content: ' there' },
      { refusal: 'No.' },
      'stop',
      '[DONE]',
    ]);
    expect(log(said, COMPLETED, { thinking: false })).not.toContainEqual({ reasoning_content: 'Hm.' });
  });

  it('counts its calls from 0 in the order of their first pieces, and names each once', () => {
    const said = [
      delta('b', '{"city"', 'weather'),
      delta('a', '', 'time'),
      delta('b', ':"Rome"}'),
      delta('a', '{}'),
      call('a', 'time', {}),
      call('b', 'weather', { city: 'Rome' }),
    ];
    expect(log(said)).toEqual([
      ROLE,
      begin(0, 'b', 'weather', '{"city"'),
      begin(1, 'a', 'time', ''),
      piece(0, ':"Rome"'),
      piece(1, '{'),
      piece(1, '}'),
      piece(0, '}'),
      'tool_calls',
      '[DONE]',
    ]);
  });

  it('holds the last brace of a call back until the call is whole', () => {
    const said = [delta('a', '{"a":{}', 'time'), delta('a', ',"b":1}\n'), delta('a', ' ')];
    expect(log([...said, call('a', 'time', { a: {}, b: 1 })])).toEqual([
      ROLE,
      begin(0, 'a', 'time', '{"a":{'),
      piece(0, '},"b":1'),
      piece(0, '}\n '),
      'tool_calls',
      '[DONE]',
    ]);
    // A layer has taken the call back, or made another one of it.
    expect(log(said).slice(-1)).toEqual(['error truncated']);
    expect(log([...said, call('a', 'time', { a: {}, b: 2 })]).slice(-1)).toEqual(['error truncated']);
    expect(log([...said, call('a', 'weather', { a: {}, b: 1 })]).slice(-1)).toEqual(['error truncated']);
    expect(log([...said, call('a', 'secret', { a: {}, b: 1 })]).slice(-1)).toEqual(['error truncated']);
  });

  it('ends a call that was cut with its reply as the API does', () => {
    expect(
      log([delta('a', '{"city":"Ro', 'weather')], { outcome: 'completed', finishReason: 'length' }),
    ).toEqual([ROLE, begin(0, 'a', 'weather', '{"city":"Ro'), 'length', '[DONE]']);
  });

  it('waits for the name of a call', () => {
    const said = [delta('a', '{"x":'), delta('a', '1', 'time'), delta('a', '}'), call('a', 'time', { x: 1 })];
    expect(log(said)).toEqual([ROLE, begin(0, 'a', 'time', '{"x":1'), piece(0, '}'), 'tool_calls', '[DONE]']);
    expect(log([delta('a', '{"x":1}'), call('a', 'time', { x: 1 })])).toEqual([
      ROLE,
      begin(0, 'a', 'time', '{"x":1}'),
      'tool_calls',
      '[DONE]',
    ]);
  });

  it('never speaks of calls of others', () => {
    const said: Said[] = [
      delta('a', '{"x":1}', 'secret'),
      call('a', 'secret', { x: 1 }),
      { type: 'tool_progress', id: 'a', name: 'secret', data: 1 },
      { type: 'tool_result', id: 'a', name: 'secret', content: 'done', isError: false },
      { type: 'tool_call', id: 'b', name: 'weather', arguments: {}, providerExecuted: true },
      hello,
    ];
    const end: SentEnd = { outcome: 'completed', finishReason: 'tool_calls' };
    expect(log(said, end)).toEqual([ROLE, { content: 'Hello' }, 'stop', '[DONE]']);
    expect(log([call('a', 'weather', {})], COMPLETED, { clientTools: new Set() })).toEqual([
      ROLE,
      'stop',
      '[DONE]',
    ]);
  });

  it('gives arguments that are not JSON as the model wrote them, and {} for none', () => {
    const invalid: Said = {
      type: 'tool_call',
      id: 'a',
      name: 'time',
      arguments: {},
      invalid: { raw: '{"x":', reason: 'the arguments are not valid JSON' },
    };
    expect(log([invalid])[1]).toEqual(begin(0, 'a', 'time', '{"x":'));
    expect(log([delta('a', '', 'time'), call('a', 'time', {})]).slice(1, 3)).toEqual([
      begin(0, 'a', 'time', ''),
      piece(0, '{}'),
    ]);
  });

  it('makes an id for a call without one, and for a second call of one id', () => {
    const said = [call('', 'time', {}), call('a', 'time', {}), call('a', 'time', {})];
    const ids = framesOf(chatCompletions, itemsOf(said, COMPLETED), options)
      .slice(1, 4)
      .map(({ data }) => JSON.parse(data).choices[0].delta.tool_calls[0].id);
    expect(ids).toEqual(['call_turn-1_1', 'a', 'call_turn-1_3']);
  });

  it('has usage once, before its end, if it was asked for', () => {
    const usage = {
      ...noUsage(),
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15,
      cachedInputTokens: 4,
      cacheWriteTokens: 2,
      reasoningTokens: 3,
    };
    expect(log([hello], { ...COMPLETED, usage }, { includeUsage: true }).slice(2)).toEqual([
      'stop',
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 3 },
      },
      '[DONE]',
    ]);
    expect(log([hello], { ...COMPLETED, usage }).slice(2)).toEqual(['stop', '[DONE]']);
  });

  const failed: SentEnd = {
    outcome: 'failed',
    error: { code: 'overloaded', message: 'The provider is overloaded.', retryable: true },
  };

  it.each<[string, SentEnd, string[]]>([
    ['completed', COMPLETED, ['stop', '[DONE]']],
    ['completed at its longest length', { ...COMPLETED, finishReason: 'length' }, ['length', '[DONE]']],
    ['stopped by a filter', { ...COMPLETED, finishReason: 'content_filter' }, ['content_filter', '[DONE]']],
    ['a refusal', { ...COMPLETED, finishReason: 'refusal' }, ['stop', '[DONE]']],
    ['paused by its provider', { ...COMPLETED, finishReason: 'pause' }, ['length', '[DONE]']],
    ['stopped by a guard', { outcome: 'interrupted', reason: 'guard: money' }, ['content_filter', '[DONE]']],
    ['interrupted by its rounds', { outcome: 'interrupted', reason: 'max_rounds' }, ['length', '[DONE]']],
    [
      'waiting for an approval',
      {
        outcome: 'interrupted',
        reason: 'approval',
        pending: [{ callId: 'c', name: 'secret', arguments: {}, waitsFor: 'approval' }],
      },
      ['length', '[DONE]'],
    ],
    ['stopped', { outcome: 'cancelled', reason: 'stopped' }, ['error cancelled']],
    ['failed', failed, ['error server_is_overloaded']],
  ])('that is %s has the end that the table says', (_what, end, expected) => {
    expect(log([hello], end)).toEqual([ROLE, { content: 'Hello' }, ...expected]);
  });

  it('answers for the calls of the client, whatever else the turn waits for', () => {
    const pending = [{ callId: 'c', name: 'secret', arguments: {}, waitsFor: 'approval' as const }];
    const end: SentEnd = { outcome: 'interrupted', reason: 'approval', pending };
    expect(log([call('a', 'time', {})], end).slice(-2)).toEqual(['tool_calls', '[DONE]']);
    expect(log([call('a', 'time', {})], { outcome: 'interrupted', reason: 'x' }).slice(-2)).toEqual([
      'length',
      '[DONE]',
    ]);
  });

  it('sends nothing after an error', () => {
    const encoder = chatCompletions.encoder(options);
    encoder.start({ turnId: 't', startedAt: 0 });
    expect(encoder.end(failed, 1, 0)).toHaveLength(1);
    expect(encoder.end(COMPLETED, 1, 0)).toEqual([]);
    expect(encoder.chunk({ type: 'content', content: 'x', call: 1, index: 0 }, 1, 0)).toEqual([]);
  });
});

describe('a chat completion in one piece', () => {
  it('has no word of what was taken back', () => {
    const said: Said[] = [
      { type: 'content', content: 'Wrong', call: 1 },
      { ...call('a', 'time', {}), call: 1 },
      { type: 'reset', from: 1, calls: [1], reason: 'again', call: 1 },
      { type: 'content', content: 'Right', call: 2 },
    ];
    const { status, body } = chatCompletion(itemsOf(said, COMPLETED), options, 'req-1');
    expect(status).toBe(200);
    expect(body).toEqual({
      id: 'chatcmpl-turn-1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'gpt-x',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Right', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
    });
  });

  it('names calls without an id, or with one that came before, as the stream does', () => {
    const said = [call('', 'weather', {}), call('c1', 'time', {}), call('c1', 'weather', {})];
    interface Calls {
      tool_calls?: { id?: string }[];
    }
    const streamed = log(said).flatMap(
      (delta) => (delta as Calls).tool_calls?.flatMap(({ id }) => id ?? []) ?? [],
    );
    const { body } = chatCompletion(itemsOf(said, COMPLETED), options, 'req-1');
    const { choices } = body as { choices: { message: Calls }[] };
    expect(choices[0]?.message.tool_calls?.map(({ id }) => id)).toEqual(streamed);
    expect(new Set(streamed).size).toBe(3);
  });

  it('has no content if it is calls alone', () => {
    const { body } = chatCompletion(itemsOf([call('a', 'time', { x: 1 })], COMPLETED), options, 'req-1');
    expect(body).toMatchObject({
      choices: [
        {
          finish_reason: 'tool_calls',
          message: {
            content: null,
            tool_calls: [{ id: 'a', type: 'function', function: { name: 'time', arguments: '{"x":1}' } }],
          },
        },
      ],
    });
  });

  it('is an error with a status if it was stopped or cut', () => {
    const stopped = chatCompletion(itemsOf([hello], { outcome: 'cancelled' }), options, 'req-1');
    expect([stopped.status, stopped.body]).toEqual([
      499,
      {
        error: {
          message: 'The request was cancelled.',
          type: 'server_error',
          param: null,
          code: 'cancelled',
        },
      },
    ]);
    const cut = chatCompletion(itemsOf([hello], COMPLETED).slice(0, -1), options, 'req-1');
    expect(cut.status).toBe(502);
    expect(cut.headers).toMatchObject({ 'x-request-id': 'req-1', 'x-should-retry': 'true' });
  });

  it('names the model that answered in a header, if that is one', () => {
    const of = (model: string): string | undefined =>
      chatCompletion(itemsOf([hello], { ...COMPLETED, model }), options, 'req-1').headers['x-sluice-model'];
    expect(of('gpt-x-2026')).toBe('gpt-x-2026');
    expect(of('a\r\nb')).toBeUndefined();
  });
});
