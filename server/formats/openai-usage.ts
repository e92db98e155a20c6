import type { Usage } from '../../src/index.ts';

/** Usage as Chat Completions counts it: the input with what was cached, the output with reasoning. */
export function chatUsageOf(usage: Usage): Record<string, unknown> {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.totalTokens,
    prompt_tokens_details: cachedOf(usage),
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

/** Usage as Responses counts it. */
export function responsesUsageOf(usage: Usage): Record<string, unknown> {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: cachedOf(usage),
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.totalTokens,
  };
}

function cachedOf({ cachedInputTokens, cacheWriteTokens }: Usage): Record<string, number> {
  return {
    cached_tokens: cachedInputTokens,
    ...(cacheWriteTokens > 0 && { cache_write_tokens: cacheWriteTokens }),
  };
}
