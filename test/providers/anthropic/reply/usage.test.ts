import { describe, expect, it } from 'vitest';

import type { Usage } from '../../../../src/index.ts';
import { block, ending, opening, TEXT, text, USAGE } from './events.ts';
import { decode, decoderOf, fakeCall } from '../support.ts';

/** The usage of a reply with these usage objects: of its opening, then of each `message_delta`. */
function usageOf(first: object | undefined, ...later: object[]): Usage | undefined {
  const deltas = later.map((usage) => ({ type: 'message_delta', delta: {}, usage }));
  const end = [...deltas, { type: 'message_stop' }];
  return decode([opening('msg_1', { usage: first }), ...block(0, TEXT, text('x')), ...end]).reply.usage;
}

const counts = (usage: Usage | undefined) => [
  usage?.inputTokens,
  usage?.cachedInputTokens,
  usage?.cacheWriteTokens,
  usage?.outputTokens,
  usage?.reasoningTokens,
];

describe('R50 the counts of one call', () => {
  it.each([
    ['0', { input_tokens: 0, output_tokens: 15 }],
    ['null', { input_tokens: null, output_tokens: 15 }],
    ['left out', { output_tokens: 15 }],
    ['no number', { input_tokens: 'many', output_tokens: 15 }],
  ])('stay if they are %s later', (_name, later) => {
    const first = {
      input_tokens: 25,
      cache_read_input_tokens: 7,
      cache_creation_input_tokens: 3,
      output_tokens: 1,
    };
    const usage = usageOf(first, { cache_read_input_tokens: 0, cache_creation_input_tokens: null, ...later });
    expect(counts(usage)).toEqual([35, 7, 3, 15, 0]);
    expect(usage).not.toHaveProperty('estimated');
  });

  it('never fall, and are never added up', () => {
    expect(
      counts(usageOf({ input_tokens: 5, output_tokens: 1 }, { output_tokens: 90 }, { output_tokens: 60 })),
    ).toEqual([5, 0, 0, 90, 0]);
    const cached = { input_tokens: 5, cache_read_input_tokens: 1000, output_tokens: 1 };
    expect(
      counts(usageOf(cached, { input_tokens: 5, cache_read_input_tokens: 0, output_tokens: 9 })),
    ).toEqual([1005, 1000, 0, 9, 0]);
    const thought = { output_tokens: 9, output_tokens_details: { thinking_tokens: 4 } };
    expect(
      counts(usageOf({ input_tokens: 5 }, thought, { output_tokens: 9, output_tokens_details: null })),
    ).toEqual([5, 0, 0, 9, 4]);
    const none = { output_tokens: 9, output_tokens_details: { thinking_tokens: 0 } };
    expect(counts(usageOf({ input_tokens: 5 }, thought, none))).toEqual([5, 0, 0, 9, 4]);
  });

  it('are not added twice if the opening includes the cached input', () => {
    expect(
      counts(
        usageOf(
          { input_tokens: 19_000 },
          { input_tokens: 500, cache_read_input_tokens: 18_500, output_tokens: 9 },
        ),
      ),
    ).toEqual([19_000, 18_500, 0, 9, 0]);
  });

  it('may come late from servers that do not know them at the opening', () => {
    const first = { input_tokens: 0, output_tokens: 0 };
    const usage = usageOf(first, { input_tokens: 123, output_tokens: 45 });
    expect(counts(usage)).toEqual([123, 0, 0, 45, 0]);
    expect(usage).not.toHaveProperty('estimated');
  });

  it('of server tools never fall either', () => {
    const later = { output_tokens: 9, server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 } };
    const usage = usageOf(
      { input_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 7, ephemeral_5m_input_tokens: 0 } },
      later,
      { server_tool_use: { web_search_requests: 0, web_fetch_requests: 1 }, cache_creation: null },
      { server_tool_use: { web_search_requests: 1 }, cache_creation: { ephemeral_1h_input_tokens: 0 } },
    );
    expect(usage?.raw).toMatchObject({
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
      cache_creation: { ephemeral_1h_input_tokens: 7, ephemeral_5m_input_tokens: 0 },
    });
  });

  it('are marked estimated until the output was counted', () => {
    const first = { input_tokens: 25, output_tokens: 1 };
    expect(usageOf(first)).toMatchObject({ inputTokens: 25, outputTokens: 1, estimated: true });
    for (const later of [{}, { output_tokens: null }, { output_tokens: 0 }, { input_tokens: 30 }]) {
      expect(usageOf(first, later)).toMatchObject({ outputTokens: 1, estimated: true });
    }
  });

  it('may be only in message_stop, or in the delta', () => {
    const usage = { input_tokens: 25, output_tokens: 15 };
    const body = [opening('msg_1', { usage: undefined }), ...block(0, TEXT, text('x'))];
    const [stopped] = ending('end_turn', {});
    const inStop = decode([...body, stopped ?? {}, { type: 'message_stop', usage }]);
    const inDelta = decode([...body, { type: 'message_delta', delta: { usage } }, { type: 'message_stop' }]);
    for (const { reply, call } of [inStop, inDelta]) {
      expect(counts(reply.usage)).toEqual([25, 0, 0, 15, 0]);
      expect(reply.usage).not.toHaveProperty('estimated');
      expect(call.call.usage).toEqual(reply.usage);
    }
  });

  it('S9 with __proto__ as a name are a plain field', () => {
    const usage: unknown = JSON.parse('{"input_tokens":1,"output_tokens":2,"__proto__":{"output_tokens":9}}');
    expect(usageOf(undefined, Object(usage))).toMatchObject({ outputTokens: 2 });
    expect('output_tokens' in {}).toBe(false);
  });
});

