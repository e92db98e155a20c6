import { describe, expect, it } from 'vitest';

import type { StreamChunk } from '../../../../src/index.ts';
import { block, call, ending, json, opening, TEXT, text } from './events.ts';
import { blockOf, decode, decoderOf, fakeCall, told } from '../support.ts';

describe('the decoder of the Messages API', () => {
  it('turns text deltas into content chunks and all else into the reply', () => {
    const { chunks, reply } = decode([opening(), ...block(0, TEXT, text('Hel'), text('lo')), ...ending()]);
    expect(chunks).toEqual([
      { type: 'content', content: 'Hel', call: 0 },
      { type: 'content', content: 'lo', call: 0 },
    ]);
    expect(reply).toMatchObject({
      finishReason: 'stop',
      rawFinishReason: 'end_turn',
      model: 'claude-x',
      provider: 'anthropic',
      requestId: 'req_7',
    });
  });

  it('reads text and thinking that come complete in the start of their block', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, { type: 'thinking', thinking: 'Hm.', signature: 'sig' }),
      ...block(1, { type: 'text', text: 'Yes' }),
      ...ending(),
    ]);
    expect(chunks).toEqual([
      { type: 'thinking', content: 'Hm.', call: 0 },
      {
        type: 'thinking',
        content: '',
        block: blockOf({ type: 'thinking', thinking: 'Hm.', signature: 'sig' }),
        call: 0,
      },
      { type: 'content', content: 'Yes', call: 0 },
    ]);
  });

  it('R28 ends thinking with the block to send back, including its signature', () => {
    const { chunks } = decode([
      opening(),
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking: 'One, ' },
        { type: 'thinking_delta', thinking: 'two.' },
        { type: 'signature_delta', signature: 'EqQB==' },
      ),
      ...block(1, { type: 'redacted_thinking', data: 'Em8K' }),
      ...block(2, TEXT, text('Three')),
      ...ending(),
    ]);
    expect(chunks.filter((chunk) => chunk.type === 'thinking')).toEqual([
      { type: 'thinking', content: 'One, ', call: 0 },
      { type: 'thinking', content: 'two.', call: 0 },
      {
        type: 'thinking',
        content: '',
        block: blockOf({ type: 'thinking', thinking: 'One, two.', signature: 'EqQB==' }),
        call: 0,
      },
      {
        type: 'thinking',
        content: '',
        block: blockOf({ type: 'redacted_thinking', data: 'Em8K' }),
        call: 0,
      },
    ]);
  });

  it('keeps the signature of thinking without text', () => {
    const { chunks } = decode([
      opening(),
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'signature_delta', signature: 'EqQB==' },
      ),
      ...block(1, TEXT, text('Hi')),
      ...ending(),
    ]);
    expect(chunks[0]).toMatchObject({ content: '', block: { data: { thinking: '', signature: 'EqQB==' } } });
  });

  it('streams the arguments of a tool call and ends it with the parsed arguments', () => {
    const { chunks, reply } = decode([
      opening(),
      ...block(0, call('add'), json(''), json('{"a":'), json('1}')),
      ...ending('tool_use'),
    ]);
    expect(chunks).toEqual([
      { type: 'tool_call_delta', id: 'toolu_add', name: 'add', argumentsDelta: '', call: 0 },
      { type: 'tool_call_delta', id: 'toolu_add', argumentsDelta: '{"a":', call: 0 },
      { type: 'tool_call_delta', id: 'toolu_add', argumentsDelta: '1}', call: 0 },
      { type: 'tool_call', id: 'toolu_add', name: 'add', arguments: { a: 1 }, call: 0 },
    ]);
    expect(reply.finishReason).toBe('tool_calls');
  });

  it('R24 finishes a call only after something has followed it', () => {
    const decoder = decoderOf(fakeCall());
    const chunks: StreamChunk[] = [];
    const events = [opening(), ...block(0, call(), json('{"a":1}'), json(' ')), ...ending('tool_use')];
    for (const event of events) decoder.event({ ...event }, '', chunks);
    expect(chunks.map(({ type }) => type)).toEqual(Array(3).fill('tool_call_delta'));
    decoder.end(chunks);
    expect(chunks.slice(3)).toMatchObject([{ type: 'tool_call', arguments: { a: 1 } }]);
  });

  it.each([
    ['no delta', []],
    ['an empty delta', [json('')]],
    ['blanks', [json('  \n')]],
  ])('R26 reads %s as the arguments {}', (_name, deltas) => {
    const { chunks } = decode([opening(), ...block(0, call(), ...deltas), ...ending('tool_use')]);
    expect(chunks.at(-1)).toMatchObject({ type: 'tool_call', arguments: {} });
  });

  it('reads arguments that come complete in the start of their block', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call('add', { input: { a: 1 } })),
      ...ending('tool_use'),
    ]);
    expect(chunks.slice(1)).toEqual([
      { type: 'tool_call_delta', id: 'toolu_add', argumentsDelta: '{"a":1}', call: 0 },
      { type: 'tool_call', id: 'toolu_add', name: 'add', arguments: { a: 1 }, call: 0 },
    ]);
  });

  it('reads calls that come complete in the opening of the message', () => {
    const content = [call('add', { input: { a: 1 } })];
    const { chunks } = decode([opening('msg_1', { content }), ...ending('tool_use')]);
    expect(chunks.at(-1)).toMatchObject({ type: 'tool_call', name: 'add', arguments: { a: 1 } });
  });

  it('keeps calls, texts and server tools in the order of their blocks', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call('first'), json('{}')),
      ...block(1, TEXT, text('and')),
      ...block(2, call('second'), json('{}')),
      ...block(
        3,
        { type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} },
        json('{"query":"x"}'),
      ),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual([
      'call: toolu_first first {}',
      'text: and',
      'call: toolu_second second {}',
      'ran: srv web_search {"query":"x"}',
    ]);
  });

  it('R23 delivers no call that the length limit has cut', () => {
    for (const deltas of [[json('{"path":"/et')], [json('')], []]) {
      const { chunks, reply } = decode([
        opening(),
        ...block(0, call('ok'), json('{"a":1}')),
        ...block(1, call('cut'), ...deltas),
        ...ending('max_tokens'),
      ]);
      expect(chunks.filter(({ type }) => type === 'tool_call')).toMatchObject([{ name: 'ok' }]);
      expect(reply.finishReason).toBe('length');
    }
  });

  it('delivers a call whose arguments are not JSON as invalid, and all else as usual', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call(), json('{"a":')),
      ...block(1, call('sub'), json('{"b":1}')),
      ...ending('tool_use'),
    ]);
    expect(chunks.filter(({ type }) => type === 'tool_call')).toEqual([
      {
        type: 'tool_call',
        id: 'toolu_add',
        name: 'add',
        arguments: {},
        invalid: { raw: '{"a":', reason: 'the arguments are not valid JSON' },
        call: 0,
      },
      { type: 'tool_call', id: 'toolu_sub', name: 'sub', arguments: { b: 1 }, call: 0 },
    ]);
  });

  it('keeps the caller of a tool, so that it goes back with the call', () => {
    const caller = { type: 'code_execution_20250825', tool_id: 'srv_1' };
    const { chunks } = decode([
      opening(),
      ...block(0, call('add', { caller }), json('{"a":1}')),
      ...block(1, call('sub', { caller: { type: 'direct' } }), json('{}')),
      ...ending('tool_use'),
    ]);
    expect(chunks.filter(({ type }) => type === 'tool_call')).toEqual([
      {
        type: 'tool_call',
        id: 'toolu_add',
        name: 'add',
        arguments: { a: 1 },
        block: blockOf({ type: 'tool_use', id: 'toolu_add', name: 'add', input: { a: 1 }, caller }),
        call: 0,
      },
      { type: 'tool_call', id: 'toolu_sub', name: 'sub', arguments: {}, call: 0 },
    ]);
  });

  it('keeps citations with their text', () => {
    const citation = { type: 'char_location', cited_text: 'x', document_index: 0 };
    const { chunks } = decode([
      opening(),
      ...block(0, { type: 'text', text: '', citations: [] }, text('So'), {
        type: 'citations_delta',
        citation,
      }),
      ...ending(),
    ]);
    expect(chunks).toEqual([
      { type: 'content', content: 'So', call: 0 },
      { type: 'content', content: '', citations: [citation], call: 0 },
    ]);
  });

  it.each([
    { type: 'web_search_tool_result', content: [{ type: 'web_search_result', url: 'u' }] },
    { type: 'mcp_tool_listing', mcp_server_name: 's', tools: [] },
    { type: 'container_upload', file_id: 'file_1' },
    { type: 'something_of_next_year', deep: { nested: [null, 1] } },
  ])('keeps a $type block unchanged', (start) => {
    const { chunks } = decode([opening(), ...block(0, start), ...ending()]);
    expect(chunks).toEqual([{ type: 'content', content: '', block: blockOf(start), call: 0 }]);
  });

  it('puts a compaction block together from its deltas', () => {
    const { chunks } = decode([
      opening(),
      ...block(
        0,
        { type: 'compaction', content: null, encrypted_content: null },
        { type: 'compaction_delta', content: 'So far: ', encrypted_content: null },
        { type: 'compaction_delta', content: 'nothing.', encrypted_content: 'x1' },
      ),
      ...ending(),
    ]);
    expect(chunks[0]).toMatchObject({
      block: { data: { type: 'compaction', content: 'So far: nothing.', encrypted_content: 'x1' } },
    });
  });

  it('ignores pings, unknown events and unknown deltas', () => {
    const { chunks } = decode([
      { type: 'ping' },
      opening(),
      { type: 'of_next_year', index: 'x' },
      ...block(0, TEXT, text('a'), { type: 'of_next_year', text: 'no' }, text('b')),
      {},
      ...ending(),
    ]);
    expect(chunks.map((chunk) => chunk.type === 'content' && chunk.content)).toEqual(['a', 'b']);
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'refusal'],
    ['pause_turn', 'pause'],
    ['of_next_year', 'other'],
  ])('maps the stop reason %s to %s', (raw, finishReason) => {
    const { reply } = decode([opening(), ...block(0, TEXT, text('x')), ...ending(raw)]);
    expect(reply).toMatchObject({ finishReason, rawFinishReason: raw });
  });

  it('accepts a message that ends without a reason as complete', () => {
    expect(decode([opening(), ...block(0, TEXT, text('x')), ...ending(null)]).reply.finishReason).toBe(
      'stop',
    );
    expect(decode([opening(), ...block(0, call()), ...ending(null)]).reply.finishReason).toBe('tool_calls');
  });

  it('warns with the reason for which the model refused', () => {
    const { call: seen } = decode([
      opening(),
      {
        type: 'message_delta',
        delta: { stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'Not this.' } },
      },
      { type: 'message_stop' },
    ]);
    expect(seen.warnings).toEqual(['anthropic: the model refused: Not this.']);
  });
});
