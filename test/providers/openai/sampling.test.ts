import { describe, expect, it } from 'vitest';

import type { OpenAIOptions } from '../../../providers/openai/index.ts';
import type { Parameters } from '../../../src/index.ts';
import { ask, bodyOf } from './support.ts';

const ALL: Parameters = {
  temperature: 0.2,
  topP: 0.9,
  frequencyPenalty: 0.1,
  presencePenalty: 0.2,
  stopSequences: ['END'],
};

function built(model: string, parameters: Parameters = ALL, options: OpenAIOptions = {}) {
  const { body, warnings } = bodyOf(ask({ model, parameters }), options);
  const fields = ['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop'];
  return { sent: fields.filter((field) => field in body), body, warnings };
}

describe('parameters that a model of OpenAI refuses', () => {
  it.each([
    ['o1', ['stop']],
    ['o3-mini', ['stop']],
    ['o3', []],
    ['o4-mini-2025-04-16', []],
    ['ft:o4-mini-2025-04-16:org::id', []],
    ['gpt-5', []],
    ['gpt-5-nano-2025-08-07', []],
    ['gpt-5.1', ['temperature', 'top_p']],
    ['gpt-5.2-2025-12-11', ['temperature', 'top_p']],
    ['gpt-5.2-pro', []],
    ['gpt-5.1-codex', []],
    ['gpt-5.5', []],
    ['gpt-5.6-luna', []],
    ['gpt-6-luna', []],
    ['gpt-6.1-sol', []],
    ['gpt-12', []],
  ])('%s: with all of them set it is sent %j', (model, fields) => {
    expect(built(model).sent).toEqual(fields);
  });

  it.each(['gpt-4.1', 'gpt-4o', 'gpt-5-chat-latest', 'my-deployment', 'gpt-oss-120b', 'chatgpt-4o-latest'])(
    '%s is sent all of them',
    (model) => {
      expect(built(model)).toMatchObject({
        sent: ['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop'],
        warnings: [],
      });
    },
  );

  it('are one warning each, and an error with strict', () => {
    expect(built('o3').warnings).toEqual([
      'openai: the model o3 takes no temperature, it is left out',
      'openai: the model o3 takes no topP, it is left out',
      'openai: the model o3 takes no stopSequences, it is left out',
      'openai: the model o3 takes no frequencyPenalty, it is left out',
      'openai: the model o3 takes no presencePenalty, it is left out',
    ]);
    expect(() => built('gpt-6-luna', { temperature: 0, strict: true })).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'openai: the model gpt-6-luna takes no temperature, it is left out',
      }),
    );
  });

  it('are the same on Responses, which has no field for the others', () => {
    expect(built('gpt-6-luna', ALL, { api: 'responses' })).toMatchObject({
      sent: [],
      warnings: [
        'openai: stopSequences is not supported by this API: use api "chat"',
        'openai: frequencyPenalty is not supported by this API, it is left out',
        'openai: presencePenalty is not supported by this API, it is left out',
        'openai: the model gpt-6-luna takes no temperature, it is left out',
        'openai: the model gpt-6-luna takes no topP, it is left out',
      ],
    });
  });

  it.each<[string, OpenAIOptions]>([
    ['Chat Completions', {}],
    ['Responses', { api: 'responses' }],
  ])('are sent to a model that does not reason at effort none, over %s', (_name, options) => {
    const parameters: Parameters = { temperature: 0.2, topP: 0.5, reasoning: { effort: 'none' } };
    expect(built('gpt-6-luna', parameters, options)).toMatchObject({
      sent: ['temperature', 'top_p'],
      warnings: [],
    });
    expect(built('gpt-5', parameters, options).sent).toEqual([]);
    expect(built('gpt-5.1', { ...parameters, reasoning: { effort: 'low' } }, options).sent).toEqual([]);
    const own = { openai: { reasoning_effort: 'none', reasoning: { effort: 'none' } } };
    expect(built('gpt-6-luna', { temperature: 0.2, providerOptions: own }, options).sent).toEqual([
      'temperature',
    ]);
  });

  it("are left out silently if their value is the model's default", () => {
    const parameters = { temperature: 1, topP: 1, frequencyPenalty: 0, presencePenalty: 0, strict: true };
    expect(built('o3', parameters)).toMatchObject({ sent: [], warnings: [] });
  });

  it("are sent if they are in the caller's own fields", () => {
    const providerOptions = { openai: { temperature: 0.5 } };
    const { body, warnings } = built('o3', { temperature: 0.2, providerOptions });
    expect([body['temperature'], warnings]).toEqual([0.5, []]);
  });

  it('are up to the server at other hosts, and refused at Azure', () => {
    const router = { name: 'openrouter', baseURL: 'https://openrouter.ai/api/v1' };
    expect(built('openai/gpt-5', { temperature: 0.2 }, router)).toMatchObject({
      sent: ['temperature'],
      warnings: [],
    });
    expect(built('gpt-5', { temperature: 0.2 }, router).sent).toEqual(['temperature']);
    const azure = { baseURL: 'https://mine.openai.azure.com/openai/v1' };
    expect(built('gpt-5', { temperature: 0.2 }, azure).sent).toEqual([]);
  });
});
