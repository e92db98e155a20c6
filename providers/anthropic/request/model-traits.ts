/** What the name of a model says about the requests that it takes. */
export interface ModelTraits {
  /** Whether it takes `temperature` and `top_p` (with API version 2023-06-01). */
  readonly sampling: boolean;
  /** Whether it refuses `temperature` together with `top_p`. */
  readonly oneSamplingParameter: boolean;
  /** How it is asked to think: with a token budget, adaptively, or either way. */
  readonly thinking: 'budget' | 'either' | 'adaptive';
  /** Whether its thinking cannot be turned off. */
  readonly alwaysThinks: boolean;
  /** Whether it takes `output_config.effort`. */
  readonly effort: boolean;
  /** Whether it takes `output_config.format`, a schema of the answer. */
  readonly hasSchemas: boolean;
  /** The most tokens of one reply, if that is less than {@link DEFAULT_MAX_TOKENS}. */
  readonly maxTokens?: number;
}

/** Sent as `max_tokens`, which the API requires, if neither the request nor the options set it. */
export const DEFAULT_MAX_TOKENS = 16_384;

/** The traits of a name that does not say which Claude it is. Everything is sent, and the server decides. */
const UNKNOWN: ModelTraits = {
  sampling: true,
  oneSamplingParameter: false,
  thinking: 'budget',
  alwaysThinks: false,
  effort: true,
  hasSchemas: false,
};

const VERSIONED = /claude-(?:([a-z]+)-)?v?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?:-([a-z]+))?/;

/**
 * Reads a model's traits from its name, also as Bedrock, Vertex and OpenRouter spell it.
 *
 * Sources: https://platform.claude.com/docs/en/models/overview (adaptive thinking from 4.6, only adaptive from Opus 4.7;
 * always on for Fable, Mythos and from Opus 5.5), https://platform.claude.com/docs/en/build-with-claude/effort (from Opus
 * 4.5 and Sonnet 4.6) and the notes on API version 2026-10-21 (no sampling parameters; models from Opus 4.7 refuse them in
 * every version). Models from 4.1 refuse `temperature` together with `top_p`.
 */
export function modelTraits(model: string): ModelTraits {
  const found = VERSIONED.exec(model);
  if (found === null) return model.includes('claude-mythos') ? adaptive('mythos', 5, 0) : UNKNOWN;
  const [, before, major, minor, after] = found;
  const family = before ?? after ?? '';
  const version = Number(major) * 100 + Number(minor ?? 0);
  if (version >= 407) return adaptive(family, Number(major), Number(minor ?? 0));
  return {
    sampling: true,
    oneSamplingParameter: version >= 401,
    thinking: version >= 406 ? 'either' : 'budget',
    alwaysThinks: false,
    effort: version >= 406 || (version === 405 && family === 'opus'),
    hasSchemas: version >= 405,
    ...(version < 307 && { maxTokens: 4096 }),
  };
}

function adaptive(family: string, major: number, minor: number): ModelTraits {
  return {
    sampling: false,
    oneSamplingParameter: true,
    thinking: 'adaptive',
    alwaysThinks:
      family === 'fable' || family === 'mythos' || (family === 'opus' && major * 100 + minor >= 505),
    effort: true,
    hasSchemas: true,
  };
}
