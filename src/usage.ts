/**
 * Tokens of one call or of a whole execution, in one form for all providers.
 * `inputTokens` includes the cached and cache-written ones, `outputTokens` the reasoning ones.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Input and output. */
  totalTokens: number;
  /** Part of the input that was read from the provider's cache. */
  cachedInputTokens: number;
  /** Part of the input that was written to the provider's cache. */
  cacheWriteTokens: number;
  /** Part of the output that was thinking. */
  reasoningTokens: number;
  /** Not all of it was reported: the call was cut short, or the provider is silent. */
  estimated?: boolean;
  /** The provider's own object, of one call. */
  raw?: unknown;
}

/** Money in US dollars. Fields that are not known are absent, never 0. */
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

/** The sum of the usages that are known; estimated as soon as one is. Raw objects are left out. */
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

const MONEY = ['totalUsd', 'inputUsd', 'outputUsd', 'cacheReadUsd', 'cacheWriteUsd'] as const;

/**
 * The sum of the costs of an execution's calls. One unknown makes the whole unknown (and the sum of the known ones is
 * not offered as a total); one estimate makes it estimated. No calls cost exactly nothing.
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
