import { describe, expect, it } from 'vitest';
import { openedBlock } from '../../../server/formats/sealed-block.ts';
import { response, responses } from '../../../server/formats/responses.ts';
import type { EncoderOptions } from '../../../server/formats/format.ts';
import type { SentEnd } from '../../../server/stream/parts.ts';
import { noUsage } from '../../../src/index.ts';
import { framesOf, itemsOf } from './frames.ts';
import type { Said } from './frames.ts';

const options: EncoderOptions = {
  clientTools: new Set(['weather', 'patch', 'crm__find']),
  wireTools: new Map([
    ['patch', { name: 'patch', takesText: true }],
    ['crm__find', { name: 'find', namespace: 'crm' }],
  ]),
  model: 'gpt-x',
};
const COMPLETED: SentEnd = { outcome: 'completed', finishReason: 'stop' };
const hello: Said = { type: 'content', content: 'Hello' };

interface OutputItem {
  type: string;
  content?: { text?: string }[];
  encrypted_content?: string;
}

interface ResponseEvent {
  type: string;
  sequence_number: number;
  output_index?: number;
  response?: { output: OutputItem[]; error: unknown };
}

function events(said: readonly Said[], end: SentEnd = COMPLETED, more: EncoderOptions = {}): ResponseEvent[] {
  return framesOf(responses, itemsOf(said, end), { ...options, ...more }).map(({ data }) => JSON.parse(data));
}

/** The types of the events, short, without those that begin each stream. */
const types = (list: readonly { type: string; output_index?: number }[]): string[] =>
  list.slice(2).map(({ type, output_index: at }) => `${type.slice(9)}${at === undefined ? '' : ` ${at}`}`);

const outputOf = (list: readonly ResponseEvent[]): OutputItem[] => list.at(-1)?.response?.output ?? [];

