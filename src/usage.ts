/**
 * The tokens of one call or of a whole execution, in the same form for all providers.
 * `inputTokens` includes cached and cache-written tokens, `outputTokens` includes reasoning tokens.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Sum of input and output. */
  totalTokens: number;
  /** The part of the input that was read from the provider's cache. */
  cachedInputTokens: number;
  /** The part of the input that was written to the provider's cache. */
  cacheWriteTokens: number;
  /** The part of the output that was thinking. */
  reasoningTokens: number;
  /** Not all of it was reported: the call ended early, or the provider does not report usage. */
  estimated?: boolean;
  /** The provider's own object; only in the usage of one call. */
  raw?: unknown;
}

/** Cost in US dollars. Fields that are not known are absent, never 0. */
export interface Cost {
  status: 'exact' | 'estimated' | 'unknown';
  totalUsd?: number;
  inputUsd?: number;
  outputUsd?: number;
  cacheReadUsd?: number;
  cacheWriteUsd?: number;
}

/** No tokens at all. */
export function noUsage(): Usage {
  return {
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
}

/** The sum of the known usages. It is estimated as soon as one of them is. Raw objects are left out. */
export function sumUsage(usages: Iterable<Usage | undefined>): Usage {
  const sum = noUsage();
  for (const usage of usages) {
    if (usage === undefined) continue;
    sum.inputTokens += usage.inputTokens;
    sum.outputTokens += usage.outputTokens;
    sum.totalTokens += usage.totalTokens;
    sum.cachedInputTokens += usage.cachedInputTokens;
    sum.cacheWriteTokens += usage.cacheWriteTokens;
    sum.reasoningTokens += usage.reasoningTokens;
    if (usage.estimated === true) sum.estimated = true;
  }
  return sum;
}

/** The counts of a usage. */
export const TOKENS = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
] as const;

/** The amounts of a cost. */
export const MONEY = ['totalUsd', 'inputUsd', 'outputUsd', 'cacheReadUsd', 'cacheWriteUsd'] as const;

/**
 * The sum of the costs of an execution's calls. If one cost is unknown, the sum is unknown, and no total of the known ones is
 * given. If one is an estimate, the sum is an estimate. Without any calls the cost is exactly 0.
 */
export function sumCost(costs: readonly (Cost | undefined)[]): Cost {
  if (costs.length === 0) return { status: 'exact', totalUsd: 0 };
  const sum: Cost = { status: 'exact' };
  for (const cost of costs) {
    if (cost === undefined || cost.status === 'unknown') return { status: 'unknown' };
    if (cost.status === 'estimated') sum.status = 'estimated';
    for (const field of MONEY) {
      const usd = cost[field];
      if (usd !== undefined) sum[field] = (sum[field] ?? 0) + usd;
    }
  }
  return sum;
}
