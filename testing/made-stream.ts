/** Token counts of a made reply. Each wire writes them in its own format. */
export interface MadeUsage {
  /** All input tokens, including cached and cache-write tokens. Default 12. */
  readonly inputTokens?: number;
  /** All output tokens, including reasoning. Default 8. */
  readonly outputTokens?: number;
  /** Part of the input tokens. Default 0. */
  readonly cachedInputTokens?: number;
  /** Part of the input tokens. Anthropic only. Default 0. */
  readonly cacheWriteTokens?: number;
  /** Part of the output tokens. OpenAI's wires only. Default 0. */
  readonly reasoningTokens?: number;
}

/** A tool call in a made reply. */
export interface MadeToolCall {
  /** Default: made from its position among the calls, such as `call_0`. */
  readonly id?: string;
  readonly name: string;
  /** A value, which is sent as JSON, or the text to send, which need not be valid JSON. Default: `{}`. */
  readonly arguments?: unknown;
}

/** Text in a made reply. A string is split into words; an array is sent delta by delta. */
export type MadeText = string | readonly string[];

/** A tool call with everything a wire needs. */
export interface FilledToolCall {
  readonly id: string;
  readonly name: string;
  /** The whole arguments. */
  readonly text: string;
  /** The arguments in pieces of a few characters. */
  readonly deltas: readonly string[];
}

/** The creation time in every made reply, in seconds. */
export const MADE_AT_SECONDS = 1_750_000_000;

/** Splits a text into deltas: one per word, with the space that follows it. */
export function deltasOf(text: MadeText | undefined): readonly string[] {
  if (text === undefined) return [];
  return typeof text === 'string' ? (text.match(/\S+\s*|\s+/g) ?? []) : text;
}

/**
 * Fills in the defaults of tool calls.
 *
 * @param prefix starts the ids that are made here
 */
export function filledToolCalls(
  calls: readonly MadeToolCall[] | undefined,
  prefix: string,
): FilledToolCall[] {
  return (calls ?? []).map(function filled(call, index) {
    const text = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments ?? {});
    return {
      id: call.id ?? `${prefix}_${index}`,
      name: call.name,
      text,
      deltas: text.match(/[^]{1,8}/g) ?? [],
    };
  });
}

/** Fills in the defaults of token counts. */
export function filledUsage(usage: MadeUsage = {}): Required<MadeUsage> {
  const {
    inputTokens = 12,
    outputTokens = 8,
    cachedInputTokens = 0,
    cacheWriteTokens = 0,
    reasoningTokens = 0,
  } = usage;
  return { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens };
}
