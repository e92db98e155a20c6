import { SluiceError, type Usage } from '../../src/index.ts';
import { answerOf } from '../../src/kit/index.ts';

/** Which tokens of a call count: all of them, those that the provider has not read from its cache, or what a function says. */
export type TokenCount = 'all' | 'uncached' | ((usage: Usage) => number);

/**
 * Providers that do not count input read from their cache: Anthropic, also on Bedrock
 * (https://platform.claude.com/docs/en/api/rate-limits), and Groq (https://console.groq.com/docs/prompt-caching). OpenAI and Azure count every
 * token. What is not known to be left out counts.
 */
const UNCACHED: ReadonlySet<string> = new Set(['anthropic', 'bedrock', 'groq']);

/** The tokens of a call that count. Throws `invalid_options` if a function returns no number of at least 0. */
export function countedTokens(
  usage: Usage,
  provider: string | undefined,
  count: TokenCount | undefined,
): number {
  if (typeof count === 'function') {
    const tokens = answerOf('rateLimit(): count', () => count(usage), 'number');
    if (Number.isFinite(tokens) && tokens >= 0) return tokens;
    throw new SluiceError('invalid_options', 'rateLimit(): count returned no number of at least 0.');
  }
  const leavesOut = count === undefined ? UNCACHED.has(provider ?? '') : count === 'uncached';
  return leavesOut ? Math.max(0, usage.totalTokens - usage.cachedInputTokens) : usage.totalTokens;
}
