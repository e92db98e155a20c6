import { describe, expect, it } from 'vitest';

import type { StreamChunk } from '../../../../src/index.ts';
import { added, created, delta, done, ended, functionCall, message } from './events.ts';
import { ask, blockOf, decode } from '../support.ts';

/** The chunks of a stream without deltas of calls, and how it ended. */
function told(
  events: readonly object[],
  request = ask(),
): { chunks: StreamChunk[]; finishReason: string | undefined; warnings: string[] } {
  const { chunks, reply, error, warnings } = decode('responses', [created(), ...events], { request });
  expect(error).toBeUndefined();
  const kept = chunks.filter((chunk) => chunk.type !== 'tool_call_delta');
  return { chunks: kept, finishReason: reply?.finishReason, warnings };
}

describe('R49 a tool that the provider runs itself', () => {
  const xai = {
    type: 'custom_tool_call',
    id: 'ctc_b7b464ea_xs_call_24148162',
    call_id: 'xs_call_24148162',
    name: 'x_keyword_search',
    input: '{"query":"from:xai","limit":20}',
    status: 'completed',
  };

  it('is not a call for the client: xAI sends it as the call of a custom tool', () => {
    const place = { output_index: 0, item_id: xai.id };
    const { chunks, finishReason } = told([
      added(0, { ...xai, input: '', status: 'in_progress' }),
      { type: 'response.custom_tool_call_input.delta', ...place, delta: xai.input },
      { type: 'response.custom_tool_call_input.done', ...place, input: xai.input },
      done(0, xai),
      delta('Found', 1),
      ended({ output: [xai, message('Found')] }),
    ]);
    expect(chunks).toEqual([
      {
        type: 'tool_call',
        id: 'xs_call_24148162',
        name: 'x_keyword_search',
        arguments: { query: 'from:xai', limit: 20 },
        providerExecuted: true,
        block: blockOf(xai),
      },
      { type: 'content', content: 'Found' },
    ]);
    expect(finishReason).toBe('stop');
  });

  it('does not look like one while it comes, either', () => {
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...xai, input: '' }),
      { type: 'response.custom_tool_call_input.delta', output_index: 0, delta: xai.input },
      done(0, xai),
      ended(),
    ]);
    expect(chunks.map(({ type }) => type)).toEqual(['tool_call']);
  });

  it('is a call for the client if the request offers a custom tool of that name', () => {
    const tools = [{ type: 'custom', name: 'x_keyword_search' }];
    const request = ask({ parameters: { providerOptions: { openai: { tools } } } });
    const { chunks, finishReason } = told([done(0, xai), ended()], request);
    expect(chunks).toMatchObject([{ type: 'tool_call', arguments: xai.input }]);
    expect('providerExecuted' in (chunks[0] ?? {})).toBe(false);
    expect(finishReason).toBe('tool_calls');
  });

  it('is known by its result, if the request does not offer the tool', () => {
    const call = functionCall('c1', '{"x":1}');
    const output = { type: 'function_call_output', id: 'fco_1', call_id: 'c1', output: '2' };
    const { chunks, finishReason } = told([
      done(0, call),
      done(1, output),
      delta('Two.', 2),
      ended({ output: [call, output, message('Two.')] }),
    ]);
    expect(chunks).toEqual([
      {
        type: 'tool_call',
        id: 'c1',
        name: 'add',
        arguments: { x: 1 },
        providerExecuted: true,
        block: blockOf(call),
      },
      {
        type: 'tool_result',
        id: 'c1',
        name: 'add',
        content: '2',
        isError: false,
        providerExecuted: true,
        block: blockOf(output),
      },
      { type: 'content', content: 'Two.' },
    ]);
    expect(finishReason).toBe('stop');
  });

  it('is known by its result for each of several calls, also if the result is only in the final list', () => {
    const [one, two] = [functionCall('c1', '{}'), functionCall('c2', '{}')];
    const results = ['c1', 'c2'].map((call_id) => ({
      type: 'function_call_output',
      call_id,
      output: [{ type: 'output_text', text: call_id }],
    }));
    const all = [one, two, ...results];
    const streams = [
      [...all.map((item, index) => done(index, item)), ended()],
      [ended({ output: all })],
      [ended({ output: [one, two, message('Hi'), ...results] })],
    ];
    for (const events of streams) {
      const { chunks, finishReason } = told(events);
      const ran = chunks.flatMap((chunk) =>
        'providerExecuted' in chunk ? [`${chunk.type} ${chunk.id}`] : [],
      );
      expect(ran).toEqual(['tool_call c1', 'tool_call c2', 'tool_result c1', 'tool_result c2']);
      expect(finishReason).toBe('stop');
    }
  });

  it('is not known by the result of a tool that the request offers', () => {
    const request = ask({ tools: [{ name: 'add', parameters: { type: 'object' } }] });
    const output = { type: 'function_call_output', call_id: 'c1', output: '2' };
    const { chunks, finishReason } = told(
      [done(0, functionCall('c1', '{}')), done(1, output), ended()],
      request,
    );
    expect(chunks).toMatchObject([
      { type: 'tool_call', id: 'c1' },
      { type: 'content', block: blockOf(output) },
    ]);
    expect('providerExecuted' in (chunks[0] ?? {})).toBe(false);
    expect(finishReason).toBe('tool_calls');
  });

  it("is known even if the server names its tools like the client's in another namespace", () => {
    const call = functionCall('c1', '{}');
    const output = { type: 'function_call_output', call_id: 'c1', output: '2' };
    const named = [{ type: 'function', name: 'add' }];
    const started = { type: 'response.in_progress', response: { id: 'resp_1', tools: named } };
    expect(told([started, done(0, call), done(1, output), ended()]).finishReason).toBe('stop');
    const tools = [{ type: 'namespace', name: 'math', tools: named }];
    const request = ask({ parameters: { providerOptions: { openai: { tools } } } });
    expect(told([started, done(0, call), done(1, output), ended()], request).finishReason).toBe('tool_calls');
  });

  it('does not delay the calls of others, which keep their place', () => {
    const { chunks } = told([
      done(0, functionCall('c1', '{}')),
      done(1, { type: 'reasoning', id: 'rs_1', summary: [] }),
      done(2, functionCall('c2', '{}')),
      delta('Hi', 3),
      ended(),
    ]);
    expect(chunks.map(({ type }) => type)).toEqual(['tool_call', 'thinking', 'tool_call', 'content']);
  });
});

