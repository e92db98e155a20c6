import { expect, test } from 'vitest';
import { chatUsageOf, responsesUsageOf } from '../../../server/formats/openai-usage.ts';

const usage = {
  ...{ inputTokens: 10, outputTokens: 7, totalTokens: 17 },
  ...{ cachedInputTokens: 4, cacheWriteTokens: 0, reasoningTokens: 2 },
};

test('usage has the totals and their parts, in the words of both APIs', () => {
  const details = { cached_tokens: 4 };
  expect(chatUsageOf(usage)).toEqual({
    ...{ prompt_tokens: 10, completion_tokens: 7, total_tokens: 17, prompt_tokens_details: details },
    completion_tokens_details: { reasoning_tokens: 2 },
  });
  expect(responsesUsageOf(usage)).toEqual({
    ...{ input_tokens: 10, output_tokens: 7, total_tokens: 17, input_tokens_details: details },
    output_tokens_details: { reasoning_tokens: 2 },
  });
});

test('what was written to a cache is told if there is any', () => {
  const written = { ...usage, cacheWriteTokens: 3 };
  const details = { cached_tokens: 4, cache_write_tokens: 3 };
  expect(chatUsageOf(written)).toMatchObject({ prompt_tokens_details: details });
  expect(responsesUsageOf(written)).toMatchObject({ input_tokens_details: details });
});
