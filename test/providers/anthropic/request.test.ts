import { describe, expect, it } from 'vitest';

import { wireRequest, type RequestSettings } from '../../../providers/anthropic/request.ts';
import type { Message, ModelRequest, Parameters } from '../../../src/index.ts';
import { ask, fakeCall } from './support.ts';

const OLD = 'claude-sonnet-4-5';
const NEW = 'claude-opus-5-5';

const SETTINGS: RequestSettings = {
  name: 'anthropic',
  model: OLD,
  stream: true,
  maxTokens: undefined,
  budgetTokens: undefined,
  betas: [],
  headers: {},
  strict: false,
};

/** The request on the wire, and what was warned of. */
function built(request: ModelRequest, settings: Partial<RequestSettings> = {}) {
  const call = fakeCall(request);
  return { ...wireRequest(request, { ...SETTINGS, ...settings }, call), warnings: call.warnings };
}

function withParameters(parameters: Parameters, settings: Partial<RequestSettings> = {}) {
  return built(ask('Hi', { parameters }), settings);
}

function messagesOf(messages: Message[]) {
  return built({ messages, parameters: {} });
}

const user = (text: string) => ({ role: 'user', content: [{ type: 'text', text }] });
const TOOL = { name: 'add', description: 'Adds.', parameters: { type: 'object', properties: {} } };

