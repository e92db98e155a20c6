import { describe, expect, it } from 'vitest';

import { added, created, delta, done, ended, message } from './events.ts';
import { blockOf, callsOf, decode, joined } from '../support.ts';

describe('the decoder of Responses', () => {
  it('reads text, the end, the usage and the tier that is billed', () => {
    const { chunks, reply, call } = decode('responses', [
      created(),
      { type: 'response.in_progress', response: { id: 'resp_1' } },
      added(0, { type: 'message', content: [] }),
      {
        type: 'response.content_part.added',
        output_index: 0,
        content_index: 0,
        part: { type: 'output_text', text: '' },
      },
      delta('Hel'),
      delta('lo'),
      { type: 'response.output_text.done', output_index: 0, content_index: 0, text: 'Hello' },
      done(0, message('Hello')),
      ended({
        output: [message('Hello')],
        service_tier: 'default',
        usage: {
          input_tokens: 10,
          input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 },
          output_tokens: 5,
          output_tokens_details: { reasoning_tokens: 3 },
          total_tokens: 15,
        },
      }),
    ]);
    expect(chunks).toEqual([
      { type: 'content', content: 'Hel' },
      { type: 'content', content: 'lo' },
    ]);
    expect(reply).toEqual({
      finishReason: 'stop',
      rawFinishReason: 'completed',
      model: 'm-2026',
      provider: 'openai',
      requestId: 'req_1',
      serviceTier: 'default',
      usage: call.usage,
    });
    expect(call.usage).toMatchObject({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15,
      cachedInputTokens: 4,
      cacheWriteTokens: 1,
      reasoningTokens: 3,
    });
  });

  it.each([
    [
      'the done event of the text',
      [
        { type: 'response.output_text.done', output_index: 0, content_index: 0, text: 'Hello' },
        done(0, message('Hello')),
        ended({ output: [message('Hello')] }),
      ],
    ],
    ['the done event of the item', [done(0, message('Hello')), ended({ output: [message('Hello')] })]],
    ['the final response', [ended({ output: [message('Hello')] })]],
    ['the deltas, with an item that is never done', [delta('Hello'), ended({ output: [message('Hello')] })]],
  ])('delivers a text that comes in %s exactly once', (_name, events) => {
    expect(joined(decode('responses', [created(), ...events]).chunks, 'content')).toBe('Hello');
  });

  it('R28 delivers thinking, and the reasoning item when it is done', () => {
    const item = {
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'Hm' }],
      encrypted_content: 'final',
    };
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...item, summary: [], encrypted_content: 'first' }),
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'H' },
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'm' },
      { type: 'response.reasoning_summary_text.done', output_index: 0, summary_index: 0, text: 'Hm' },
      done(0, item),
      delta('Yes', 1),
      ended({ output: [{ ...item, encrypted_content: 'other' }, message('Yes')] }),
    ]);
    expect(chunks).toEqual([
      { type: 'thinking', content: 'H' },
      { type: 'thinking', content: 'm' },
      { type: 'thinking', content: '', block: blockOf(item) },
      { type: 'content', content: 'Yes' },
    ]);
  });

  it('reads the reasoning text of open models', () => {
    const { chunks } = decode('responses', [
      created(),
      { type: 'response.reasoning_text.delta', output_index: 0, content_index: 0, delta: 'Hm' },
      { type: 'response.reasoning_text.done', output_index: 0, content_index: 0, text: 'Hm' },
      done(0, { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm' }], summary: [] }),
      ended(),
    ]);
    expect(joined(chunks, 'thinking')).toBe('Hm');
  });

  it('R24 delivers a call when its item is done, with parsed arguments and the item', () => {
    const item = {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'a',
      name: 'add',
      arguments: '{"x":1}',
      status: 'completed',
    };
    const { chunks, reply } = decode('responses', [
      created(),
      added(0, { ...item, arguments: '' }),
      { type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"x":' },
      { type: 'response.function_call_arguments.delta', output_index: 0, delta: '1}' },
      { type: 'response.function_call_arguments.done', output_index: 0, arguments: '{"x":1}' },
      done(0, item),
      ended({ output: [item] }),
    ]);
    const deltas = chunks.flatMap((chunk) => (chunk.type === 'tool_call_delta' ? [chunk] : []));
    expect(deltas.map((chunk) => [chunk.id, chunk.argumentsDelta]).filter(([, text]) => text !== '')).toEqual(
      [
        ['a', '{"x":'],
        ['a', '1}'],
      ],
    );
    expect(chunks.at(-1)).toEqual({
      type: 'tool_call',
      id: 'a',
      name: 'add',
      arguments: { x: 1 },
      block: blockOf(item),
    });
    expect(callsOf(chunks)).toHaveLength(1);
    expect(reply?.finishReason).toBe('tool_calls');
  });

  it('R24 delivers a call that comes without deltas', () => {
    const item = { type: 'function_call', call_id: 'a', name: 'add', arguments: '' };
    expect(callsOf(decode('responses', [created(), added(0, item), done(0, item), ended()]).chunks)).toEqual([
      { id: 'a', name: 'add', arguments: {} },
    ]);
  });

  it('keeps calls with the reasoning that they belong to', () => {
    const reasoning = (id: string): object => ({ type: 'reasoning', id, summary: [] });
    const call = (id: string): object => ({
      type: 'function_call',
      call_id: id,
      name: 'add',
      arguments: '{}',
    });
    const { chunks } = decode('responses', [
      created(),
      ...[reasoning('r1'), call('a'), reasoning('r2'), call('b')].map((item, index) => done(index, item)),
      ended(),
    ]);
    const kinds = chunks.filter((chunk) => chunk.type !== 'tool_call_delta').map((chunk) => chunk.type);
    expect(kinds).toEqual(['thinking', 'tool_call', 'thinking', 'tool_call']);
  });

  it('R23 delivers no call that the length limit has cut', () => {
    const { chunks, reply } = decode('responses', [
      created(),
      added(0, { type: 'function_call', call_id: 'a', name: 'add', arguments: '' }),
      { type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"x":' },
      done(0, { type: 'function_call', call_id: 'a', name: 'add', arguments: '{"x":', status: 'incomplete' }),
      ended({ incomplete_details: { reason: 'max_output_tokens' } }, 'response.incomplete'),
    ]);
    expect([callsOf(chunks), reply?.finishReason, reply?.rawFinishReason]).toEqual([
      [],
      'length',
      'max_output_tokens',
    ]);
  });

  it('delivers the input of a custom tool as a string', () => {
    const item = { type: 'custom_tool_call', call_id: 'c', name: 'code', input: 'print(1)' };
    const { chunks, reply } = decode('responses', [
      created(),
      added(0, { ...item, input: '' }),
      { type: 'response.custom_tool_call_input.delta', output_index: 0, delta: 'print(1)' },
      { type: 'response.custom_tool_call_input.done', output_index: 0, input: 'print(1)' },
      done(0, item),
      ended(),
    ]);
    expect(callsOf(chunks)).toEqual([{ id: 'c', name: 'code', arguments: 'print(1)' }]);
    expect(reply?.finishReason).toBe('tool_calls');
  });

  it.each([
    'mcp_list_tools',
    'mcp_approval_request',
    'tool_search_call',
    'shell_call',
    'local_shell_call',
    'apply_patch_call',
    'computer_call',
    'compaction',
    'something_new',
  ])('keeps a %s unchanged and in its place', (type) => {
    const item = { type, id: 'x_1', status: 'completed', action: { deep: [1] } };
    const { chunks, reply } = decode('responses', [
      created(),
      added(0, { type, id: 'x_1' }),
      { type: `response.${type}.searching`, output_index: 0 },
      done(0, item),
      done(1, message('Found')),
      ended({ output: [item, message('Found')] }),
    ]);
    expect(chunks).toEqual([
      { type: 'content', content: '', block: blockOf(item) },
      { type: 'content', content: 'Found' },
    ]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('keeps citations once, whether announced or only in the done item', () => {
    const annotation = { type: 'url_citation', url: 'https://a' };
    const cited = message('Hi', {
      content: [{ type: 'output_text', text: 'Hi', annotations: [annotation] }],
    });
    const chunk = { type: 'content', content: '', citations: [annotation] };
    const announced = decode('responses', [
      created(),
      delta('Hi'),
      { type: 'response.output_text.annotation.added', output_index: 0, content_index: 0, annotation },
      done(0, cited),
      ended({ output: [cited] }),
    ]);
    expect(announced.chunks).toEqual([{ type: 'content', content: 'Hi' }, chunk]);
    const silent = decode('responses', [created(), delta('Hi'), done(0, cited), ended()]);
    expect(silent.chunks).toEqual([{ type: 'content', content: 'Hi' }, chunk]);
  });

  it('marks a refusal', () => {
    const { chunks, reply } = decode('responses', [
      created(),
      { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: 'No.' },
      { type: 'response.refusal.done', output_index: 0, content_index: 0, refusal: 'No.' },
      done(0, message('', { content: [{ type: 'refusal', refusal: 'No.' }] })),
      ended(),
    ]);
    expect(chunks).toEqual([{ type: 'content', content: 'No.', refusal: true }]);
    expect(reply?.finishReason).toBe('refusal');
    const whole = message('', { content: [{ type: 'refusal', refusal: 'No.' }] });
    expect(decode('responses', [ended({ output: [whole] })]).reply?.finishReason).toBe('refusal');
  });

  it("keeps a message's phase, without its text, to send it back", () => {
    const { chunks } = decode('responses', [
      created(),
      delta('Hm'),
      done(0, message('Hm', { phase: 'commentary' })),
      ended(),
    ]);
    expect(chunks.at(-1)).toEqual({
      type: 'content',
      content: '',
      block: blockOf({ type: 'message', id: 'msg_1', role: 'assistant', phase: 'commentary' }),
    });
  });

  it('goes by the index of an item whose id changes', () => {
    const { chunks } = decode('responses', [
      created(),
      { ...delta('Hi'), item_id: 'a' },
      { ...done(0, { ...message('Hi'), id: 'b' }), item_id: 'c' },
      ended({ output: [{ ...message('Hi'), id: 'd' }] }),
    ]);
    expect(joined(chunks, 'content')).toBe('Hi');
  });
});
