import { describe, expect, it } from 'vitest';

import { modelTraits } from '../../../../providers/anthropic/request/model-traits.ts';

describe('the traits in the name of a model', () => {
  it.each([
    ['claude-3-haiku-20240307', 'budget', true, false, false],
    ['claude-3-7-sonnet-20250219', 'budget', true, false, false],
    ['claude-sonnet-4-20250514', 'budget', true, false, false],
    ['claude-opus-4@20250514', 'budget', true, false, false],
    ['claude-haiku-4-5-20251001', 'budget', true, false, false],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'budget', true, false, false],
    ['claude-opus-4-5-20251101', 'budget', true, true, false],
    ['anthropic/claude-opus-4.6', 'either', true, true, false],
    ['claude-sonnet-4-6', 'either', true, true, false],
    ['claude-opus-4-7', 'adaptive', false, true, false],
    ['claude-sonnet-5', 'adaptive', false, true, false],
    ['claude-opus-5', 'adaptive', false, true, false],
    ['claude-haiku-5-5', 'adaptive', false, true, false],
    ['anthropic.claude-opus-5-5-v1:0', 'adaptive', false, true, true],
    ['claude-fable-5-1', 'adaptive', false, true, true],
    ['claude-mythos-preview', 'adaptive', false, true, true],
    ['deepseek-chat', 'budget', true, true, false],
  ])('say that %s thinks in the mode %s', (model, thinking, sampling, effort, alwaysThinks) => {
    expect(modelTraits(model)).toMatchObject({ thinking, sampling, effort, alwaysThinks });
  });

  it('say which models refuse temperature together with top_p, and which write little', () => {
    const names = ['claude-opus-4-20250514', 'claude-opus-4-1', 'claude-3-5-sonnet-latest', 'llama'];
    expect(names.map((name) => modelTraits(name).oneSamplingParameter)).toEqual([false, true, false, false]);
    expect(names.map((name) => modelTraits(name).maxTokens)).toEqual([undefined, undefined, 4096, undefined]);
  });
});
