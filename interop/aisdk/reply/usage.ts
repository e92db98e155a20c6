import type { ModelRequest, Usage } from '../../../src/index.ts';
import { estimateInputTokens, estimateTokens } from '../../../src/kit/index.ts';
import { count, isRecord } from '../../../providers/wire/index.ts';

/**
 * The usage of a model in the common form. A whole side that the provider did not report is estimated, and the usage is marked so; without
 * either side there is none. Parts of a side (cache, reasoning) that are absent count as 0.
 */
export function usageOf(given: unknown, request: ModelRequest, outputCharacters: number): Usage | undefined {
  if (!isRecord(given)) return undefined;
  const input = fields(given['inputTokens']);
  const output = fields(given['outputTokens']);
  const cached = count(input['cacheRead']) ?? 0;
  const written = count(input['cacheWrite']) ?? 0;
  const reasoning = count(output['reasoning']) ?? 0;
  const wholeInput = count(input['total']) ?? sum(count(input['noCache']), cached + written);
  const wholeOutput = count(output['total']) ?? sum(count(output['text']), reasoning);
  if (wholeInput === undefined && wholeOutput === undefined) return undefined;
  const inputTokens = wholeInput ?? Math.max(estimateInputTokens(request), cached + written);
  const outputTokens = wholeOutput ?? Math.max(estimateTokens(outputCharacters), reasoning);
  const isSure = wholeInput !== undefined && wholeOutput !== undefined;
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: reasoning,
    ...(!isSure && { estimated: true }),
    raw: given['raw'] ?? given,
  };
}

/** The usage in the first event of Anthropic's API. The output is that of the first token, so the usage is an estimate. */
export function firstUsageOf(raw: unknown): Usage | undefined {
  const tokens = fields(raw);
  const fresh = count(tokens['input_tokens']);
  if (fresh === undefined) return undefined;
  const cachedInputTokens = count(tokens['cache_read_input_tokens']) ?? 0;
  const cacheWriteTokens = count(tokens['cache_creation_input_tokens']) ?? 0;
  const inputTokens = fresh + cachedInputTokens + cacheWriteTokens;
  const outputTokens = count(tokens['output_tokens']) ?? 0;
  const totalTokens = inputTokens + outputTokens;
  const counts = { inputTokens, outputTokens, totalTokens, cachedInputTokens, cacheWriteTokens };
  return { ...counts, reasoningTokens: 0, estimated: true, raw };
}

function sum(first: number | undefined, second: number): number | undefined {
  return first === undefined ? undefined : first + second;
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}
