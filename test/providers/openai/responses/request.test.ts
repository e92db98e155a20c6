import { describe, expect, it } from 'vitest';

import type { Message, Part } from '../../../../src/index.ts';
import { ask, bodyOf } from '../support.ts';

const reasoning = (id: string, more: object = {}): Part => ({
  type: 'thinking',
  text: 'hm',
  block: {
    provider: 'openai.responses',
    data: { type: 'reasoning', id, summary: [], encrypted_content: `secret ${id}`, ...more },
  },
});

const call = (id: string): Part => ({
  type: 'tool_call',
  id,
  name: 'add',
  arguments: { x: 1 },
  block: {
    provider: 'openai.responses',
    data: {
      type: 'function_call',
      id: `fc_${id}`,
      call_id: id,
      name: 'add',
      arguments: '{"x": 1}',
      status: 'completed',
    },
  },
});

function inputOf(messages: Message[], parameters = {}): { input: unknown; warnings: string[] } {
  const { body, warnings } = bodyOf(ask({ messages, parameters }), { api: 'responses' });
  return { input: body['input'], warnings };
}

function assistant(...content: Part[]): Message {
  return { role: 'assistant', content };
}

describe('a request to Responses', () => {
  it('stores nothing and asks for encrypted reasoning if the model reasons', () => {
    expect(bodyOf(ask(), { api: 'responses' })).toEqual({
      body: {
        model: 'gpt-6-luna',
        input: [{ role: 'user', content: 'Hi' }],
        store: false,
        include: ['reasoning.encrypted_content'],
        stream: true,
      },
      warnings: [],
    });
  });

  it.each([
    ['gpt-4.1', undefined],
    ['gpt-4o', undefined],
    ['gpt-5-chat-latest', undefined],
    ['gpt-5.1-codex-max', ['reasoning.encrypted_content']],
    ['o4-mini', ['reasoning.encrypted_content']],
  ])('knows by name whether %s reasons', (model, include) => {
    expect(bodyOf(ask({ model }), { api: 'responses' }).body['include']).toEqual(include);
  });

  it('has every parameter that the API has, and warns of the others', () => {
    const { body, warnings } = bodyOf(
      ask({
        model: 'm',
        parameters: {
          temperature: 0.5,
          topP: 0.9,
          maxTokens: 100,
          stopSequences: ['END'],
          seed: 7,
          frequencyPenalty: 0.1,
          presencePenalty: 0.2,
          toolChoice: { name: 'add' },
          parallelToolCalls: true,
          reasoning: { effort: 'high', budgetTokens: 9, summary: 'detailed' },
          providerOptions: {
            openai: { store: true, text: { verbosity: 'low' }, tools: [{ type: 'web_search' }] },
          },
        },
        tools: [{ name: 'add', parameters: { type: 'object' } }],
        responseFormat: { type: 'json_schema', name: 'answer', schema: { type: 'object' } },
      }),
      { api: 'responses' },
    );
    expect(body).toEqual({
      model: 'm',
      input: [{ role: 'user', content: 'Hi' }],
      store: true,
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 100,
      tool_choice: { type: 'function', name: 'add' },
      parallel_tool_calls: true,
      reasoning: { effort: 'high', summary: 'detailed' },
      tools: [
        { type: 'function', name: 'add', parameters: { type: 'object' }, strict: false },
        { type: 'web_search' },
      ],
      text: {
        format: { type: 'json_schema', name: 'answer', schema: { type: 'object' } },
        verbosity: 'low',
      },
      stream: true,
    });
    expect(warnings).toEqual([
      'openai: stopSequences is not supported by this API: use api "chat"',
      'openai: seed is not supported by this API, it is left out',
      'openai: frequencyPenalty is not supported by this API, it is left out',
      'openai: presencePenalty is not supported by this API, it is left out',
      'openai: reasoning.budgetTokens is not supported by this API: use reasoning.effort',
    ]);
  });

  it('has every kind of part', () => {
    const { input, warnings } = inputOf([
      { role: 'system', content: 'Be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image', url: 'https://h/i.png', detail: 'high' },
          { type: 'audio', data: 'BBBB', mediaType: 'audio/wav' },
          { type: 'file', url: 'https://h/a.pdf' },
          { type: 'file', data: 'DDDD', mediaType: 'application/pdf', filename: 'a.pdf' },
          { type: 'file', fileId: 'file-1' },
        ],
      },
      assistant({ type: 'text', text: 'I ' }, { type: 'text', text: 'see' }),
      assistant({ type: 'text', text: 'No.', refusal: true }),
      assistant({ type: 'tool_call', id: 'a', name: 'add', arguments: { x: 1 } }),
      {
        role: 'tool',
        content: [
          {
            type: 'tool_result',
            id: 'a',
            name: 'add',
            content: [
              { type: 'text', text: 'plot' },
              { type: 'image', data: 'EE', mediaType: 'image/png' },
            ],
          },
        ],
      },
    ]);
    expect(warnings).toEqual([]);
    expect(input).toEqual([
      { role: 'system', content: 'Be brief' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look' },
          { type: 'input_image', image_url: 'https://h/i.png', detail: 'high' },
          { type: 'input_audio', input_audio: { data: 'BBBB', format: 'wav' } },
          { type: 'input_file', file_url: 'https://h/a.pdf' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,DDDD' },
          { type: 'input_file', file_id: 'file-1' },
        ],
      },
      { role: 'assistant', content: 'I see' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
      { type: 'function_call', call_id: 'a', name: 'add', arguments: '{"x":1}' },
      {
        type: 'function_call_output',
        call_id: 'a',
        output: [
          { type: 'input_text', text: 'plot' },
          { type: 'input_image', image_url: 'data:image/png;base64,EE', detail: 'auto' },
        ],
      },
    ]);
  });

  it('R28 has reasoning and calls byte for byte, in their places', () => {
    const messages = [assistant(reasoning('r1'), call('a'), reasoning('r2'), { type: 'text', text: 'Done' })];
    expect(inputOf(messages).input).toEqual([
      { type: 'reasoning', id: 'r1', summary: [], encrypted_content: 'secret r1' },
      {
        type: 'function_call',
        id: 'fc_a',
        call_id: 'a',
        name: 'add',
        arguments: '{"x": 1}',
        status: 'completed',
      },
      { type: 'reasoning', id: 'r2', summary: [], encrypted_content: 'secret r2' },
      { role: 'assistant', content: 'Done' },
    ]);
  });

  it.each([
    ['at the end', [reasoning('r1')], []],
    ['before other reasoning', [reasoning('r1'), reasoning('r2'), call('b')], ['r2', 'fc_b']],
    ['behind text', [{ type: 'text', text: 'Hm' }, reasoning('r1')], [undefined]],
  ] satisfies [string, Part[], unknown[]][])(
    'R29 has no reasoning item without the item that followed it (%s)',
    (_name, parts, ids) => {
      const { input } = inputOf([assistant(...parts), { role: 'user', content: 'Go on' }]);
      const items = Array.isArray(input) ? input.slice(0, -1) : [];
      expect(items.map((item: { id?: string }) => item.id)).toEqual(ids);
    },
  );

  it('R29 has a call without its id if its reasoning cannot be sent', () => {
    const lost = reasoning('r1', { encrypted_content: null });
    expect(inputOf([assistant(lost, call('a'))]).input).toEqual([
      { type: 'function_call', call_id: 'a', name: 'add', arguments: '{"x": 1}', status: 'completed' },
    ]);
  });

  it('has reasoning by its id if the server stores it', () => {
    const { input } = inputOf([assistant(reasoning('r1', { encrypted_content: null }), call('a'))], {
      providerOptions: { openai: { store: true } },
    });
    expect(input).toMatchObject([
      { type: 'reasoning', id: 'r1' },
      { type: 'function_call', id: 'fc_a' },
    ]);
  });

  it('has the items of its own server tools unchanged, and none of others', () => {
    const item = {
      type: 'web_search_call',
      id: 'ws_1',
      status: 'completed',
      action: { type: 'search', query: 'q' },
    };
    const { input, warnings } = inputOf([
      assistant(
        { type: 'provider', block: { provider: 'openai.responses', data: item } },
        { type: 'provider', block: { provider: 'anthropic', data: { type: 'server_tool_use' } } },
        { type: 'text', text: 'Found' },
      ),
    ]);
    expect(input).toEqual([item, { role: 'assistant', content: 'Found' }]);
    expect(warnings).toEqual(['openai: a block that belongs to anthropic is left out']);
  });

  it('has results of custom tools in their own form', () => {
    const block = {
      provider: 'openai.responses',
      data: { type: 'custom_tool_call', call_id: 'c', name: 'code', input: 'print(1)' },
    };
    expect(
      inputOf([
        assistant({ type: 'tool_call', id: 'c', name: 'code', arguments: 'print(1)', block }),
        { role: 'tool', content: [{ type: 'tool_result', id: 'c', name: 'code', content: '1' }] },
      ]).input,
    ).toEqual([block.data, { type: 'custom_tool_call_output', call_id: 'c', output: '1' }]);
  });

  it('has the phase of each message of the model', () => {
    const header = (phase: string): Part => ({
      type: 'provider',
      block: { provider: 'openai.responses', data: { type: 'message', role: 'assistant', phase } },
    });
    expect(
      inputOf([
        assistant(
          { type: 'text', text: 'Looking' },
          header('commentary'),
          call('a'),
          { type: 'text', text: 'Found' },
          header('final_answer'),
        ),
      ]).input,
    ).toEqual([
      { role: 'assistant', content: 'Looking', phase: 'commentary' },
      expect.objectContaining({ type: 'function_call' }),
      { role: 'assistant', content: 'Found', phase: 'final_answer' },
    ]);
  });
});
