import type { Usage } from '../../src/index.ts';
import { count, isRecord } from '../wire/index.ts';

/**
 * Collects the usage objects of one reply. The counts of `message_delta` are cumulative and may be null: a number
 * replaces the one before, nothing is ever added.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming#event-types
 */
export class UsageReader {
  readonly #raw: Record<string, unknown> = {};
  #final = false;
  #seen = false;

  /** Takes a usage object; `final` where it counts the whole output, as that of `message_delta` does. */
  add(usage: unknown, final: boolean): void {
    if (!isRecord(usage)) return;
    this.#seen = true;
    this.#final ||= final;
    for (const [name, value] of Object.entries(usage)) {
      if (value !== null && value !== undefined) define(this.#raw, name, value);
    }
  }

  /** The tier that is billed, where the API has told. */
  get serviceTier(): string | undefined {
    const tier = this.#raw['service_tier'];
    return typeof tier === 'string' ? tier : undefined;
  }

  /**
   * The counts in normal form: `input_tokens` excludes cache reads and writes on this wire, `output_tokens` includes
   * thinking. Marked `estimated` while only the opening has counted: it knows the input, not the output.
   */
  usage(): Usage | undefined {
    if (!this.#seen) return undefined;
    const raw = this.#raw;
    const cachedInputTokens = count(raw['cache_read_input_tokens']) ?? 0;
    const cacheWriteTokens = count(raw['cache_creation_input_tokens']) ?? 0;
    const inputTokens = (count(raw['input_tokens']) ?? 0) + cachedInputTokens + cacheWriteTokens;
    const outputTokens = count(raw['output_tokens']) ?? 0;
    const details = raw['output_tokens_details'];
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cachedInputTokens,
      cacheWriteTokens,
      reasoningTokens: (isRecord(details) ? count(details['thinking_tokens']) : undefined) ?? 0,
      ...(!this.#final && { estimated: true }),
      raw: { ...raw },
    };
  }
}

/** Sets a field of untrusted name: `__proto__` too becomes a plain field. */
export function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}
