import { describe, expect, it } from 'vitest';
import { sealedBlock } from '../../../server/formats/sealed-block.ts';
import type { OpenAISettings } from '../../../server/requests/openai-fields.ts';
import { RequestError } from '../../../server/requests/request-error.ts';
import type { ParsedRequest } from '../../../server/requests/request.ts';
import { parseResponse } from '../../../server/requests/responses.ts';

const weather = { type: 'function', name: 'weather', parameters: { type: 'object' }, strict: false };

const parse = (fields: object, settings: OpenAISettings = {}): ParsedRequest =>
  parseResponse({ model: 'gpt-x', input: 'Hi', ...fields }, settings);

function refused(fields: object, settings: OpenAISettings = {}): string | undefined {
  try {
    parse(fields, settings);
  } catch (error) {
    if (error instanceof RequestError) return error.field;
    throw error;
  }
  return 'nothing';
}

describe('a request to Responses', () => {
  it('becomes messages of ours: what the model said as items is one message', () => {
    const block = {
      provider: 'openai.responses',
      model: 'm',
      data: { type: 'reasoning', id: 'rs', encrypted_content: 'x' },
    };
    const { input } = parse({
      instructions: 'Be short.',
      input: [
        { role: 'developer', content: 'Only facts.' },
        {
          type: 'message',
          id: 'ignored',
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is it?' },
            { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'high' },
            { type: 'input_file', file_url: 'https://example.com/a.pdf' },
            { type: 'input_file', file_data: 'AAAA', filename: 'a.pdf' },
          ],
        },
        {
          type: 'reasoning',
          id: 'rs_1',
          summary: [
            { type: 'summary_text', text: 'One.' },
            { type: 'summary_text', text: 'Two.' },
          ],
          encrypted_content: sealedBlock(block),
        },
        { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'of another server' },
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
        },
        { type: 'function_call', call_id: 'a', name: 'weather', arguments: '{"city":"Rome"}' },
        { type: 'function_call', call_id: 'b', namespace: 'crm', name: 'find', arguments: '{}' },
        { type: 'custom_tool_call', call_id: 'c', name: 'patch', input: '*** Begin' },
        { type: 'image_generation_call', id: 'ig', status: 'completed', result: 'AAAA' },
        { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_text', text: 'rain' }] },
        { type: 'function_call_output', call_id: 'b', output: 'nobody' },
        { type: 'custom_tool_call_output', call_id: 'c', output: 'done' },
      ],
    });
    expect(input).toEqual([
      { role: 'system', content: 'Be short.' },
      { role: 'system', content: [{ type: 'text', text: 'Only facts.' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image', url: 'https://example.com/a.png', detail: 'high' },
          { type: 'file', url: 'https://example.com/a.pdf' },
          { type: 'file', data: 'AAAA', mediaType: 'application/pdf', filename: 'a.pdf' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'One.\n\nTwo.', block },
          { type: 'thinking', text: '' },
          { type: 'text', text: 'I look.' },
          { type: 'tool_call', id: 'a', name: 'weather', arguments: { city: 'Rome' } },
          { type: 'tool_call', id: 'b', name: 'crm__find', arguments: {} },
          { type: 'tool_call', id: 'c', name: 'patch', arguments: { input: '*** Begin' } },
          { type: 'file', mediaType: 'image/png', data: 'AAAA' },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool_result', id: 'a', name: 'weather', content: [{ type: 'text', text: 'rain' }] },
          { type: 'tool_result', id: 'b', name: 'crm__find', content: 'nobody' },
          { type: 'tool_result', id: 'c', name: 'patch', content: 'done' },
        ],
      },
    ]);
  });

  it('refuses what would have no effect inside of its fields', () => {
    expect(refused({ reasoning: { effort: 'low', depth: 5 } })).toBe('reasoning.depth');
    expect(refused({ text: { verbosity: 'low', tone: 'kind' } })).toBe('text.tone');
    const image = (detail: string): object => ({
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://x.example/a', detail }] }],
    });
    expect(refused(image('huge'))).toBe('input[0].content[0].detail');
    expect(refused(image('original'))).toBe('nothing');
    expect(refused({ include: ['reasoning.encrypted_content', 'everything'] })).toBe('include[1]');
    expect(refused({ include: ['file_search_call.results'], reasoning: { mode: null } })).toBe('nothing');
    expect(parse({ reasoning: { generate_summary: 'concise' } }).options.parameters).toEqual({
      reasoning: { summary: 'concise' },
    });
  });

  it('has settings, tools of each kind and a form of the answer', () => {
    const parsed = parse(
      {
        stream: true,
        temperature: 0,
        top_p: 1,
        max_output_tokens: 99,
        reasoning: { effort: 'high', summary: 'auto' },
        include: ['reasoning.encrypted_content'],
        text: { format: { type: 'json_schema', name: 'a', schema: {} }, verbosity: 'low' },
        tools: [
          weather,
          {
            type: 'custom',
            name: 'patch',
            description: 'Patches.',
            format: { type: 'grammar', definition: 'start: x' },
          },
          { type: 'namespace', name: 'crm', description: 'Customers', tools: [{ ...weather, name: 'find' }] },
          { type: 'web_search' },
          { type: 'code_interpreter', container: { type: 'auto' } },
        ],
        tool_choice: { type: 'custom', name: 'patch' },
        parallel_tool_calls: true,
        truncation: 'auto',
        metadata: { a: 'b' },
        store: true,
        client_metadata: { x: 'y' },
      },
      { hostedTools: ['code_interpreter'] },
    );
    expect(parsed.options.tools).toEqual([
      { name: 'weather', parameters: { type: 'object' }, strict: false },
      {
        name: 'patch',
        description: 'Patches.\n\nThe input follows this grammar:\nstart: x',
        parameters: {
          type: 'object',
          properties: {
            input: { type: 'string', description: 'The whole input of the tool, as plain text.' },
          },
          required: ['input'],
          additionalProperties: false,
        },
      },
      { name: 'crm__find', parameters: { type: 'object' }, strict: false },
    ]);
    expect(parsed.options.parameters).toEqual({
      temperature: 0,
      topP: 1,
      parallelToolCalls: true,
      maxTokens: 99,
      reasoning: { effort: 'high', summary: 'auto' },
      toolChoice: { name: 'patch' },
      providerOptions: {
        openai: { tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] },
        'openai.chat': { verbosity: 'low' },
        'openai.responses': { truncation: 'auto', text: { verbosity: 'low' } },
      },
    });
    expect(parsed.options.responseFormat).toEqual({
      ...{ type: 'json_schema', name: 'a', schema: {}, dialect: 'openai' },
    });
    expect(parsed.options.metadata).toEqual({ a: 'b' });
    expect(parsed.stream).toBe(true);
    const { echo, ...encoder } = parsed.encoder;
    expect(encoder).toEqual({
      model: 'gpt-x',
      hostedTools: new Set(['code_interpreter']),
      clientTools: new Set(['weather', 'patch', 'crm__find']),
      wireTools: new Map([
        ['patch', { name: 'patch', takesText: true }],
        ['crm__find', { name: 'find', namespace: 'crm' }],
      ]),
      include: new Set(['reasoning.encrypted_content']),
    });
    expect(Object.keys(echo ?? {})).toEqual([
      ...['temperature', 'top_p', 'max_output_tokens', 'parallel_tool_calls', 'tool_choice', 'reasoning'],
      ...['text', 'metadata', 'truncation'],
    ]);
  });

  it.each<[object, string | undefined, OpenAISettings?]>([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ previous_response_id: 'resp_1' }, 'nothing', { session: true }],
    [{ previous_response_id: null, conversation: null }, 'nothing'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ background: true }, 'background'],
    [{ background: false }, 'nothing'],
    [{ prompt: { id: 'p' } }, 'prompt'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ include: ['message.output_text.logprobs'] }, 'include'],
    [{ unheard: 1 }, 'unheard'],
    [{ input: [] }, 'input'],
    [{ input: 5 }, 'input'],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0]'],
    [{ input: [{ type: 'computer_call' }] }, 'input[0].type'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }] },
      'input[0].content[0].file_id',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'http:/x' }] }] },
      'input[0].content[0].image_url',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'input_file', file_url: 'file:///a' }] }] },
      'input[0].content[0].file_url',
    ],
    [
      { input: [{ role: 'system', content: [{ type: 'input_image', image_url: 'https://x' }] }] },
      'input[0].content',
    ],
    [{ input: [{ type: 'function_call', name: 'a', arguments: '{}' }] }, 'input[0].call_id'],
    [{ tools: [weather, weather] }, 'tools'],
    [{ tools: [weather] }, 'tools[0].name', { ownTools: new Set(['weather']) }],
    [{ tools: [{ type: 'custom', name: 'weather' }] }, 'tools[0].name', { ownTools: new Set(['weather']) }],
    [{ tool_choice: { type: 'function', name: 'x' } }, 'tool_choice.name'],
    [{ tool_choice: { type: 'web_search' } }, 'tool_choice.type'],
    [{ reasoning: { effort: 'huge' } }, 'reasoning.effort'],
    [{ text: { format: { type: 'xml' } } }, 'text.format.type'],
  ])('with %j is refused for %s', (fields, field, settings) => {
    expect(refused(fields, settings)).toBe(field);
  });
});

it.each([{ type: 'apply_patch' }, { type: 'shell', environment: { type: 'local' } }])(
  'a tool that the client would run in a form of its own is refused, and not asked for: %j',
  (tool) => {
    const hostedTools = ['apply_patch', 'shell'];
    const parse = (one: object) => parseResponse({ model: 'm', input: 'Hi', tools: [one] }, { hostedTools });
    expect(() => parse(tool)).toThrow(
      'tools[0].type: a tool that the client runs is given as function or custom',
    );
    expect(parse({ type: 'shell' }).options.parameters?.providerOptions).toEqual({
      openai: { tools: [{ type: 'shell' }] },
    });
  },
);
