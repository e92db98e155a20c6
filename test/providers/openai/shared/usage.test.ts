import { describe, expect, it } from 'vitest';

import { chatUsage, responsesUsage } from '../../../../providers/openai/shared/usage.ts';
import { mostUsage } from '../../../../providers/wire/index.ts';

const seen = (usage: ReturnType<typeof chatUsage>) => [
  usage?.inputTokens,
  usage?.outputTokens,
  usage?.reasoningTokens,
  usage?.estimated === true,
];

describe('R50 the usage of Chat Completions', () => {
  it.each([
    ['is whole', { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }, [10, 5, 0, false]],
    ['has no total', { prompt_tokens: 10, completion_tokens: 5 }, [10, 5, 0, false]],
    [
      'counts reasoning in the total alone',
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 22 },
      [10, 12, 7, false],
    ],
    [
      'names the reasoning beside the completion',
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 22,
        completion_tokens_details: { reasoning_tokens: 7 },
      },
      [10, 12, 7, false],
    ],
    [
      'has a total that nothing explains',
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 100,
        completion_tokens_details: { reasoning_tokens: 3 },
      },
      [10, 90, 3, true],
    ],
    [
      'has a total that is too small',
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 4 },
      [10, 5, 0, true],
    ],
    ['has no prompt', { completion_tokens: 5, total_tokens: 15 }, [10, 5, 0, true]],
    ['has no completion', { prompt_tokens: 10, total_tokens: 15 }, [10, 5, 0, true]],
    ['has one count alone', { completion_tokens: 5 }, [0, 5, 0, true]],
    ['has texts for counts', { prompt_tokens: '10', completion_tokens: 5 }, [0, 5, 0, true]],
  ])('that %s', (_how, raw, expected) => {
    expect(seen(chatUsage(raw))).toEqual(expected);
  });

  it('without a count is not there', () => {
    expect(chatUsage({ total_tokens: 15 })).toBeUndefined();
  });
});

describe('R50 the usage of Responses', () => {
  it.each([
    ['is whole', { input_tokens: 10, output_tokens: 5, total_tokens: 15 }, [10, 5, 0, false]],
    ['has a larger total', { input_tokens: 10, output_tokens: 5, total_tokens: 20 }, [10, 10, 0, true]],
    ['has no output', { input_tokens: 10, total_tokens: 15 }, [10, 5, 0, true]],
    ['has no input', { output_tokens: 5 }, [0, 5, 0, true]],
  ])('that %s', (_how, raw, expected) => {
    expect(seen(responsesUsage(raw))).toEqual(expected);
  });
});

it('R50 a later report of less keeps the details of the larger one', () => {
  const first = chatUsage({ prompt_tokens: 10, completion_tokens: 5, cost: 1 });
  const last = chatUsage({ prompt_tokens: 0, completion_tokens: 0 });
  if (first === undefined || last === undefined) throw new Error('expected a usage');
  expect(mostUsage(first, last)).toMatchObject({ inputTokens: 10, outputTokens: 5, raw: { cost: 1 } });
  expect(mostUsage(last, first)).toMatchObject({ inputTokens: 10, outputTokens: 5, raw: { cost: 1 } });
});
