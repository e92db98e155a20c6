import type { Usage } from '../../../src/index.ts';
import { count, isRecord } from '../../wire/index.ts';

/**
 * The usage of Chat Completions in the common form. OpenAI includes cached and cache-write tokens in the prompt tokens, and
 * reasoning tokens in the completion tokens. xAI and Gemini's compatible endpoint do not include reasoning, which only
 * their total shows: if the total exceeds the sum by exactly that number, it is reasoning. Undefined for an object without
 * a count.
 */
export function chatUsage(raw: Record<string, unknown>): Usage | undefined {
  const input = count(raw['prompt_tokens']);
  const completion = count(raw['completion_tokens']);
  if (input === undefined && completion === undefined) return undefined;
  const prompt = record(raw['prompt_tokens_details']);
  const named = count(record(raw['completion_tokens_details'])?.['reasoning_tokens']) ?? 0;
  const beside = (count(raw['total_tokens']) ?? 0) - (input ?? 0) - (completion ?? 0);
  const isBeside = beside > 0 && (named === 0 || named === beside);
  return normal({
    input: input ?? 0,
    output: (completion ?? 0) + (isBeside ? beside : 0),
    // DeepSeek's own name, then Moonshot's.
    cached:
      count(prompt?.['cached_tokens']) ??
      count(raw['prompt_cache_hit_tokens']) ??
      count(raw['cached_tokens']) ??
      0,
    written: count(prompt?.['cache_write_tokens']) ?? 0,
    reasoning: isBeside ? beside : named,
    raw,
  });
}

/** The usage of Responses in the common form. The input includes cached tokens, the output includes reasoning tokens. */
export function responsesUsage(raw: Record<string, unknown>): Usage | undefined {
  const input = count(raw['input_tokens']);
  const output = count(raw['output_tokens']);
  if (input === undefined && output === undefined) return undefined;
  const details = record(raw['input_tokens_details']);
  return normal({
    input: input ?? 0,
    output: output ?? 0,
    cached: count(details?.['cached_tokens']) ?? 0,
    written: count(details?.['cache_write_tokens']) ?? 0,
    reasoning: count(record(raw['output_tokens_details'])?.['reasoning_tokens']) ?? 0,
    raw,
  });
}

interface Counts {
  input: number;
  output: number;
  cached: number;
  written: number;
  reasoning: number;
  raw: unknown;
}

function normal({ input, output, cached, written, reasoning, raw }: Counts): Usage {
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: reasoning,
    raw,
  };
}

function record(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined;
}
