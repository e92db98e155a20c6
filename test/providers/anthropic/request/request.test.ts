import { describe, expect, it } from 'vitest';

import type { Parameters } from '../../../../src/index.ts';
import { built, NEW, OLD, TOOL, user, withParameters } from './requests.ts';
import { ask } from '../support.ts';

describe('parameters on the Messages API', () => {
  it('give max_tokens of the request, else of the options, else what the model can write', () => {
    const sent = [
      withParameters({ maxTokens: 5 }, { maxTokens: 7 }),
      withParameters({}, { maxTokens: 7 }),
      withParameters({}, { model: 'claude-3-haiku-20240307' }),
      withParameters({}, { model: NEW }),
    ].map(({ body }) => body['max_tokens']);
    expect(sent).toEqual([5, 7, 4096, 16_384]);
  });

  it("go to the model of the request instead of the provider's", () => {
    expect(built(ask('Hi', { model: 'claude-x' })).body['model']).toBe('claude-x');
  });

  it('include stop sequences, tools and the tool choice', () => {
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
  ])('turn %j into the tool_choice %j', (parameters, choice) => {
    expect(built(ask('Hi', { tools: [TOOL], parameters })).body['tool_choice']).toEqual(choice);
  });

  it('include no tool choice without tools', () => {
    const { body, warnings } = withParameters({ toolChoice: 'required' });
    expect(body).not.toHaveProperty('tool_choice');
    expect(warnings).toEqual(['anthropic: there are no tools to choose from, toolChoice is left out']);
    expect(withParameters({ toolChoice: 'auto' }).warnings).toEqual([]);
  });

  it('for sampling come with the last API version that has them', () => {
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

  it('for sampling are left out with a warning if the model refuses them', () => {
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

  it('leave the temperature out while the model thinks', () => {
    const { body, warnings } = withParameters({ temperature: 0.2, reasoning: { budgetTokens: 2048 } });
    expect(body).not.toHaveProperty('temperature');
    expect(warnings).toEqual(['anthropic: the model takes no temperature while it thinks, it is left out']);
  });

  it('that the API does not have are reported', () => {
    const { warnings } = withParameters({ seed: 1, frequencyPenalty: 1, presencePenalty: 1 });
    expect(warnings).toEqual(
      ['seed', 'frequencyPenalty', 'presencePenalty'].map(
        (name) => `anthropic: ${name} is not supported by this API, it is left out`,
      ),
    );
  });

  it('with strict, in the options or in the request, fail before anything is sent', () => {
    const expected = expect.objectContaining({ code: 'invalid_request', provider: 'anthropic' });
    expect(() => withParameters({ seed: 1, strict: true })).toThrow(expected);
    expect(() => withParameters({ seed: 1 }, { strict: true })).toThrow(expected);
    expect(withParameters({ seed: 1, strict: false }, { strict: true }).warnings).toHaveLength(1);
  });

  it('turn the schema of the reply into output_config', () => {
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

  it('let providerOptions replace fields, add their tools and merge their output_config', () => {
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
