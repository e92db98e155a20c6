import { describe, expect, it } from 'vitest';

import type { ModelRequest } from '../../../../src/index.ts';
import { faultServer } from '../../../../testing/upstream/fault-server.ts';
import { runOn } from './calls.ts';
import { block, call, delta, ending, json, opening, start, stop, TEXT, text } from './events.ts';
import { ask, blockOf, decode, told } from '../support.ts';

const SEARCH = { type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} };

/** A tool that the request offers. */
const offering = (...names: string[]): ModelRequest =>
  ask('Hi', { tools: names.map((name) => ({ name, parameters: {} })) });

describe('R49 a call that the provider runs itself', () => {
  it('is marked, keeps its block, has no deltas, and is followed by its result', () => {
    const found = {
      type: 'web_search_tool_result',
      tool_use_id: 'srv',
      content: [
        { type: 'web_search_result', title: 'Spain', url: 'u', encrypted_content: 'Eo8=', page_age: null },
      ],
    };
    const { chunks, reply } = decode([
      opening(),
      ...block(0, SEARCH, json(''), json('{"query":'), json('"x"}')),
      ...block(1, found),
      ...block(2, TEXT, text('49 million')),
      ...ending(),
    ]);
    expect(chunks).toEqual([
      {
        type: 'tool_call',
        id: 'srv',
        name: 'web_search',
        arguments: { query: 'x' },
        providerExecuted: true,
        block: blockOf({ ...SEARCH, input: { query: 'x' } }),
        call: 0,
      },
      {
        type: 'tool_result',
        id: 'srv',
        name: 'web_search',
        content: '[{"type":"web_search_result","title":"Spain","url":"u","page_age":null}]',
        isError: false,
        providerExecuted: true,
        block: blockOf(found),
        call: 0,
      },
      { type: 'content', content: '49 million', call: 0 },
    ]);
    expect(reply.finishReason).toBe('stop');
  });

  it.each([
    ['server_tool_use', 'web_fetch', 'web_fetch_tool_result', { type: 'web_fetch_result', url: 'u' }],
    [
      'server_tool_use',
      'code_execution',
      'code_execution_tool_result',
      { type: 'code_execution_result', stdout: '1' },
    ],
    [
      'server_tool_use',
      'bash_code_execution',
      'bash_code_execution_tool_result',
      {
        type: 'bash_code_execution_result',
        content: [{ type: 'bash_code_execution_output', file_id: 'file_1' }],
      },
    ],
    [
      'server_tool_use',
      'text_editor_code_execution',
      'text_editor_code_execution_tool_result',
      { type: 'text_editor_code_execution_view_result', content: 'x' },
    ],
    [
      'server_tool_use',
      'tool_search_tool_regex',
      'tool_search_tool_result',
      { type: 'tool_search_tool_search_result', tool_references: [] },
    ],
    ['server_tool_use', 'advisor', 'advisor_tool_result', { type: 'advisor_result', text: 'Yes.' }],
    ['mcp_tool_use', 'echo', 'mcp_tool_result', [{ type: 'text', text: 'hello' }]],
    ['tool_use_of_next_year_tool_use', 'new', 'new_tool_result', { type: 'new_result' }],
  ])('may be %s of the tool %s, with the result %s', (type, name, answer, content) => {
    const called = { type, id: 'x_1', name, input: { a: 1 }, server_name: 's' };
    const answered = { type: answer, tool_use_id: 'x_1', is_error: false, content };
    const { chunks } = decode([opening(), ...block(0, called), ...block(1, answered), ...ending()]);
    expect(told(chunks)).toEqual([
      `ran: x_1 ${name} {"a":1}`,
      `result: x_1 ${name} ${JSON.stringify(content)}`,
    ]);
    expect(chunks).toMatchObject([{ block: { data: called } }, { block: { data: answered } }]);
  });

  it.each([
    [
      'the type of its content',
      { content: { type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' } },
    ],
    ['is_error', { is_error: true, content: 'no such tool' }],
  ])('failed if %s says so', (_name, said) => {
    const answered = { type: 'web_search_tool_result', tool_use_id: 'srv', ...said };
    const { chunks } = decode([
      opening(),
      ...block(0, SEARCH, json('{}')),
      ...block(1, answered),
      ...ending(),
    ]);
    expect(chunks.at(-1)).toMatchObject({
      type: 'tool_result',
      isError: true,
      content: typeof said.content === 'string' ? said.content : JSON.stringify(said.content),
    });
  });

  it('is delivered at its stop, before its result begins', () => {
    const events = [opening(), ...block(0, SEARCH, json('{"query":"x"}'))];
    expect(told(decode([...events, { type: 'message_stop' }]).chunks)).toEqual([
      'ran: srv web_search {"query":"x"}',
    ]);
    const more = [...events, start(1, { type: 'web_search_tool_result', tool_use_id: 'srv', content: [] })];
    expect(told(decode([...more, { type: 'message_stop' }]).chunks)).toHaveLength(2);
  });

  it('has its result in a later reply if it waits for the caller, with the name from the request', () => {
    const code = { type: 'tool_call' as const, id: 'srv_1', name: 'code_execution', arguments: {} };
    const answered = { type: 'code_execution_tool_result', tool_use_id: 'srv_1', content: { stdout: '3' } };
    const events = [opening(), ...block(0, answered), ...ending()];
    const known = {
      messages: [{ role: 'assistant' as const, content: [{ ...code, name: 'mine' }] }],
      parameters: {},
    };
    expect(told(decode(events, {}, known).chunks)).toEqual(['result: srv_1 mine {"stdout":"3"}']);
    expect(told(decode(events).chunks)).toEqual(['result: srv_1 code_execution {"stdout":"3"}']);
  });

  it('is left out if the reply was cut within it, and invalid otherwise', () => {
    const events = [opening(), ...block(0, TEXT, text('Hi')), ...block(1, SEARCH, json('{"que'))];
    expect(told(decode([...events, ...ending('max_tokens')]).chunks)).toEqual(['text: Hi']);
    expect(told(decode([...events, ...ending('pause_turn')]).chunks)).toEqual([
      'text: Hi',
      'ran: srv web_search invalid {"que',
    ]);
  });

  it('does not make the reply end with tool_calls', () => {
    const answered = { type: 'tool_result', tool_use_id: 'toolu_a', content: 'x' };
    const run = [opening(), ...block(0, call('a'), json('{}')), ...block(1, answered)];
    expect(decode([...run, ...ending('tool_use')]).reply.finishReason).toBe('stop');
    expect(decode([...run, ...ending(null)]).reply.finishReason).toBe('stop');
    expect(decode([...run, ...block(2, call('b'), json('{}')), ...ending(null)]).reply.finishReason).toBe(
      'tool_calls',
    );
    expect(decode([opening(), ...block(0, SEARCH), ...ending('pause_turn')]).reply.finishReason).toBe(
      'pause',
    );
  });
});

describe('R49 a call that a program of the provider made', () => {
  it('is for the client to run, and goes back with its caller', () => {
    const caller = { type: 'code_execution_20260120', tool_id: 'srv_1' };
    const code = { type: 'server_tool_use', id: 'srv_1', name: 'code_execution', input: {} };
    const container = { id: 'container_1', expires_at: '2026-01-15T14:30:00Z' };
    const { chunks, reply } = decode(
      [
        opening(),
        ...block(0, code, json('{"code":"await add(1)"}')),
        ...block(1, call('add', { caller }), json('{"a":1}')),
        { type: 'message_delta', delta: { stop_reason: 'tool_use', container }, usage: { output_tokens: 9 } },
        { type: 'message_stop' },
      ],
      {},
      offering('add'),
    );
    expect(told(chunks)).toEqual([
      'ran: srv_1 code_execution {"code":"await add(1)"}',
      'call: toolu_add add {"a":1}',
      'block: {"id":"container_1","expires_at":"2026-01-15T14:30:00Z","type":"container"}',
    ]);
    expect(chunks.find((chunk) => chunk.type === 'tool_call' && chunk.name === 'add')).toMatchObject({
      block: { data: { type: 'tool_use', id: 'toolu_add', name: 'add', input: { a: 1 }, caller } },
    });
    expect(reply.finishReason).toBe('tool_calls');
  });
});

describe('R49 a tool_use of a tool that was not offered', () => {
  const answer = (id: string, content: unknown = 'done') => ({
    type: 'tool_result',
    tool_use_id: id,
    content,
  });

  it('belongs to the provider if the same reply has its result', () => {
    const { chunks } = decode(
      [opening(), ...block(0, call('a'), json('{"n":1}')), ...block(1, answer('toolu_a')), ...ending()],
      {},
      offering('b'),
    );
    expect(told(chunks)).toEqual(['ran: toolu_a a {"n":1}', 'result: toolu_a a done']);
    expect(chunks.filter(({ type }) => type !== 'tool_call_delta')).toMatchObject([
      { block: { data: { type: 'tool_use', id: 'toolu_a', name: 'a', input: { n: 1 } } } },
      { block: { data: answer('toolu_a') } },
    ]);
  });

  it('is told from other calls, whatever the order of the results', () => {
    const calls = ['a', 'b', 'c'].flatMap((name, index) => block(index, call(name), json('{}')));
    const { chunks, reply } = decode(
      [
        opening(),
        ...calls,
        ...block(3, answer('toolu_c', [{ type: 'text', text: '3' }])),
        ...block(4, answer('toolu_a')),
        ...block(5, TEXT, text('So.')),
        ...ending('tool_use'),
      ],
      {},
      offering('b'),
    );
    expect(told(chunks)).toEqual([
      'ran: toolu_c c {}',
      'result: toolu_c c [{"type":"text","text":"3"}]',
      'ran: toolu_a a {}',
      'call: toolu_b b {}',
      'result: toolu_a a done',
      'text: So.',
    ]);
    expect(reply.finishReason).toBe('tool_calls');
  });

  it('belongs to the client if there is no result', () => {
    const events = [
      opening(),
      ...block(0, call('a'), json('{}')),
      ...block(1, TEXT, text('x')),
      ...ending('tool_use'),
    ];
    expect(told(decode(events, {}, offering('b')).chunks)).toEqual(['call: toolu_a a {}', 'text: x']);
  });

  it("counts as offered if the provider's options have a tool that the client runs", () => {
    const own = (...tools: object[]): ModelRequest =>
      ask('Hi', { parameters: { providerOptions: { anthropic: { tools } } } });
    const events = [
      opening(),
      ...block(0, call('bash'), json('{}')),
      ...block(1, answer('toolu_bash')),
      ...ending(),
    ];
    const kinds = [
      own({ type: 'bash_20250124', name: 'bash' }),
      own({ name: 'bash', input_schema: {} }),
      offering('bash'),
      own({ type: 'code_execution_20250825', name: 'bash' }),
      own({ type: 'bash_20250124', name: 'other' }),
    ].map((request) => told(decode(events, {}, request).chunks)[0]?.split(':')[0]);
    expect(kinds).toEqual(['call', 'call', 'call', 'ran', 'ran']);
  });
});

describe('R49 the order of calls that the provider ran', () => {
  it('is that of the blocks, even if calls or results were never stopped', () => {
    const { chunks } = decode([
      opening(),
      start(0, TEXT),
      delta(0, text('Let me look.')),
      start(1, SEARCH),
      delta(1, json('{"query":"x"}')),
      start(2, { type: 'web_search_tool_result', tool_use_id: 'srv', content: [] }),
      start(3, TEXT),
      delta(3, text('Found.')),
      stop(3),
      ...ending(),
    ]);
    expect(told(chunks)).toEqual([
      'text: Let me look.',
      'ran: srv web_search {"query":"x"}',
      'result: srv web_search []',
      'text: Found.',
    ]);
  });
});

describe('R49 a reply without text', () => {
  it.each([
    ['calls that the provider ran', block(0, SEARCH, json('{"query":"x"}')), 'tool_call'],
    [
      'an image',
      block(0, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBO' } }),
      'file',
    ],
  ])('is complete if it holds %s', async (_name, blocks, type) => {
    await using server = await faultServer();
    const lines = [opening(), ...blocks, ...ending()].map((event) => JSON.stringify(event));
    const { chunks, reply } = await runOn(server, { stream: { lines, wire: 'anthropic-messages' } });
    expect(chunks.map((chunk) => chunk.type)).toEqual([type]);
    expect(reply.finishReason).toBe('stop');
  });
});
