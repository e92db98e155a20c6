import { describe, expect, it } from 'vitest';

import type { Parameters } from '../../../../src/index.ts';
import { built, NEW, OLD, TOOL, withParameters } from './requests.ts';
import { ask } from '../support.ts';

describe('thinking on the Messages API', () => {
  it('has the budget of the options, unless the request has one', () => {
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

  it('has its budget added to max_tokens, which includes it', () => {
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

  it('has at least the minimum budget', () => {
    const { body, warnings } = withParameters({ reasoning: { budgetTokens: 10 } });
    expect(body['thinking']).toEqual({ type: 'enabled', budget_tokens: 1024 });
    expect(warnings).toEqual(['anthropic: budgetTokens of 10 is raised to 1024, the minimum']);
  });

  it('is adaptive for newer models, with readable text', () => {
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

  it('follows the request for models that take both modes', () => {
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
      "there is only one kind of summary: 'concise' is sent as 'summarized'",
    ],
  ])('reports to %s the unsupported parts of %j', (model, reasoning, fields, warning) => {
    const { body, warnings } = withParameters({ reasoning }, { model });
    expect(body).toMatchObject(fields);
    if (Object.keys(fields).length === 0) {
      expect(Object.keys(body)).toEqual(['model', 'max_tokens', 'messages', 'stream']);
    }
    expect(warnings).toEqual([`anthropic: ${warning}`]);
  });

  it('is left out if the tool choice forces a call', () => {
    const parameters: Parameters = { toolChoice: 'required', reasoning: { budgetTokens: 2048 } };
    const { body, warnings } = built(ask('Hi', { tools: [TOOL], parameters }));
    expect(body).not.toHaveProperty('thinking');
    expect(body['tool_choice']).toEqual({ type: 'any' });
    expect(warnings).toEqual([
      'anthropic: the model cannot think if the tool choice forces a call: thinking is left out',
    ]);
  });
});
