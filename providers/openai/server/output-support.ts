import type { OutputSupport } from '../../../src/index.ts';
import type { Settings } from '../options.ts';

/** A service or a server, by the provider's `name` or by its address, and what it can do. */
interface Service {
  readonly known: RegExp;
  readonly support: OutputSupport | ((model: string) => OutputSupport);
}

/** OpenAI's models from before there was a mode for schemas. */
const WITHOUT_SCHEMAS =
  /^(?:ft:)?(?:gpt-3\.5|gpt-4(?:-turbo|-vision|-32k|-\d{4}|$)|gpt-4o-2024-05-13|o1-(?:mini|preview))/;

/**
 * What is known of servers that speak OpenAI's wire.
 *
 * Sources, read in November 2026: the pages on structured output of ai.google.dev (the compatible endpoint takes schemas beside tools from Gemini 3 on), docs.mistral.ai, console.groq.com
 * ("streaming and tool use are not currently supported with Structured Outputs"), api-docs.deepseek.com (only a JSON mode), docs.x.ai, inference-docs.cerebras.ai, docs.ollama.com (no
 * `tool_choice`), lmstudio.ai/docs, the README of llama.cpp's server, docs.vllm.ai.
 */
const SERVICES: readonly Service[] = [
  {
    known: /^gemini$|generativelanguage\.googleapis\.com/,
    support: (model) => ({
      dialect: 'gemini',
      native: /gemini-(?:[3-9]|\d\d)/.test(model) ? 'with-tools' : 'alone',
      tools: 'forced',
    }),
  },
  {
    known: /^mistral$|(?:^|\.)mistral\.ai/,
    support: { dialect: 'mistral', native: 'alone', tools: 'forced' },
  },
  { known: /^groq$|(?:^|\.)groq\.com/, support: { dialect: 'openai', native: 'none', tools: 'forced' } },
  {
    known: /^deepseek$|(?:^|\.)deepseek\.com/,
    support: (model) => ({
      dialect: 'other',
      native: 'none',
      tools: 'unless-thinking',
      ...(/reasoner|r1/.test(model) && { thinks: true }),
    }),
  },
  { known: /^xai$|(?:^|\.)x\.ai/, support: { dialect: 'xai', native: 'with-tools', tools: 'forced' } },
  {
    known: /^cerebras$|(?:^|\.)cerebras\.ai/,
    support: { dialect: 'cerebras', native: 'alone', tools: 'forced' },
  },
  { known: /ollama|:11434$/, support: { dialect: 'ollama', native: 'alone', tools: 'offered' } },
  {
    known: /lm-?studio|:1234$|llama-?cpp|llama\.cpp/,
    support: { dialect: 'llama.cpp', native: 'alone', tools: 'offered' },
  },
  { known: /vllm/, support: { dialect: 'vllm', native: 'alone', tools: 'forced' } },
];

/** Any other server. Many ignore a schema that they do not know, so it is in the prompt, too. */
const UNKNOWN: OutputSupport = { dialect: 'other', native: 'alone', tools: 'offered', isKnown: false };

/** How a model at the server of these settings can be made to answer in a given shape. */
export function outputSupport(settings: Settings, model: string): OutputSupport {
  const { name, baseURL, isOpenAI } = settings;
  if (settings.output !== undefined) return settings.output;
  const host = baseURL !== undefined && URL.canParse(baseURL) ? new URL(baseURL).host : '';
  const words = [name.toLowerCase().replace(/[\s_]/g, '-'), host];
  const service = SERVICES.find(({ known }) => words.some((word) => known.test(word)));
  if (service !== undefined)
    return typeof service.support === 'function' ? service.support(model) : service.support;
  if (!isOpenAI) return UNKNOWN;
  const native = WITHOUT_SCHEMAS.test(model) ? 'none' : 'with-tools';
  return { dialect: 'openai', native, tools: 'forced' };
}
