import { describe, expect, it } from 'vitest';

import type { ModelRequest } from '../../../../src/index.ts';
import { chat, decode, finish, joined } from '../support.ts';
import type { Told } from '../support.ts';

const weather = { name: 'get_weather', parameters: { type: 'object' } };
const request: Partial<ModelRequest> = { tools: [weather] };

/** The chunks of a stream without deltas of calls. */
function read(events: readonly object[], options: { request?: Partial<ModelRequest> } = { request }): Told {
  const told = decode('chat', events, options);
  return { ...told, chunks: told.chunks.filter((chunk) => chunk.type !== 'tool_call_delta') };
}

const called = (id: string, name: string, args = '{"q":"x"}'): object =>
  chat({ tool_calls: [{ index: 0, id, type: 'function', function: { name, arguments: args } }] });

describe('R49 calls that the server ran on Chat Completions', () => {
  it('come from Groq with their result, as soon as it is there', () => {
    const { chunks, reply } = read([
      chat({
        role: 'assistant',
        executed_tools: [{ index: 0, type: 'search', arguments: '{"query":"news"}', output: null }],
      }),
      chat({
        executed_tools: [
          {
            index: 0,
            type: 'search',
            arguments: '',
            output: 'Title: News',
            search_results: { results: [{ title: 'News', url: 'https://a', score: 0.9 }] },
          },
        ],
      }),
      chat({ content: 'Yes' }),
      chat({ executed_tools: [{ index: 0, type: 'search', output: 'Title: News' }] }),
      finish('stop'),
    ]);
    expect(chunks).toEqual([
      {
        type: 'tool_call',
        id: 'server_call_1',
        name: 'search',
        arguments: { query: 'news' },
        providerExecuted: true,
      },
      {
        type: 'tool_result',
        id: 'server_call_1',
        name: 'search',
        content: 'Title: News',
        isError: false,
        providerExecuted: true,
      },
      { type: 'content', content: 'Yes' },
      { type: 'content', content: '', citations: [{ title: 'News', url: 'https://a', score: 0.9 }] },
    ]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('come from Groq in a complete reply without indices, results or arguments', () => {
    const message = {
      content: 'Yes',
      executed_tools: [
        { type: 'python', arguments: '{"code":"1+1"}', code_results: [{ text: '2' }] },
        { type: 'visit', arguments: 'no JSON' },
        { type: 'open' },
      ],
    };
    const { chunks } = read([{ choices: [{ index: 0, message, finish_reason: 'stop' }] }]);
    const server = { providerExecuted: true };
    expect(chunks).toMatchObject([
      { type: 'tool_call', id: 'server_call_1', name: 'python', arguments: { code: '1+1' }, ...server },
      { type: 'tool_result', content: '{"code_results":[{"text":"2"}]}', ...server },
      { type: 'content', content: 'Yes' },
      { type: 'tool_call', id: 'server_call_2', name: 'visit', invalid: { raw: 'no JSON' }, ...server },
      { type: 'tool_call', id: 'server_call_3', name: 'open', arguments: {}, ...server },
    ]);
  });

  it('are steps of Perplexity, with the thought, once each', () => {
    const search = {
      thought: 'Searching',
      type: 'web_search',
      web_search: { search_keywords: ['news'], search_results: [{ url: 'https://a' }] },
    };
    const python = {
      thought: 'Counting',
      type: 'execute_python',
      execute_python: { code: '1+1', result: '2' },
    };
    const { chunks } = read([
      chat({ content: '', reasoning_steps: [search] }),
      chat({ content: '', reasoning_steps: [search, python] }),
      chat({ content: 'Yes' }),
      finish('stop'),
    ]);
    expect(chunks).toMatchObject([
      { type: 'thinking', content: 'Searching' },
      {
        type: 'tool_call',
        name: 'web_search',
        arguments: { search_keywords: ['news'] },
        providerExecuted: true,
      },
      { type: 'tool_result', name: 'web_search', content: '{"search_results":[{"url":"https://a"}]}' },
      { type: 'thinking', content: 'Counting' },
      { type: 'tool_call', name: 'execute_python', arguments: { code: '1+1' }, providerExecuted: true },
      { type: 'tool_result', name: 'execute_python', content: '{"result":"2"}' },
      { type: 'content', content: 'Yes' },
    ]);
  });

  it('are calls of tools that the request does not offer, if a tool message has their result', () => {
    const { chunks, reply } = read([
      chat({ role: 'assistant', content: 'Let me see. ' }),
      called('call_1', 'plugin_web_search'),
      chat({ role: 'tool', tool_call_id: 'call_1', content: 'Found ' }),
      chat({ role: 'tool', content: 'it' }),
      chat({ role: 'assistant', content: 'Here.' }),
      finish('stop'),
    ]);
    expect(joined(chunks, 'content')).toBe('Let me see. Here.');
    expect(chunks.slice(-2)).toEqual([
      {
        type: 'tool_call',
        id: 'call_1',
        name: 'plugin_web_search',
        arguments: { q: 'x' },
        providerExecuted: true,
      },
      {
        type: 'tool_result',
        id: 'call_1',
        name: 'plugin_web_search',
        content: 'Found it',
        isError: false,
        providerExecuted: true,
      },
    ]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('are read from a list of messages', () => {
    const messages = [
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'call_1', function: { name: 'plugin_web_search', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Found' },
      { role: 'assistant', content: 'Here.' },
    ];
    const { chunks, reply } = read([{ choices: [{ index: 0, messages, finish_reason: 'stop' }] }]);
    expect(chunks).toMatchObject([
      { type: 'content', content: 'Here.' },
      { type: 'tool_call', id: 'call_1', providerExecuted: true },
      { type: 'tool_result', id: 'call_1', content: 'Found' },
    ]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('are calls of tools that the request does not offer, if text follows them', () => {
    const { chunks, reply } = read([
      called('call_1', 'web_search'),
      chat({ content: 'Here.' }),
      finish('stop'),
    ]);
    expect(chunks.at(-1)).toMatchObject({ type: 'tool_call', name: 'web_search', providerExecuted: true });
    expect(reply?.finishReason).toBe('stop');
  });

  it.each(['srvtoolu_01', 'xs_call_01'])('are calls with an id such as %s', (id) => {
    const { chunks, reply } = read([called(id, 'web_search'), finish('tool_calls')]);
    expect(chunks.at(-1)).toMatchObject({ id, providerExecuted: true });
    expect(reply?.finishReason).toBe('stop');
  });

  it("have Anthropic's results where LiteLLM puts them", () => {
    const found = [{ type: 'web_search_result', url: 'https://a' }];
    const { chunks } = read([
      called('srvtoolu_01', 'web_search'),
      chat({
        content: '',
        provider_specific_fields: {
          web_search_results: [
            { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_01', content: found },
          ],
        },
      }),
      chat({ content: 'Here.' }),
      finish('stop'),
    ]);
    expect(chunks.at(-1)).toMatchObject({
      type: 'tool_result',
      id: 'srvtoolu_01',
      content: JSON.stringify(found),
      providerExecuted: true,
    });
  });

  it('leave tool_calls as the finish reason if the client has calls, too', () => {
    const { chunks, reply } = read([
      called('srvtoolu_01', 'web_search'),
      chat({ tool_calls: [{ index: 1, id: 'b', function: { name: 'get_weather', arguments: '{}' } }] }),
      finish('tool_calls'),
    ]);
    expect(chunks.map((chunk) => 'providerExecuted' in chunk)).toEqual([true, false]);
    expect(reply?.finishReason).toBe('tool_calls');
  });

  it('S10 over the limit fail', () => {
    const executed = Array.from({ length: 4 }, (_, index) => ({ index, type: 'search', output: 'x' }));
    const { error } = decode('chat', [chat({ executed_tools: executed })], {
      options: { limits: { maxToolCalls: 3 } },
    });
    expect([error?.code, error?.retryable]).toEqual(['protocol', false]);
  });
});

describe('calls that the server did not run', () => {
  const isServers = ({ chunks }: Told): boolean[] =>
    chunks.flatMap((chunk) => (chunk.type === 'tool_call' ? [chunk.providerExecuted === true] : []));

  it.each<[string, object[]]>([
    [
      'of an offered tool, although text follows',
      [called('a', 'get_weather'), chat({ content: 'x' }), finish('stop')],
    ],
    ['of an unknown tool, without a result', [called('a', 'made_up'), finish('tool_calls')]],
    [
      'of an unknown tool, if the reply ends with tool_calls',
      [called('a', 'made_up'), chat({ content: 'Let me call it.' }), finish('tool_calls')],
    ],
    [
      'of an unknown tool, if only white space follows',
      [called('a', 'made_up'), chat({ content: '\n' }), finish('stop')],
    ],
  ])('are for the client: %s', (_name, events) => {
    const told = read(events);
    expect([isServers(told), told.reply?.finishReason]).toEqual([[false], 'tool_calls']);
  });

  it('are calls of tools that the caller offers in providerOptions', () => {
    const tools = [
      { type: 'function', function: { name: 'own' } },
      { type: 'custom', custom: { name: 'run' } },
    ];
    const told = read([called('a', 'own'), chat({ content: 'x' }), finish('stop')], {
      request: { parameters: { providerOptions: { openai: { tools } } } },
    });
    expect(isServers(told)).toEqual([false]);
  });
});