describe('R49 the hosted tools', () => {
  it.each<[string, object, object, object | undefined]>([
    [
      'web search',
      {
        type: 'web_search_call',
        status: 'completed',
        action: { type: 'search', query: 'news', sources: [{ type: 'url', url: 'https://a' }] },
      },
      { name: 'web_search', arguments: { type: 'search', query: 'news' } },
      { content: '[{"type":"url","url":"https://a"}]', isError: false },
    ],
    [
      'web search without its sources',
      { type: 'web_search_call', status: 'searching', action: { type: 'open_page', url: 'https://a' } },
      { name: 'web_search', arguments: { type: 'open_page', url: 'https://a' } },
      undefined,
    ],
    [
      'file search',
      {
        type: 'file_search_call',
        status: 'completed',
        queries: ['q'],
        results: [{ file_id: 'f', text: 'T' }],
      },
      { name: 'file_search', arguments: { queries: ['q'] } },
      { content: '[{"file_id":"f","text":"T"}]', isError: false },
    ],
    [
      'file search without its results',
      { type: 'file_search_call', status: 'completed', queries: ['q'], results: null },
      { name: 'file_search', arguments: { queries: ['q'] } },
      undefined,
    ],
    [
      'the code interpreter',
      {
        type: 'code_interpreter_call',
        status: 'completed',
        code: '1+1',
        container_id: 'cntr_1',
        outputs: [
          { type: 'logs', logs: '2' },
          { type: 'logs', logs: '\n' },
        ],
      },
      { name: 'code_interpreter', arguments: { code: '1+1', container_id: 'cntr_1' } },
      { content: '2\n', isError: false },
    ],
    [
      "xAI's code execution",
      { type: 'code_interpreter_call', call_id: '', name: 'code_execution', arguments: '{"code":"1"}' },
      { name: 'code_execution', arguments: { code: '1' } },
      undefined,
    ],
    [
      "xAI's search on X",
      { type: 'x_search_call', call_id: '', name: 'x_semantic_search', arguments: '{"query":"AI"}' },
      { name: 'x_semantic_search', arguments: { query: 'AI' } },
      undefined,
    ],
    [
      'a tool of an MCP server',
      {
        type: 'mcp_call',
        server_label: 's',
        name: 'look',
        arguments: '{"q":"a"}',
        output: 'Found',
        error: null,
      },
      { name: 'look', arguments: { q: 'a' } },
      { content: 'Found', isError: false },
    ],
    [
      'a tool of an MCP server that failed',
      {
        type: 'mcp_call',
        server_label: 's',
        name: 'look',
        arguments: '{"q"',
        output: null,
        error: { code: 1 },
      },
      {
        name: 'look',
        arguments: {},
        invalid: { raw: '{"q"', reason: 'the arguments are not valid JSON' },
      },
      { content: '{"code":1}', isError: true },
    ],
  ])('%s is a call that the provider ran, with its result', (_name, fields, call, result) => {
    const item = { id: 'h_1', ...fields };
    const { chunks, finishReason } = told([
      added(0, { ...item, status: 'in_progress' }),
      done(0, item),
      delta('Hi', 1),
      ended({ output: [item, message('Hi')] }),
    ]);
    const same = { id: 'h_1', providerExecuted: true };
    const name = 'name' in call ? call.name : '';
    expect(chunks).toEqual([
      { type: 'tool_call', ...same, ...call, block: blockOf(item) },
      ...(result === undefined ? [] : [{ type: 'tool_result', ...same, name, ...result }]),
      { type: 'content', content: 'Hi' },
    ]);
    expect(finishReason).toBe('stop');
  });

  it('are delivered once, even if they are done twice or listed under another id', () => {
    const item = {
      type: 'web_search_call',
      id: 'ws_1',
      status: 'completed',
      action: { type: 'search', query: 'a' },
    };
    const other = { ...item, id: 'ws_2', action: { type: 'search', query: 'b' } };
    const { id: _id, ...anonymous } = item;
    for (const events of [
      [done(0, item), done(0, item), done(1, other), ended({ output: [other, item] })],
      [
        done(0, item),
        done(1, other),
        ended({ output: [item, other].map((one) => ({ ...one, id: `x${one.id}` })) }),
      ],
      [done(undefined, anonymous), done(undefined, anonymous), done(0, other), ended()],
    ]) {
      expect(told(events).chunks).toHaveLength(2);
    }
  });

  it('have no field that is nested too deep for a session to be stored', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 20_000; level++) deep = [deep];
    const { chunks } = decode('responses', []);
    expect(chunks).toEqual([]);
    const search = { type: 'web_search_call', id: 'ws_1', action: { type: 'search', query: deep } };
    const call = { ...functionCall('c1', ''), arguments: { x: deep } };
    const events = [ended({ output: [search, call] })];
    const decoded = decode('responses', events, { parsed: true });
    expect(JSON.stringify(decoded.chunks)).toContain('not valid JSON');
    expect(decoded.chunks).toMatchObject([
      { type: 'tool_call', name: 'web_search', arguments: {} },
      { type: 'tool_call_delta' },
      { type: 'tool_call', id: 'c1', arguments: {}, invalid: {} },
    ]);
  });
});
