import type { Usage } from '../../../src/index.ts';
import { count, isRecord } from '../../wire/index.ts';

/**
 * The usage of Chat Completions in the common form. OpenAI includes cached and cache-write tokens in the prompt tokens, and
 * reasoning tokens in the completion tokens. xAI and Gemini's compatible endpoint do not include reasoning, which only
 * their total shows: if the total exceeds the sum by exactly that number, it is reasoning. Any other difference makes the
 * usage an estimate, and so does a count that is missing. Undefined for an object without a count.
 */
export function chatUsage(raw: Record<string, unknown>): Usage | undefined {
  const input = count(raw['prompt_tokens']);
  const completion = count(raw['completion_tokens']);
  if (input === undefined && completion === undefined) return undefined;
  const prompt = record(raw['prompt_tokens_details']);
  const named = count(record(raw['completion_tokens_details'])?.['reasoning_tokens']) ?? 0;
  const total = count(raw['total_tokens']) ?? 0;
  const isWhole = input !== undefined && completion !== undefined;
  const beside = isWhole && total > 0 ? total - input - completion : 0;
  const isBeside = beside > 0 && (named === 0 || named === beside);
  return normal({
    input: input ?? rest(total, completion),
    output: (completion ?? rest(total, input)) + Math.max(0, beside),
    isSure: isWhole && (beside === 0 || isBeside),
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
  const total = count(raw['total_tokens']) ?? 0;
  const isWhole = input !== undefined && output !== undefined;
  const beside = isWhole && total > 0 ? total - input - output : 0;
  return normal({
    input: input ?? rest(total, output),
    output: (output ?? rest(total, input)) + Math.max(0, beside),
    isSure: isWhole && beside === 0,
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
  /** Whether all counts are there and none contradicts another. */
  isSure: boolean;
  raw: unknown;
}

/** What a total leaves for the count that is missing. */
function rest(total: number, known: number | undefined): number {
  return Math.max(0, total - (known ?? 0));
}

function normal({ input, output, cached, written, reasoning, isSure, raw }: Counts): Usage {
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: reasoning,
    ...(!isSure && { estimated: true }),
    raw,
  };
}

function record(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined;
}
