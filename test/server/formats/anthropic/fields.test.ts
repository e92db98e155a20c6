import { describe, expect, test } from 'vitest';
import { RequestError } from '../../../../server/requests/request-error.ts';
import {
  parseAnthropicCount,
  parseAnthropicMessages,
} from '../../../../server/requests/anthropic-messages.ts';

const hi = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] };
const weather = { name: 'weather', input_schema: { type: 'object' } };

describe.each([true, false])('a field that would have no effect, with verbatim %s', (verbatim) => {
  const refused = (fields: object): string | undefined => {
    for (const parse of [parseAnthropicMessages, parseAnthropicCount])
      try {
        parse({ ...hi, ...fields }, new Headers(), { verbatim });
        return 'nothing';
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        if (parse === parseAnthropicCount) return error.field;
      }
    return undefined;
  };

  test.each([
    [{ temprature: 1 }, 'temprature'],
    [{ __proto: 1 }, '__proto'],
    [JSON.parse('{"__proto__":{"model":"x"}}') as object, '__proto__'],
    [{ fallbacks: 'default' }, 'fallbacks'],
    [{ billing_policy: { type: 'billing_policy', bill_to: 'user_profile' } }, 'billing_policy'],
    [{ fallback_credit_token: 't' }, 'fallback_credit_token'],
    [{ compaction: { instructions: 'Be short.' } }, 'compaction'],
    [{ tool_choice: { type: 'tool', name: 'weather' } }, 'tool_choice.name'],
    [{ tools: [weather], tool_choice: { type: 'tool', name: 'wether' } }, 'tool_choice.name'],
    [{ tools: [weather], tool_choice: { type: 'tool', name: 'weather' } }, 'nothing'],
    [{ fallbacks: null, compaction: null, temperature: 1, top_k: 5, service_tier: 'auto' }, 'nothing'],
  ])('is refused: %j', (fields, name) => {
    expect(refused(fields)).toBe(name);
  });
});

test.each([
  [{ thinking: { type: 'sometimes' } }, 'thinking.type'],
  [{ thinking: {} }, 'thinking.type'],
  [{ output_config: { effort: 'huge' } }, 'output_config.effort'],
])('a way of thinking that does not exist is refused: %j', (fields, name) => {
  expect(() => parseAnthropicMessages({ ...hi, ...fields }, new Headers())).toThrow(`${name}: give one of`);
});

test('the ways of thinking that exist are those of other models, too', () => {
  const reasoning = (fields: object): unknown =>
    parseAnthropicMessages({ ...hi, ...fields }, new Headers()).options.parameters?.reasoning;
  expect(reasoning({ thinking: { type: 'adaptive' } })).toEqual({ effort: 'high' });
  expect(reasoning({ thinking: { type: 'between_tools' }, output_config: { effort: 'low' } })).toEqual({
    effort: 'low',
  });
  expect(reasoning({ output_config: { effort: null } })).toBeUndefined();
});
