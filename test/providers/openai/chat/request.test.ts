import { describe, expect, it } from 'vitest';

import type { Message, Part } from '../../../../src/index.ts';
import { ask, bodyOf } from '../support.ts';

function messagesOf(...messages: Message[]): { messages: unknown; warnings: string[] } {
  const { body, warnings } = bodyOf(ask({ messages }));
  return { messages: body['messages'], warnings };
}

function user(...content: Part[]): Message {
  return { role: 'user', content };
}

describe('a request to Chat Completions', () => {
  it('has the model, the messages and the request for usage, and nothing that was not asked for', () => {
    expect(bodyOf(ask())).toEqual({
      body: {
        model: 'gpt-6-luna',
        messages: [{ role: 'user', content: 'Hi' }],
        stream_options: { include_usage: true },
        stream: true,
      },
      warnings: [],
    });
  });

  it('has every parameter', () => {
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
          parallelToolCalls: false,
          reasoning: { effort: 'low' },
          promptCache: 'auto',
          providerOptions: { openai: { user: 'u1' }, anthropic: { x: 1 } },
        },
        tools: [{ name: 'add', description: 'Adds', parameters: { type: 'object' }, strict: true }],
        responseFormat: { type: 'json_schema', name: 'answer', schema: { type: 'object' }, strict: true },
      }),
    );
    expect(warnings).toEqual([]);
    expect(body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 100,
      stop: ['END'],
      seed: 7,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      tool_choice: { type: 'function', function: { name: 'add' } },
      parallel_tool_calls: false,
      reasoning_effort: 'low',
      user: 'u1',
      tools: [
        {
          type: 'function',
          function: { name: 'add', description: 'Adds', parameters: { type: 'object' }, strict: true },
        },
      ],
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
      },
      stream_options: { include_usage: true },
      stream: true,
    });
  });

  it('has every kind of part of a user', () => {
    const { messages, warnings } = messagesOf(
      user(
        { type: 'text', text: 'Look' },
        { type: 'image', url: 'https://h/i.png', detail: 'low' },
        { type: 'image', data: 'AAAA', mediaType: 'image/jpeg' },
        { type: 'audio', data: 'BBBB', mediaType: 'audio/x-wav' },
        { type: 'audio', data: 'CCCC', mediaType: 'audio/mpeg' },
        { type: 'file', data: 'DDDD', mediaType: 'application/pdf', filename: 'a.pdf' },
        { type: 'file', fileId: 'file-1' },
      ),
    );
    expect(warnings).toEqual([]);
    expect(messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image_url', image_url: { url: 'https://h/i.png', detail: 'low' } },
          { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,AAAA' } },
          { type: 'input_audio', input_audio: { data: 'BBBB', format: 'wav' } },
          { type: 'input_audio', input_audio: { data: 'CCCC', format: 'mp3' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,DDDD' } },
          { type: 'file', file: { file_id: 'file-1' } },
        ],
      },
    ]);
  });

  it('has a round of tools, whose results came in one message', () => {
    const { messages } = messagesOf(
      {
        role: 'system',
        content: [
          { type: 'text', text: 'Be ' },
          { type: 'text', text: 'brief' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'hm' },
          { type: 'text', text: 'Let me see. ' },
          { type: 'tool_call', id: 'a', name: 'add', arguments: { x: 1 } },
          { type: 'tool_call', id: 'b', name: 'now', arguments: {} },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool_result', id: 'a', name: 'add', content: '2' },
          {
            type: 'tool_result',
            id: 'b',
            name: 'now',
            content: [{ type: 'text', text: 'noon' }],
            isError: true,
          },
        ],
      },
    );
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief' },
      {
        role: 'assistant',
        content: 'Let me see. ',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'add', arguments: '{"x":1}' } },
          { id: 'b', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: '2' },
      { role: 'tool', tool_call_id: 'b', content: 'noon' },
    ]);
  });

  it('has refusals, calls of custom tools and names in their own form', () => {
    const { messages } = messagesOf(
      { role: 'assistant', name: 'bot', content: [{ type: 'text', text: 'No.', refusal: true }] },
      {
        role: 'assistant',
        content: [
          {
            type: 'tool_call',
            id: 'c',
            name: 'code',
            arguments: 'print(1)',
            block: { provider: 'openai.chat', data: { type: 'custom' } },
          },
        ],
      },
    );
    expect(messages).toEqual([
      { role: 'assistant', name: 'bot', content: null, refusal: 'No.' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'code', input: 'print(1)' } }],
      },
    ]);
  });

  it('has no reply that was cut before its first word', () => {
    expect(
      messagesOf({ role: 'assistant', content: '', partial: true }, { role: 'user', content: 'Go on' }),
    ).toEqual({
      messages: [{ role: 'user', content: 'Go on' }],
      warnings: [],
    });
  });

  it('has thinking only in the field that the server wants', () => {
    const messages: Message[] = [
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'hm' },
          { type: 'text', text: 'Yes' },
        ],
      },
    ];
    expect(bodyOf(ask({ messages })).body['messages']).toEqual([{ role: 'assistant', content: 'Yes' }]);
    expect(bodyOf(ask({ messages }), { reasoningField: 'reasoning_content' }).body['messages']).toEqual([
      { role: 'assistant', content: 'Yes', reasoning_content: 'hm' },
    ]);
  });

  it('warns once of each thing that cannot be sent', () => {
    const image: Part = { type: 'image', url: 'https://h/i.png' };
    const foreign: Part = { type: 'provider', block: { provider: 'anthropic', data: {} } };
    const { warnings } = bodyOf(
      ask({
        messages: [
          { role: 'assistant', content: [foreign, foreign, { type: 'text', text: 'x' }] },
          user(
            { type: 'audio', data: 'A', mediaType: 'audio/ogg' },
            { type: 'file', url: 'https://h/a.pdf' },
          ),
          { role: 'assistant', content: [{ type: 'tool_call', id: 'a', name: 't', arguments: {} }] },
          { role: 'tool', content: [{ type: 'tool_result', id: 'a', name: 't', content: [image] }] },
        ],
        parameters: { reasoning: { budgetTokens: 100, summary: 'auto' } },
      }),
    );
    expect(warnings).toEqual([
      'openai: reasoning.budgetTokens is not supported by this API: use reasoning.effort',
      'openai: reasoning.summary is not supported by this API: use api "responses"',
      'openai: a block that belongs to anthropic is left out',
      'openai: audio other than wav and mp3 cannot be sent, it is left out',
      'openai: a file with a url cannot be sent by this API, it is left out: give its data',
      'openai: a part of type image cannot be sent in the result of a tool, it follows as a message of the user',
    ]);
  });

  it.each([
    ['option', {}, { strict: true }],
    ['parameter', { strict: true }, {}],
  ])('with the %s strict fails if something cannot be sent', (_name, parameters, options) => {
    const request = ask({ parameters: { ...parameters, reasoning: { budgetTokens: 1 } } });
    expect(() => bodyOf(request, options)).toThrow(
      expect.objectContaining({ code: 'invalid_request', provider: 'openai', retryable: false }),
    );
  });

  it('has the fields that compatible servers know', () => {
    const { body } = bodyOf(ask({ parameters: { maxTokens: 5, providerOptions: { groq: { x: 1 } } } }), {
      name: 'groq',
      baseURL: 'https://api.groq.com/openai/v1',
      includeUsage: false,
    });
    expect(body).toEqual({
      model: 'gpt-6-luna',
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 5,
      x: 1,
      stream: true,
    });
  });

  it('asks an endpoint that cannot stream for a complete reply', () => {
    const { body } = bodyOf(ask(), { stream: false });
    expect([body['stream'], body['stream_options']]).toEqual([false, undefined]);
  });

  it("has the caller's fields, joins tools, and always decides itself whether to stream", () => {
    const { body } = bodyOf(
      ask({
        tools: [{ name: 'add', parameters: {} }],
        parameters: {
          temperature: 1,
          providerOptions: {
            openai: {
              temperature: 0,
              stream: false,
              tools: [{ type: 'custom' }],
              stream_options: { include_obfuscation: false },
            },
          },
        },
      }),
    );
    expect(body['temperature']).toBe(0);
    expect(body['stream']).toBe(true);
    expect(body['tools']).toEqual([
      { type: 'function', function: { name: 'add', parameters: {} } },
      { type: 'custom' },
    ]);
    expect(body['stream_options']).toEqual({ include_usage: true, include_obfuscation: false });
  });

  it('has no field for tools without tools, and warns if a tool is required', () => {
    const silent = bodyOf(ask({ parameters: { toolChoice: 'auto', parallelToolCalls: false } }));
    expect(silent.warnings).toEqual([]);
    expect(Object.keys(silent.body)).not.toEqual(expect.arrayContaining([expect.stringMatching(/tool/)]));
    expect(bodyOf(ask({ parameters: { toolChoice: 'required' } })).warnings).toEqual([
      'openai: there are no tools to choose from, toolChoice is left out',
    ]);
    const providerOptions = { openai: { tools: [{ type: 'custom' }] } };
    const { body, warnings } = bodyOf(ask({ parameters: { toolChoice: 'required', providerOptions } }));
    expect([body['tool_choice'], warnings]).toEqual(['required', []]);
  });

  it('has the ends of cached prefixes for models that know them', () => {
    const request = ask({
      messages: [
        { role: 'system', content: 'Long' },
        user({ type: 'text', text: 'a' }, { type: 'image', url: 'https://h/i' }),
        { role: 'user', content: 'b' },
      ],
      parameters: { promptCache: ['system', { at: -2 }] },
    });
    const mark = { prompt_cache_breakpoint: { mode: 'explicit' } };
    const { body, warnings } = bodyOf(request);
    expect(warnings).toEqual([]);
    expect(body['prompt_cache_options']).toEqual({ mode: 'explicit' });
    expect(body['messages']).toEqual([
      { role: 'system', content: [{ type: 'text', text: 'Long', ...mark }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: { url: 'https://h/i' }, ...mark },
        ],
      },
      { role: 'user', content: 'b' },
    ]);
    expect(bodyOf({ ...request, model: 'gpt-4.1' }).warnings).toEqual([
      'openai: promptCache breakpoints are not supported: this model caches by itself',
    ]);
  });
});
