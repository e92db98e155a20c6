import { describe, expect, it } from 'vitest';
import { parseChatCompletion } from '../../../server/requests/chat-completions.ts';
import type { OpenAISettings } from '../../../server/requests/openai-fields.ts';
import { RequestError } from '../../../server/requests/request-error.ts';
import type { ParsedRequest } from '../../../server/requests/request.ts';

const hi = { model: 'gpt-x', messages: [{ role: 'user', content: 'Hi' }] };
const weather = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object' }, strict: true },
};
const time = { type: 'function', function: { name: 'time' } };

const parse = (fields: object, settings: OpenAISettings = {}): ParsedRequest =>
  parseChatCompletion({ ...hi, ...fields }, settings);

/** The field that a request is refused for. */
function refused(fields: object, settings: OpenAISettings = {}): string | undefined {
  try {
    parse(fields, settings);
  } catch (error) {
    if (error instanceof RequestError) return error.field;
    throw error;
  }
  return 'nothing';
}

describe('a request to Chat Completions', () => {
  it('becomes messages of ours', () => {
    const { input } = parse({
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'Be short.' }] },
        {
          role: 'user',
          name: 'ada',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
            { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA', filename: 'a.pdf' } },
          ],
        },
        {
          role: 'assistant',
          content: 'Let me look.',
          reasoning_content: 'Hm.',
          annotations: [],
          audio: null,
          tool_calls: [
            {
              id: 'a',
              type: 'function',
              function: { name: 'weather', arguments: '{"city":"Rome"}', parsed_arguments: {} },
            },
            { id: 'b', type: 'function', function: { name: 'time', arguments: '' } },
            { id: 'c', type: 'function', function: { name: 'time', arguments: '{"x":' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'rain' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'noon' }] },
        { role: 'tool', tool_call_id: 'z', content: 'lost' },
        { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }], refusal: null },
      ],
    });
    expect(input).toEqual([
      { role: 'system', content: [{ type: 'text', text: 'Be short.' }] },
      {
        role: 'user',
        name: 'ada',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image', url: 'data:image/png;base64,AAAA', detail: 'low' },
          { type: 'image', url: 'https://example.com/a.png' },
          { type: 'audio', data: 'AAAA', mediaType: 'audio/mpeg' },
          { type: 'file', url: 'data:application/pdf;base64,AAAA', filename: 'a.pdf' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'Hm.' },
          { type: 'text', text: 'Let me look.' },
          { type: 'tool_call', id: 'a', name: 'weather', arguments: { city: 'Rome' } },
          { type: 'tool_call', id: 'b', name: 'time', arguments: {} },
          {
            type: 'tool_call',
            id: 'c',
            name: 'time',
            arguments: {},
            invalid: { raw: '{"x":', reason: 'the arguments are not valid JSON' },
          },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool_result', id: 'a', name: 'weather', content: 'rain' },
          { type: 'tool_result', id: 'b', name: 'time', content: [{ type: 'text', text: 'noon' }] },
          { type: 'tool_result', id: 'z', name: 'tool', content: 'lost' },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'No.', refusal: true }] },
    ]);
  });

  it('has settings, tools and a form of the answer', () => {
    expect(
      parse({
        stream: true,
        stream_options: { include_usage: true, include_obfuscation: false },
        temperature: 0.5,
        top_p: 0.9,
        max_tokens: 10,
        max_completion_tokens: 20,
        stop: 'END',
        seed: 7,
        frequency_penalty: 1,
        presence_penalty: -1,
        parallel_tool_calls: false,
        reasoning_effort: 'low',
        tools: [weather, time],
        tool_choice: { type: 'function', function: { name: 'time' } },
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'a', schema: { type: 'object' }, strict: true },
        },
        metadata: { trace: 't' },
      }),
    ).toEqual({
      input: [{ role: 'user', content: 'Hi' }],
      options: {
        parameters: {
          temperature: 0.5,
          topP: 0.9,
          maxTokens: 20,
          stopSequences: ['END'],
          seed: 7,
          frequencyPenalty: 1,
          presencePenalty: -1,
          parallelToolCalls: false,
          reasoning: { effort: 'low' },
          toolChoice: { name: 'time' },
        },
        tools: [
          { name: 'weather', parameters: { type: 'object' }, strict: true },
          { name: 'time', parameters: { type: 'object', properties: {} } },
        ],
        responseFormat: {
          ...{ type: 'json_schema', name: 'a', schema: { type: 'object' } },
          ...{ strict: true, dialect: 'openai' },
        },
        metadata: { trace: 't' },
      },
      encoder: { model: 'gpt-x', clientTools: new Set(['weather', 'time']), includeUsage: true },
      stream: true,
    });
  });

  it('takes null and defaults as nothing', () => {
    const nothing = {
      n: 1,
      temperature: null,
      stop: [],
      tools: [],
      tool_choice: null,
      logprobs: false,
      top_logprobs: 0,
      audio: null,
      modalities: ['text'],
      response_format: null,
      functions: null,
      store: true,
    };
    expect(parse(nothing)).toEqual(parse({}));
  });

  it('passes on what only a provider knows', () => {
    const both = { user: 'u', service_tier: 'flex', prompt_cache_key: 'k' };
    const chat = { verbosity: 'low', logit_bias: { 5: 1 }, prediction: { type: 'content', content: 'x' } };
    const passed = {
      openai: both,
      'openai.chat': chat,
      'openai.responses': { text: { verbosity: 'low' } },
    };
    expect(parse({ ...both, ...chat }).options.parameters).toEqual({ providerOptions: passed });
    // Its API refuses the fields of another one.
    expect(
      parse({ ...both, ...chat, top_k: 5 }, { provider: 'anthropic', passFields: ['top_k'] }).options
        .parameters,
    ).toEqual({ providerOptions: { anthropic: { top_k: 5 }, ...passed } });
    expect(parse({ top_k: 5 }, { provider: 'groq', passFields: ['top_k'] }).options.parameters).toEqual({
      providerOptions: { groq: { top_k: 5 } },
    });
  });

  it('offers only the tools that are allowed', () => {
    const allowed = (mode: string, name: string): object => ({
      tools: [weather, time],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode, tools: [{ type: 'function', function: { name } }] },
      },
    });
    const { options, encoder } = parse(allowed('required', 'time'));
    expect([
      options.tools?.map(({ name }) => name),
      options.parameters?.toolChoice,
      encoder.clientTools,
    ]).toEqual([['time'], 'required', new Set(['time'])]);
    expect(refused(allowed('auto', 'other'))).toBe('tool_choice.allowed_tools.tools[0].function.name');
  });

  it.each<[object, string | undefined, OpenAISettings?]>([
    [{ model: '' }, 'model'],
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'robot', content: '' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'function', name: 'f', content: '' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: [{ type: 'video' }] }] }, 'messages[0].content[0].type'],
    [
      {
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] },
        ],
      },
      'messages[0].content[0].image_url.url',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }] },
      'messages[0].content[0].file.file_id',
    ],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ top_logprobs: 3 }, 'top_logprobs'],
    [{ functions: [] }, 'functions'],
    [{ function_call: 'auto' }, 'function_call'],
    [{ audio: { voice: 'x' } }, 'audio'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ temperature: 'hot' }, 'temperature'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ seed: 1.5 }, 'seed'],
    [{ stop: [''] }, 'stop'],
    [{ reasoning_effort: 'huge' }, 'reasoning_effort'],
    [{ stream: 'yes' }, 'stream'],
    [{ top_k: 5 }, 'top_k'],
    [{ base_url: 'http://evil' }, 'base_url'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [weather, weather] }, 'tools'],
    [{ tools: [weather] }, 'tools[0].function.name', { ownTools: new Set(['weather']) }],
    [{ tool_choice: { type: 'function', function: { name: 'x' } } }, 'tool_choice.function.name'],
    [{ tool_choice: 'sometimes' }, 'tool_choice'],
    [{ response_format: { type: 'xml' } }, 'response_format.type'],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema'],
    [{ metadata: { a: 1 } }, 'metadata.a'],
  ])('is refused by the name of its field: %j', (fields, field, settings) => {
    expect(refused(fields, settings)).toBe(field);
  });

  it('is refused if it is not an object, and is not quoted', () => {
    expect(() => parseChatCompletion('canary')).toThrow('the body: found a string: give an object');
  });

  it('keeps arguments that are nested too deep as text', () => {
    const deep = '['.repeat(70) + ']'.repeat(70);
    const call = { id: 'a', type: 'function', function: { name: 'time', arguments: deep } };
    expect(
      parse({ messages: [{ role: 'assistant', content: null, tool_calls: [call] }] }).input,
    ).toMatchObject([{ content: [{ arguments: {}, invalid: { raw: deep } }] }]);
  });
});