describe('the usage of the Messages API', () => {
  it('takes cumulative counts and ignores null', () => {
    const { reply } = decode([
      opening('msg_1', {
        usage: {
          input_tokens: 2,
          cache_creation_input_tokens: 3068,
          cache_read_input_tokens: 5,
          output_tokens: 69,
        },
      }),
      ...block(0, TEXT, text('x')),
      { type: 'message_delta', delta: {}, usage: { output_tokens: 100, input_tokens: null } },
      ...ending('end_turn', {
        output_tokens: 198,
        input_tokens: 6,
        cache_creation_input_tokens: null,
        cache_read_input_tokens: 6289,
        output_tokens_details: { thinking_tokens: 40 },
      }),
    ]);
    expect(reply.usage).toEqual({
      inputTokens: 6 + 3068 + 6289,
      outputTokens: 198,
      totalTokens: 6 + 3068 + 6289 + 198,
      cachedInputTokens: 6289,
      cacheWriteTokens: 3068,
      reasoningTokens: 40,
      raw: {
        input_tokens: 6,
        cache_creation_input_tokens: 3068,
        cache_read_input_tokens: 6289,
        output_tokens: 198,
        output_tokens_details: { thinking_tokens: 40 },
      },
    });
  });

  it('R38 is on the call as soon as the opening has it, marked estimated until the end', () => {
    const call = fakeCall();
    const decoder = decoderOf(call);
    decoder.event({ ...opening('msg_1', { usage: { ...USAGE, service_tier: 'priority' } }) }, '', []);
    expect(call.call).toMatchObject({
      model: 'claude-x',
      serviceTier: 'priority',
      usage: { inputTokens: 12, outputTokens: 1, estimated: true },
    });
    for (const event of ending()) decoder.event({ ...event }, '', []);
    expect(call.call.usage).toMatchObject({ inputTokens: 12, outputTokens: 9 });
    expect(call.call.usage).not.toHaveProperty('estimated');
  });
});

describe('the stop reason', () => {
  /** The reasons that a reply with these `message_delta`s ends with. */
  const reasonOf = (...deltas: object[]) => {
    const events = deltas.map((delta) => ({ type: 'message_delta', delta }));
    const { reply } = decode([opening(), ...block(0, TEXT, text('x')), ...events, { type: 'message_stop' }]);
    return [reply.finishReason, reply.rawFinishReason];
  };

  it.each([
    ['END_TURN', 'stop'],
    ['STOP', 'stop'],
    ['eos', 'stop'],
    ['Max_Tokens', 'length'],
    ['max_output_tokens', 'length'],
    ['tool_calls', 'tool_calls'],
    ['function_call', 'tool_calls'],
    ['SAFETY', 'content_filter'],
    ['MALFORMED_FUNCTION_CALL', 'other'],
  ])('%s is %s', (raw, reason) => {
    expect(reasonOf({ stop_reason: raw })).toEqual([reason, raw]);
  });

  it('is not lost to a later one that is null, empty or missing', () => {
    for (const later of [{ stop_reason: null }, { stop_reason: '' }, {}]) {
      expect(reasonOf({ stop_reason: 'max_tokens' }, later)).toEqual(['length', 'max_tokens']);
    }
  });

  it('may be in the opening, or next to the delta', () => {
    const body = block(0, TEXT, text('x'));
    const end = { type: 'message_stop' };
    expect(decode([opening('m', { stop_reason: 'max_tokens' }), ...body, end]).reply.finishReason).toBe(
      'length',
    );
    expect(
      decode([opening(), ...body, { type: 'message_delta', stop_reason: 'refusal' }, end]).reply.finishReason,
    ).toBe('refusal');
  });

  it('is on the call before the end', () => {
    const call = fakeCall();
    const decoder = decoderOf(call);
    decoder.event({ type: 'message_delta', usage: { input_tokens: 3, output_tokens: 4 } }, '', []);
    expect(call.call.usage).toMatchObject({ inputTokens: 3, outputTokens: 4 });
  });
});

describe('R50 the iterations of a reply', () => {
  const entry = { input_tokens: 100, output_tokens: 10, cache_read_input_tokens: 5 };

  it('that the counts leave out are added, those of messages are not', () => {
    const iterations = [
      { ...entry, type: 'compaction' },
      { ...entry, type: 'message' },
      { ...entry, type: 'advisor_message', cache_creation_input_tokens: 3 },
      { ...entry, type: 'fallback_message' },
    ];
    const usage = usageOf({ input_tokens: 25, output_tokens: 1 }, { output_tokens: 15, iterations });
    expect(counts(usage)).toEqual([25 + 105 + 108, 10, 3, 35, 0]);
    expect(usage).not.toHaveProperty('estimated');
  });

  it.each([[null], ['many'], [[null, 5, 'x']]])('that are %j are ignored', (iterations) => {
    const usage = usageOf({ input_tokens: 25, output_tokens: 1 }, { output_tokens: 15, iterations });
    expect(counts(usage)).toEqual([25, 0, 0, 15, 0]);
  });
});

it('R50 a reply whose input nobody has counted has an estimate', () => {
  for (const first of [undefined, { input_tokens: 0, output_tokens: 0 }]) {
    expect(usageOf(first, { output_tokens: 15 })).toMatchObject({ outputTokens: 15, estimated: true });
  }
});