describe('messages on the wire', () => {
  it('sends one question with the model and the max_tokens that the API demands', () => {
    expect(built(ask('Hi'))).toEqual({
      body: { model: OLD, max_tokens: 16_384, messages: [user('Hi')], stream: true },
      headers: {},
      warnings: [],
    });
  });

  it('stacks system messages in order, wherever they stand', () => {
    const { body } = messagesOf([
      { role: 'system', content: 'One.' },
      { role: 'user', content: 'Hi' },
      { role: 'system', content: [{ type: 'text', text: 'Two.' }] },
    ]);
    expect(body['system']).toEqual([
      { type: 'text', text: 'One.' },
      { type: 'text', text: 'Two.' },
    ]);
    expect(body['messages']).toEqual([user('Hi')]);
  });

  it('joins messages of one role that follow each other', () => {
    const { body } = messagesOf([
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: 'c' },
      { role: 'assistant', content: 'd' },
      { role: 'user', content: 'e' },
    ]);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'c' },
          { type: 'text', text: 'd' },
        ],
      },
      user('e'),
    ]);
  });

  it('leaves out blank texts, and messages of which nothing remains', () => {
    const { body } = messagesOf([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: [{ type: 'text', text: ' \n' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  it('trims the end of a final assistant message, and of no other', () => {
    const { body } = messagesOf([
      { role: 'assistant', content: 'kept ' },
      { role: 'user', content: 'go on ' },
      { role: 'assistant', content: 'The answer is \n' },
    ]);
    expect(body['messages']).toEqual([
      { role: 'assistant', content: [{ type: 'text', text: 'kept ' }] },
      user('go on '),
      { role: 'assistant', content: [{ type: 'text', text: 'The answer is' }] },
    ]);
  });

  it('sends calls and their results, results first and right behind the calls', () => {
    const { body } = messagesOf([
      { role: 'user', content: 'What is 1 + 2?' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_call', id: 'toolu_1', name: 'add', arguments: { a: 1, b: 2 } },
          { type: 'tool_call', id: 'call|2', name: 'now', arguments: undefined },
        ],
      },
      { role: 'user', content: 'Quick!' },
      {
        role: 'tool',
        content: [{ type: 'tool_result', id: 'toolu_1', name: 'add', content: '3' }],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool_result',
            id: 'call|2',
            name: 'now',
            isError: true,
            content: [
              { type: 'text', text: 'No clock.' },
              { type: 'image', data: 'iVBORw0KGgoAAA' },
            ],
          },
          { type: 'tool_result', id: 'toolu_3', name: 'void', content: '' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([
      user('What is 1 + 2?'),
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: 1, b: 2 } },
          { type: 'tool_use', id: 'call_2', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: '3' },
          {
            type: 'tool_result',
            tool_use_id: 'call_2',
            content: [
              { type: 'text', text: 'No clock.' },
              {
                type: 'image',
                source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgoAAA' },
              },
            ],
            is_error: true,
          },
          { type: 'tool_result', tool_use_id: 'toolu_3' },
          { type: 'text', text: 'Quick!' },
        ],
      },
    ]);
  });

  it('wraps arguments that are no object, which the API would refuse', () => {
    const { body } = messagesOf([
      { role: 'assistant', content: [{ type: 'tool_call', id: 'c', name: 'n', arguments: 'ls -l' }] },
    ]);
    expect(body['messages']).toMatchObject([{ content: [{ input: { value: 'ls -l' } }] }]);
  });

  it('R28 sends thinking, server tools and callers back as they came', () => {
    const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'EqQB==' };
    const redacted = { type: 'redacted_thinking', data: 'Em8K' };
    const search = { type: 'server_tool_use', id: 'srv', name: 'web_search', input: { query: 'x' } };
    const caller = { type: 'code_execution_20250825', tool_id: 'srv' };
    const { body, warnings } = messagesOf([
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'Hm.', block: { provider: 'anthropic', data: thinking } },
          { type: 'thinking', text: '', block: { provider: 'anthropic', data: redacted } },
          { type: 'provider', block: { provider: 'anthropic', data: search } },
          {
            type: 'tool_call',
            id: 'toolu_1',
            name: 'add',
            arguments: { a: 1 },
            block: { provider: 'anthropic', data: { type: 'tool_use', id: 'toolu_1', name: 'add', caller } },
          },
        ],
      },
    ]);
    const assistant = Array.isArray(body['messages']) ? body['messages'][1] : undefined;
    expect(JSON.stringify(assistant.content.slice(0, 3))).toBe(JSON.stringify([thinking, redacted, search]));
    expect(assistant.content[3]).toEqual({
      type: 'tool_use',
      id: 'toolu_1',
      name: 'add',
      caller,
      input: { a: 1 },
    });
    expect(warnings).toEqual([]);
  });

  it('R28 leaves out thinking without a block of this API, and tells of foreign blocks', () => {
    const { body, warnings } = messagesOf([
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'Hm.' },
          { type: 'thinking', text: 'Hm.', block: { provider: 'openai.responses', data: { id: 'rs' } } },
          { type: 'provider', block: { provider: 'openai.responses', data: { id: 'ws' } } },
          { type: 'text', text: 'Yes.' },
        ],
      },
      { role: 'user', content: 'Hi' },
    ]);
    expect(body['messages']).toEqual([
      { role: 'assistant', content: [{ type: 'text', text: 'Yes.' }] },
      user('Hi'),
    ]);
    expect(warnings).toEqual(['anthropic: a block that belongs to openai.responses is left out']);
  });

  it('sends the citations of this API back with the text of the assistant alone', () => {
    const own = { type: 'char_location', cited_text: 'x' };
    const citations = [own, { type: 'url_citation', url: 'u' }];
    const { body } = messagesOf([
      { role: 'user', content: [{ type: 'text', text: 'Hi', citations }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Yes', citations }] },
      { role: 'user', content: 'And?' },
    ]);
    expect(body['messages']).toEqual([
      user('Hi'),
      { role: 'assistant', content: [{ type: 'text', text: 'Yes', citations: [own] }] },
      user('And?'),
    ]);
  });

  it('sends images and documents by URL, as base64, as text and by file id', () => {
    const text = Buffer.from('a,b', 'utf8').toString('base64');
    const { body, warnings } = messagesOf([
      {
        role: 'user',
        content: [
          { type: 'image', url: 'https://x.test/a.png', detail: 'high' },
          { type: 'image', data: '/9j/4AAQ' },
          { type: 'image', url: 'data:image/gif;base64,R0lGODlh' },
          { type: 'file', url: 'https://x.test/a.pdf', filename: 'a.pdf' },
          { type: 'file', data: 'JVBERi0x', mediaType: 'application/pdf' },
          { type: 'file', data: text, mediaType: 'text/csv; charset=utf-8', filename: 'a.csv' },
          { type: 'file', fileId: 'file_1' },
          { type: 'file', fileId: 'file_2', mediaType: 'image/png' },
          { type: 'file', data: 'iVBORw0KGgo' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'url', url: 'https://x.test/a.png' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: '/9j/4AAQ' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: 'R0lGODlh' } },
          { type: 'document', source: { type: 'url', url: 'https://x.test/a.pdf' }, title: 'a.pdf' },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0x' } },
          {
            type: 'document',
            source: { type: 'text', media_type: 'text/plain', data: 'a,b' },
            title: 'a.csv',
          },
          { type: 'document', source: { type: 'file', file_id: 'file_1' } },
          { type: 'image', source: { type: 'file', file_id: 'file_2' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo' } },
        ],
      },
    ]);
    expect(warnings).toEqual(["anthropic: there are no levels of detail: 'high' of an image has no effect"]);
  });

  it('tells of parts that the API does not take', () => {
    const { body, warnings } = messagesOf([
      { role: 'assistant', content: [{ type: 'image', url: 'https://x.test/a.png' }] },
      {
        role: 'user',
        content: [
          { type: 'audio', data: 'AAAA', mediaType: 'audio/wav' },
          { type: 'file', data: 'AAAA', mediaType: 'application/zip' },
          { type: 'image', data: 'AAAA' },
          { type: 'image' },
          { type: 'file' },
          { type: 'text', text: 'Hi' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([user('Hi')]);
    expect(warnings).toEqual([
      'anthropic: a part of type image in a message of role assistant cannot be sent, it is left out',
      'anthropic: a part of type audio cannot be sent, it is left out',
      'anthropic: a file of type application/zip cannot be sent, it is left out',
      'anthropic: an image has no mediaType and its data does not tell it, it is left out',
      'anthropic: an image has neither url nor data, it is left out',
      'anthropic: a file has neither url, data nor fileId, it is left out',
    ]);
  });
});

describe('parameters on the wire', () => {
  it('sends max_tokens of the request, else of the options, else what the model can write', () => {
    const sent = [
      withParameters({ maxTokens: 5 }, { maxTokens: 7 }),
      withParameters({}, { maxTokens: 7 }),
      withParameters({}, { model: 'claude-3-haiku-20240307' }),
      withParameters({}, { model: NEW }),
    ].map(({ body }) => body['max_tokens']);
    expect(sent).toEqual([5, 7, 4096, 16_384]);
  });

  it("takes the request's model for the provider's", () => {
    expect(built(ask('Hi', { model: 'claude-x' })).body['model']).toBe('claude-x');
  });

  it('sends stop sequences, tools and the choice among them', () => {
    const tools = [TOOL, { ...TOOL, name: 'strict', strict: true }];
    const { body } = built(
      ask('Hi', {
        tools,
        parameters: { stopSequences: ['END'], toolChoice: 'required', parallelToolCalls: false },
      }),
    );
    expect(body).toMatchObject({
      stop_sequences: ['END'],
      tools: [
        { name: 'add', description: 'Adds.', input_schema: TOOL.parameters },
        { name: 'strict', strict: true },
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    });
  });

  it.each<[Parameters, unknown]>([
    [{}, undefined],
    [{ toolChoice: 'auto' }, { type: 'auto' }],
    [{ toolChoice: 'none', parallelToolCalls: false }, { type: 'none' }],
    [{ toolChoice: 'required', parallelToolCalls: true }, { type: 'any' }],
    [{ toolChoice: { name: 'add' } }, { type: 'tool', name: 'add' }],
    [{ parallelToolCalls: false }, { type: 'auto', disable_parallel_tool_use: true }],
  ])('sends %j as tool_choice %j', (parameters, choice) => {
    expect(built(ask('Hi', { tools: [TOOL], parameters })).body['tool_choice']).toEqual(choice);
  });

  it('sends no choice where there are no tools', () => {
    const { body, warnings } = withParameters({ toolChoice: 'required' });
    expect(body).not.toHaveProperty('tool_choice');
    expect(warnings).toEqual(['anthropic: there are no tools to choose from: toolChoice is left out']);
    expect(withParameters({ toolChoice: 'auto' }).warnings).toEqual([]);
  });

  it('sends sampling parameters with the last API version that takes them', () => {
    const { body, headers, warnings } = withParameters({ temperature: 0.2 });
    expect(body['temperature']).toBe(0.2);
    expect(headers).toEqual({ 'anthropic-version': '2023-06-01' });
    expect(warnings).toEqual([]);
    expect(withParameters({ topP: 0.5 }).body['top_p']).toBe(0.5);
    expect(withParameters({ temperature: 0.2, topP: 0.5 }, { model: 'my-model' }).body).toMatchObject({
      temperature: 0.2,
      top_p: 0.5,
    });
  });

  it('leaves out sampling parameters that the model refuses, and says so', () => {
    const newer = withParameters({ temperature: 0.2, topP: 0.5 }, { model: NEW });
    expect(newer.body).not.toHaveProperty('temperature');
    expect(newer.body).not.toHaveProperty('top_p');
    expect(newer.headers).toEqual({});
    expect(newer.warnings).toEqual([
      'anthropic: this model takes no temperature, it is left out',
      'anthropic: this model takes no topP, it is left out',
    ]);
    const both = withParameters({ temperature: 0.2, topP: 0.5 });
    expect(both.body).not.toHaveProperty('top_p');
    expect(both.warnings).toEqual([
      'anthropic: this model takes either temperature or topP: topP is left out',
    ]);
  });

  it('leaves out the temperature while the model thinks', () => {
    const { body, warnings } = withParameters({ temperature: 0.2, reasoning: { budgetTokens: 2048 } });
    expect(body).not.toHaveProperty('temperature');
    expect(warnings).toEqual(['anthropic: the model takes no temperature while it thinks, it is left out']);
  });

  it('tells of parameters that the API does not know', () => {
    const { warnings } = withParameters({ seed: 1, frequencyPenalty: 1, presencePenalty: 1 });
    expect(warnings).toEqual(
      ['seed', 'frequencyPenalty', 'presencePenalty'].map(
        (name) => `anthropic: the parameter ${name} cannot be honoured, it is left out`,
      ),
    );
  });

  it('with strict, of the options or of the request, is an error before anything is sent', () => {
    const expected = expect.objectContaining({ code: 'invalid_request', provider: 'anthropic' });
    expect(() => withParameters({ seed: 1, strict: true })).toThrow(expected);
    expect(() => withParameters({ seed: 1 }, { strict: true })).toThrow(expected);
    expect(withParameters({ seed: 1, strict: false }, { strict: true }).warnings).toHaveLength(1);
  });

  it('sends a schema for the answer as output_config', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    const { body } = built(
      ask('Hi', { responseFormat: { type: 'json_schema', name: 'x', schema, description: 'A thing.' } }),
    );
    expect(body['output_config']).toEqual({
      format: { type: 'json_schema', schema: { description: 'A thing.', ...schema } },
    });
    expect(built(ask('Hi', { responseFormat: { type: 'json' } })).warnings).toEqual([
      'anthropic: there is no JSON mode without a schema: responseFormat is left out',
    ]);
    expect(built(ask('Hi', { responseFormat: { type: 'text' } })).warnings).toEqual([]);
  });

  it('lets the providerOptions win, adds their tools and merges their output_config', () => {
    const schema = { type: 'object' };
    const server = { type: 'web_search_20250305', name: 'web_search' };
    const { body, headers } = built(
      ask('Hi', {
        tools: [TOOL],
        responseFormat: { type: 'json_schema', name: 'x', schema },
        parameters: {
          maxTokens: 5,
          providerOptions: {
            anthropic: {
              max_tokens: 6,
              metadata: { user_id: 'u' },
              tools: [server],
              output_config: { effort: 'low' },
              betas: ['b-2', 'b-1'],
              stream: false,
            },
            openai: { user: 'u' },
          },
        },
      }),
      { betas: ['b-1'], headers: { 'anthropic-beta': 'b-0', 'x-team': 'a' } },
    );
    expect(body).toEqual({
      model: OLD,
      max_tokens: 6,
      messages: [user('Hi')],
      metadata: { user_id: 'u' },
      tools: [{ name: 'add', description: 'Adds.', input_schema: TOOL.parameters }, server],
      output_config: { format: { type: 'json_schema', schema }, effort: 'low' },
      stream: true,
    });
    expect(headers).toEqual({ 'anthropic-beta': 'b-0,b-1,b-2', 'x-team': 'a' });
  });
});

describe('thinking on the wire', () => {
  it('sends the budget of the options, and the request wins', () => {
    const settings = { budgetTokens: 2048 };
    expect(withParameters({}, settings).body['thinking']).toEqual({ type: 'enabled', budget_tokens: 2048 });
    expect(withParameters({ reasoning: { budgetTokens: 4096 } }, settings).body['thinking']).toEqual({
      type: 'enabled',
      budget_tokens: 4096,
    });
    expect(withParameters({ reasoning: { effort: 'none' } }, settings).body['thinking']).toEqual({
      type: 'disabled',
    });
  });

  it('makes room for the budget in max_tokens, which includes it', () => {
    const named = withParameters({ maxTokens: 1000, reasoning: { budgetTokens: 2048 } });
    expect(named.body['max_tokens']).toBe(3048);
    expect(named.warnings).toEqual([
      'anthropic: maxTokens of 1000 includes thinking and must be above budgetTokens of 2048: it is raised to 3048',
    ]);
    const unnamed = withParameters({ reasoning: { budgetTokens: 20_000 } });
    expect([unnamed.body['max_tokens'], unnamed.warnings]).toEqual([36_384, []]);
    expect(withParameters({ maxTokens: 4000, reasoning: { budgetTokens: 2048 } }).body['max_tokens']).toBe(
      4000,
    );
  });

  it('raises a budget below the least one', () => {
    const { body, warnings } = withParameters({ reasoning: { budgetTokens: 10 } });
    expect(body['thinking']).toEqual({ type: 'enabled', budget_tokens: 1024 });
    expect(warnings).toEqual(['anthropic: budgetTokens of 10 is raised to 1024, the least there is']);
  });

  it('lets newer models think adaptively, with their thoughts to be read', () => {
    const thinking = { type: 'adaptive', display: 'summarized' };
    const effort = withParameters({ reasoning: { effort: 'high', summary: 'auto' } }, { model: NEW });
    expect(effort.body).toMatchObject({ thinking, output_config: { effort: 'high' } });
    expect(effort.warnings).toEqual([]);
    const budget = withParameters({}, { model: NEW, budgetTokens: 2048 });
    expect(budget.body).toMatchObject({ thinking, max_tokens: 16_384 });
    expect(budget.warnings).toEqual([
      'anthropic: this model decides by itself how much to think: budgetTokens is left out, use reasoning.effort',
    ]);
    expect(withParameters({}, { model: NEW }).body).not.toHaveProperty('thinking');
  });

  it('gives models that take both what was asked for', () => {
    const model = 'claude-sonnet-4-6';
    expect(withParameters({ reasoning: { effort: 'low' } }, { model }).body['thinking']).toMatchObject({
      type: 'adaptive',
    });
    expect(withParameters({ reasoning: { budgetTokens: 2048 } }, { model }).body['thinking']).toEqual({
      type: 'enabled',
      budget_tokens: 2048,
    });
  });

  it.each<[string, Parameters['reasoning'], object, string]>([
    [
      OLD,
      { effort: 'high' },
      {},
      "this model takes no effort: 'high' is left out, use reasoning.budgetTokens",
    ],
    [OLD, { summary: 'auto' }, {}, 'this model thinks only with budgetTokens: summary is left out'],
    [
      NEW,
      { effort: 'minimal' },
      { output_config: { effort: 'low' } },
      "there is no effort 'minimal': it is sent as 'low'",
    ],
    [
      NEW,
      { effort: 'none' },
      { output_config: { effort: 'low' } },
      "this model always thinks: effort 'none' is sent as 'low'",
    ],
    [
      OLD,
      { budgetTokens: 2048, summary: 'concise' },
      { thinking: { type: 'enabled', budget_tokens: 2048, display: 'summarized' } },
      "there are no grades of summaries: 'concise' is sent as 'summarized'",
    ],
  ])('tells %s what it cannot honour of %j', (model, reasoning, fields, warning) => {
    const { body, warnings } = withParameters({ reasoning }, { model });
    expect(body).toMatchObject(fields);
    if (Object.keys(fields).length === 0) {
      expect(Object.keys(body)).toEqual(['model', 'max_tokens', 'messages', 'stream']);
    }
    expect(warnings).toEqual([`anthropic: ${warning}`]);
  });

  it('lets a forced call go before thinking', () => {
    const parameters: Parameters = { toolChoice: 'required', reasoning: { budgetTokens: 2048 } };
    const { body, warnings } = built(ask('Hi', { tools: [TOOL], parameters }));
    expect(body).not.toHaveProperty('thinking');
    expect(body['tool_choice']).toEqual({ type: 'any' });
    expect(warnings).toEqual([
      'anthropic: the model cannot think where the tool choice forces a call: thinking is left out',
    ]);
  });
});

describe('prompt caching on the wire', () => {
  const messages: Message[] = [
    { role: 'system', content: 'You are terse.' },
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: 'c' },
  ];
  const mark = { type: 'ephemeral' };

  function cached(promptCache: Parameters['promptCache'], more: Partial<ModelRequest> = {}) {
    return built({ messages, tools: [TOOL], parameters: { promptCache }, ...more });
  }

  it("auto marks the tools, the system prompt and the last message, and not the caller's objects", () => {
    const { body, warnings } = cached('auto');
    expect(body).toMatchObject({
      tools: [{ name: 'add', cache_control: mark }],
      system: [{ text: 'You are terse.', cache_control: mark }],
      messages: [user('a'), { content: [{ text: 'b' }] }, { content: [{ text: 'c', cache_control: mark }] }],
    });
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(3);
    expect(warnings).toEqual([]);
    expect(cached('auto', { messages: messages.slice(1, 2), tools: [] }).warnings).toEqual([]);
  });

  it('marks the breakpoints asked for, with their time to live', () => {
    const { body } = cached([{ at: 'tools', ttl: '1h' }, 1, { at: -2, ttl: '5m' }]);
    expect(body).toMatchObject({
      tools: [{ cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [
        { content: [{ text: 'a', cache_control: mark }] },
        { content: [{ text: 'b', cache_control: { type: 'ephemeral', ttl: '5m' } }] },
        user('c'),
      ],
    });
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(3);
  });

  it('sends the last four of more breakpoints, and tells of those before nothing', () => {
    const { body, warnings } = cached(['tools', 0, 1, 2, 3]);
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(4);
    expect(body).toMatchObject({ tools: [{ name: 'add' }] });
    expect(warnings).toEqual(['anthropic: only the last 4 promptCache breakpoints are sent']);
    expect(cached([99, 'tools'], { tools: [] }).warnings).toEqual([
      'anthropic: there is nothing before the promptCache breakpoint at 99, it is left out',
      'anthropic: there is nothing before the promptCache breakpoint at tools, it is left out',
    ]);
  });

  it("marks no thinking and leaves the caller's blocks as they are", () => {
    const data = Object.freeze({ type: 'web_search_tool_result', tool_use_id: 'srv', content: [] });
    const { body } = cached([-1], {
      messages: [
        { role: 'user', content: 'a' },
        {
          role: 'assistant',
          content: [
            { type: 'provider', block: { provider: 'anthropic', data } },
            {
              type: 'thinking',
              text: 'Hm',
              block: { provider: 'anthropic', data: { type: 'thinking', thinking: 'Hm', signature: 's' } },
            },
          ],
        },
      ],
    });
    expect(body['messages']).toMatchObject([
      user('a'),
      {
        content: [
          { ...data, cache_control: mark },
          { type: 'thinking', thinking: 'Hm', signature: 's' },
        ],
      },
    ]);
    expect(data).not.toHaveProperty('cache_control');
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(1);
  });
});
