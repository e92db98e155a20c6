import type { Usage } from '../../../src/index.ts';
import { count, isRecord, mostUsage } from '../../wire/index.ts';
import { define, sizeOf } from './values.ts';

/**
 * Collects the usage objects of one reply. The counts of `message_delta` are cumulative and may be null: a new number
 * replaces the one before, and numbers are never added. Servers that imitate the API send 0 for what they do not know,
 * which replaces no count.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming#event-types
 */
export class UsageReader {
  readonly #raw: Record<string, unknown> = {};
  #usage: Usage | undefined;
  #final = false;

  /** Takes a usage object. `final` says that it counts the complete output, as that of `message_delta` does. */
  add(usage: unknown, final: boolean): void {
    if (!isRecord(usage)) return;
    this.#final ||= final && (count(usage['output_tokens']) ?? 0) > 0;
    if (sizeOf(usage) !== undefined) addCounts(this.#raw, usage);
    this.#usage = mostUsage(this.#usage, this.#normal());
  }

  /** The tier that is billed, if the API said so. */
  get serviceTier(): string | undefined {
    const tier = this.#raw['service_tier'];
    return typeof tier === 'string' ? tier : undefined;
  }

  /** The counts so far, in the common form. */
  usage(): Usage | undefined {
    return this.#usage;
  }

  /**
   * On this API, `input_tokens` does not include cache reads and writes, and `output_tokens` includes thinking. Neither includes a
   * compaction or an advisor, which are only in `iterations`. The usage is marked `estimated` as long as only the opening
   * has come, which knows the input but not the output, and if no input was counted.
   */
  #normal(): Usage {
    const raw = this.#raw;
    const all = [raw, ...uncounted(raw['iterations'])];
    const sum = (name: string): number => all.reduce((total, one) => total + (count(one[name]) ?? 0), 0);
    const cachedInputTokens = sum('cache_read_input_tokens');
    const cacheWriteTokens = sum('cache_creation_input_tokens');
    const inputTokens = sum('input_tokens') + cachedInputTokens + cacheWriteTokens;
    const outputTokens = sum('output_tokens');
    const details = raw['output_tokens_details'];
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cachedInputTokens,
      cacheWriteTokens,
      reasoningTokens: (isRecord(details) ? count(details['thinking_tokens']) : undefined) ?? 0,
      ...(!(this.#final && inputTokens > 0) && { estimated: true }),
      raw: { ...raw },
    };
  }
}

/** The model calls of a request that its counts leave out. Source: the type `BetaUsage` of @anthropic-ai/sdk */
function uncounted(iterations: unknown): Record<string, unknown>[] {
  if (!Array.isArray(iterations)) return [];
  return iterations.filter(isRecord).filter(({ type }) => type !== 'message' && type !== 'fallback_message');
}

/** Takes the counts of a later object. Null replaces nothing, 0 and what is not a number replace no count, and counts inside a field never fall. */
function addCounts(counts: Record<string, unknown>, more: Record<string, unknown>, isInside = false): void {
  for (const [name, value] of Object.entries(more)) {
    if (value === null || value === undefined) continue;
    const before = Object.hasOwn(counts, name) ? counts[name] : undefined;
    if (isRecord(before) && isRecord(value)) {
      const inner = { ...before };
      addCounts(inner, value, true);
      define(counts, name, inner);
    } else if (typeof before !== 'number') {
      define(counts, name, value);
    } else if (typeof value === 'number' && (isInside ? value > before : value > 0)) {
      define(counts, name, value);
    }
  }
}