describe('a stream of Responses', () => {
  it('begins with the response, which repeats what was asked for and is not stored', () => {
    const echo = { temperature: 0.5, store: true, metadata: { a: 'b' } };
    const [created, running] = events([hello], COMPLETED, { echo });
    expect(created).toMatchObject({
      type: 'response.created',
      sequence_number: 0,
      response: {
        id: 'resp_turn-1',
        object: 'response',
        created_at: 1_700_000_000,
        status: 'in_progress',
        model: 'gpt-x',
        output: [],
        temperature: 0.5,
        metadata: { a: 'b' },
        store: false,
        usage: null,
        error: null,
        incomplete_details: null,
      },
    });
    expect(running).toEqual({ ...created, type: 'response.in_progress', sequence_number: 1 });
  });

  it('announces items and parts before their pieces, and closes them in order', () => {
    const said: Said[] = [
      { type: 'thinking', content: 'Hm.' },
      hello,
      { type: 'content', content: ' there' },
      { type: 'tool_call_delta', id: 'c', name: 'weather', argumentsDelta: '{"city":"Rome"}' },
      { type: 'content', content: 'Wait.' },
      { type: 'tool_call', id: 'c', name: 'weather', arguments: { city: 'Rome' } },
      { type: 'content', content: 'No.', refusal: true },
    ];
    const list = events(said);
    expect(list.map(({ sequence_number: number }) => number)).toEqual(list.map((_, at) => at));
    expect(types(list)).toEqual([
      'output_item.added 0',
      'reasoning_summary_part.added 0',
      'reasoning_summary_text.delta 0',
      'reasoning_summary_text.done 0',
      'reasoning_summary_part.done 0',
      'output_item.done 0',
      'output_item.added 1',
      'content_part.added 1',
      'output_text.delta 1',
      'output_text.delta 1',
      'output_text.done 1',
      'content_part.done 1',
      'output_item.done 1',
      'output_item.added 2',
      'function_call_arguments.delta 2',
      'output_item.added 3',
      'content_part.added 3',
      'output_text.delta 3',
      'function_call_arguments.delta 2',
      'function_call_arguments.done 2',
      'output_item.done 2',
      'output_text.done 3',
      'content_part.done 3',
      'output_item.done 3',
      'output_item.added 4',
      'content_part.added 4',
      'refusal.delta 4',
      'refusal.done 4',
      'content_part.done 4',
      'output_item.done 4',
      'completed',
    ]);
    expect(outputOf(list)).toEqual([
      { id: 'rs_turn-1_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] },
      {
        id: 'msg_turn-1_2',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Hello there', annotations: [], logprobs: [] }],
      },
      {
        id: 'fc_turn-1_4',
        type: 'function_call',
        status: 'completed',
        call_id: 'c',
        name: 'weather',
        arguments: '{"city":"Rome"}',
      },
      {
        id: 'msg_turn-1_5',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Wait.', annotations: [], logprobs: [] }],
      },
      {
        id: 'msg_turn-1_7',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'refusal', refusal: 'No.' }],
      },
    ]);
  });

  it('names each event by its type', () => {
    const frames = framesOf(responses, itemsOf([hello], COMPLETED), options);
    expect(frames.map(({ event }) => event)).toEqual(frames.map(({ data }) => JSON.parse(data).type));
  });

  it('seals what the provider wants back, if it was asked for', () => {
    const block = {
      provider: 'anthropic',
      model: 'm',
      baseURL: 'https://secret.example',
      data: { type: 'redacted_thinking', data: 'x' },
    };
    const said: Said[] = [{ type: 'thinking', content: '', block }, hello];
    const include = new Set(['reasoning.encrypted_content']);
    const [reasoning] = outputOf(events(said, COMPLETED, { include }));
    expect(reasoning).toMatchObject({ type: 'reasoning', summary: [] });
    expect(openedBlock(reasoning?.encrypted_content ?? '')).toEqual({
      provider: 'anthropic',
      model: 'm',
      data: block.data,
    });
    expect(JSON.stringify(events(said, COMPLETED, { include }))).not.toContain('secret.example');
    expect(outputOf(events(said)).map(({ type }) => type)).toEqual(['message']);
    expect(
      outputOf(events([{ type: 'thinking', content: 'Hm.', block }], COMPLETED, { thinking: false })),
    ).toEqual([]);
  });

  it('gives a tool that takes a text its text, when the call is whole', () => {
    const list = events([
      { type: 'tool_call_delta', id: 'c', name: 'patch', argumentsDelta: '{"input":"a' },
      { type: 'tool_call_delta', id: 'c', argumentsDelta: '\\nb"}' },
      { type: 'tool_call', id: 'c', name: 'patch', arguments: { input: 'a\nb' } },
    ]);
    expect(types(list)).toEqual([
      'output_item.added 0',
      'custom_tool_call_input.delta 0',
      'custom_tool_call_input.done 0',
      'output_item.done 0',
      'completed',
    ]);
    expect(outputOf(list)).toEqual([
      {
        id: 'ctc_turn-1_1',
        type: 'custom_tool_call',
        status: 'completed',
        call_id: 'c',
        name: 'patch',
        input: 'a\nb',
      },
    ]);
  });

  it('names the group of a tool beside its name', () => {
    const [call] = outputOf(events([{ type: 'tool_call', id: 'c', name: 'crm__find', arguments: {} }]));
    expect(call).toMatchObject({ type: 'function_call', namespace: 'crm', name: 'find', arguments: '{}' });
  });

  it('has a message for what was said before, and one for what was said after a call of the pipeline', () => {
    const list = events([
      { type: 'content', content: 'I look.', call: 1 },
      { type: 'tool_call', id: 'a', name: 'secret', arguments: {}, call: 1 },
      { type: 'tool_result', id: 'a', name: 'secret', content: 'canary', isError: false, call: 1 },
      { type: 'content', content: 'It rains.', call: 2 },
    ]);
    expect(outputOf(list).map(({ content }) => content?.[0]?.text)).toEqual(['I look.', 'It rains.']);
    expect(JSON.stringify(list)).not.toContain('canary');
  });

  it('gives an image, and leaves other files out', () => {
    const list = events([
      { type: 'file', mediaType: 'image/png', data: 'AAAA' },
      { type: 'file', mediaType: 'audio/wav', data: 'AAAA' },
      { type: 'file', mediaType: 'image/png', url: 'https://example.com/a.png' },
    ]);
    expect(outputOf(list)).toEqual([
      { id: 'ig_turn-1_1', type: 'image_generation_call', status: 'completed', result: 'AAAA' },
    ]);
  });

  it.each<[string, SentEnd, string, unknown]>([
    [
      'length',
      { ...COMPLETED, finishReason: 'length' },
      'response.incomplete',
      { reason: 'max_output_tokens' },
    ],
    [
      'filter',
      { ...COMPLETED, finishReason: 'content_filter' },
      'response.incomplete',
      { reason: 'content_filter' },
    ],
    [
      'guard',
      { outcome: 'interrupted', reason: 'guard' },
      'response.incomplete',
      { reason: 'content_filter' },
    ],
    [
      'rounds',
      { outcome: 'interrupted', reason: 'max_rounds' },
      'response.incomplete',
      { reason: 'max_output_tokens' },
    ],
    ['the end of the text', COMPLETED, 'response.completed', null],
  ])('that ends by %s says so', (_why, end, type, details) => {
    const usage = { ...noUsage(), inputTokens: 2, outputTokens: 1, totalTokens: 3 };
    const last = events([hello], { ...end, usage }).at(-1);
    expect(last).toMatchObject({
      type,
      response: {
        status: type.slice(9),
        incomplete_details: details,
        output: [{ status: type.slice(9) }],
        usage: { input_tokens: 2, output_tokens: 1, total_tokens: 3 },
      },
    });
  });

  const failed: SentEnd = {
    outcome: 'failed',
    error: { code: 'server', message: 'The provider failed.', retryable: true },
  };

  it('that failed closes what is open, and says so in its last event', () => {
    const half: Said = { type: 'tool_call_delta', id: 'c', name: 'weather', argumentsDelta: '{"a":' };
    const list = events([hello, half], failed);
    expect(types(list).slice(-3)).toEqual([
      'function_call_arguments.delta 1',
      'output_item.done 1',
      'failed',
    ]);
    expect(list.at(-1)?.response).toMatchObject({
      status: 'failed',
      error: { code: 'server_error', message: 'The provider failed.' },
      output: [{ type: 'message' }, { type: 'function_call', status: 'incomplete', arguments: '{"a":' }],
    });
    expect(events([hello], { outcome: 'cancelled', reason: 'stopped' }).at(-1)?.response?.error).toEqual({
      code: 'cancelled',
      message: 'The request was cancelled.',
    });
  });

  it('that failed before its first word is one flat event', () => {
    expect(events([], failed).slice(2)).toEqual([
      {
        type: 'error',
        code: 'server_error',
        message: 'The provider failed.',
        param: null,
        sequence_number: 2,
      },
    ]);
  });

  it('that lost a call which the client has seen a part of has failed', () => {
    const half: Said = { type: 'tool_call_delta', id: 'c', name: 'weather', argumentsDelta: '{"a":1}' };
    expect(events([half]).at(-1)).toMatchObject({
      type: 'response.failed',
      response: { error: { code: 'truncated' } },
    });
    const other: Said = { type: 'tool_call', id: 'c', name: 'weather', arguments: { a: 2 } };
    expect(events([half, other, hello]).at(-1)).toMatchObject({ type: 'response.failed' });
  });
});

describe('a response in one piece', () => {
  it('is what the last event of the stream has', () => {
    const said: Said[] = [
      { type: 'thinking', content: 'Hm.' },
      hello,
      { type: 'tool_call', id: 'c', name: 'weather', arguments: {} },
    ];
    const { status, body, headers } = response(
      itemsOf(said, { ...COMPLETED, latencyMs: 12.4 }),
      options,
      'req-1',
    );
    expect(status).toBe(200);
    expect(body).toEqual(events(said).at(-1)?.response);
    expect(headers).toEqual({ 'x-request-id': 'req-1', 'openai-processing-ms': '12' });
  });

  it('is an error with a status if it failed', () => {
    expect(response(itemsOf([hello], { outcome: 'failed' }), options, 'req-1')).toMatchObject({
      status: 502,
      body: { error: { code: 'truncated' } },
    });
  });
});
