/** Token counts of a made reply, in normal form; each wire writes them in its own. */
export interface MadeUsage {
  /** All tokens read, cached and cache-write tokens included. Default 12. */
  readonly inputTokens?: number;
  /** All tokens written, reasoning included. Default 8. */
  readonly outputTokens?: number;
  /** Of the input tokens. Default 0. */
  readonly cachedInputTokens?: number;
  /** Of the input tokens; Anthropic only. Default 0. */
  readonly cacheWriteTokens?: number;
  /** Of the output tokens; OpenAI's wires only. Default 0. */
  readonly reasoningTokens?: number;
}

/** A call of a client's tool in a made reply. */
export interface MadeToolCall {
  /** Default: made from its place among the calls, as `call_0`. */
  readonly id?: string;
  readonly name: string;
  /** A value to write as JSON, or the very text (which may be no JSON). Default: `{}`. */
  readonly arguments?: unknown;
}

/** Text in a made reply: split into words, or the very deltas. */
export type MadeText = string | readonly string[];

/** A tool call with all that a wire needs. */
export interface FilledToolCall {
  readonly id: string;
  readonly name: string;
  /** All of its arguments. */
  readonly text: string;
  /** The arguments as they come, a few characters each. */
  readonly deltas: readonly string[];
}

/** The seconds that made replies say they were made at, the same always. */
export const MADE_AT_SECONDS = 1_750_000_000;

/** The deltas of a text: one a word, with the space behind it. */
export function deltasOf(text: MadeText | undefined): readonly string[] {
  if (text === undefined) return [];
  return typeof text === 'string' ? (text.match(/\S+\s*|\s+/g) ?? []) : text;
}

/**
 * The tool calls with the defaults filled in.
 *
 * @param prefix of the ids that are made
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

/** The counts with the defaults filled in. */
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
