import type { Usage } from '../../src/index.ts';

/**
 * Joins the usage reports of one call. No count ever falls: some servers repeat the usage with every chunk, and a last
 * report of 0 or null must not make a call free.
 */
export function mostUsage(before: Usage | undefined, now: Usage): Usage {
  if (before === undefined) return now;
  const inputTokens = Math.max(before.inputTokens, now.inputTokens);
  const outputTokens = Math.max(before.outputTokens, now.outputTokens);
  return {
    ...now,
    ...(now.totalTokens < before.totalTokens && { raw: before.raw }),
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cachedInputTokens: Math.max(before.cachedInputTokens, now.cachedInputTokens),
    cacheWriteTokens: Math.max(before.cacheWriteTokens, now.cacheWriteTokens),
    reasoningTokens: Math.max(before.reasoningTokens, now.reasoningTokens),
  };
}
