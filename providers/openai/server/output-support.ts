import type { ModelRequest, OutputSupport } from '../../../src/index.ts';
import { isRecord, providerOptionsOf } from '../../wire/index.ts';
import type { Settings } from '../options.ts';

/** A service or a server, by the provider's `name` or by its address, and what it can do. */
interface Service {
  readonly known: RegExp;
  readonly support: OutputSupport | ((model: string, fields: Fields) => OutputSupport);
}

/** What a request puts into the body itself, in `providerOptions`. */
type Fields = Readonly<Record<string, unknown>>;

/** OpenAI's models from before there was a mode for schemas. */
const WITHOUT_SCHEMAS =
  /^(?:ft:)?(?:gpt-3\.5|gpt-4(?:-turbo|-vision|-32k|-\d{4}|$)|gpt-4o-2024-05-13|o1-(?:mini|preview))/;

/**
 * What is known of servers that speak OpenAI's wire. No live service was called, and most pages were read in copies that others keep.
 * So each row says what it rests on; docs/structured-output.md has the addresses. Anything else is not verified.
 */
const SERVICES: readonly Service[] = [
  {
    // Google's page on structured output: tools beside a schema from Gemini 3 on. It is about the native API: not verified for this endpoint.
    known: /^gemini$|generativelanguage\.googleapis\.com/,
    support: (model) => ({
      dialect: 'gemini',
      native: /gemini-(?:[3-9]|\d\d)/.test(model) ? 'with-tools' : 'alone',
      tools: 'forced',
    }),
  },
  {
    // Mistral's page shows schemas without tools. Whether both go together is not verified.
    known: /^mistral$|(?:^|\.)mistral\.ai/,
    support: { dialect: 'mistral', native: 'alone', tools: 'forced' },
  },
  {
    // Groq's page, as others quote it: "Streaming and tool use are not currently supported with Structured Outputs".
    known: /^groq$|(?:^|\.)groq\.com/,
    support: { dialect: 'openai', native: 'none', tools: 'forced' },
  },
  {
    // DeepSeek's pages: only a JSON mode, and thinking is on unless it is turned off. It refuses a forced tool then (its users' reports).
    known: /^deepseek$|(?:^|\.)deepseek\.com/,
    support: (_model, { thinking }) => ({
      dialect: 'other',
      native: 'none',
      tools: 'unless-thinking',
      thinks: !(isRecord(thinking) && thinking['type'] === 'disabled'),
    }),
  },
  {
    // xAI's page: schemas for all models, beside tools only for "the Grok 4 family". Later models are taken to be like it.
    known: /^xai$|(?:^|\.)x\.ai/,
    support: (model) => ({
      dialect: 'xai',
      native: /grok-(?:[4-9]|\d\d|code)/.test(model) ? 'with-tools' : 'alone',
      tools: 'forced',
    }),
  },
  {
    // Cerebras' page: no tools beside a schema. A named tool was refused for gpt-oss-120b (a report), so none is forced.
    known: /^cerebras$|(?:^|\.)cerebras\.ai/,
    support: { dialect: 'cerebras', native: 'alone', tools: 'offered' },
  },
  {
    // Other models than Qwen were refused with a schema at Alibaba (a report). Which of Qwen take one is not verified.
    known: /^alibaba$|(?:^|\.)aliyuncs\.com/,
    support: (model) => ({
      dialect: 'other',
      native: /qwen/i.test(model) ? 'alone' : 'none',
      tools: 'offered',
      isKnown: false,
    }),
  },
  {
    // Ollama's page: `tool_choice` is not among the fields that it takes.
    known: /ollama|:11434$/,
    support: { dialect: 'ollama', native: 'alone', tools: 'offered', isKnown: false },
  },
  {
    // The README of llama.cpp: the model does not see the schema. LM Studio refuses a named tool (reports); that it uses the converter of
    // llama.cpp is not verified.
    known: /lm-?studio|:1234$|llama-?cpp|llama\.cpp|:9931$/,
    support: { dialect: 'llama.cpp', native: 'alone', tools: 'offered', isKnown: false },
  },
  {
    // Not verified, except for the dialect.
    known: /vllm/,
    support: { dialect: 'vllm', native: 'alone', tools: 'forced' },
  },
];

/** Any other server. Many ignore a schema that they do not know, so it is in the prompt, too. */
const UNKNOWN: OutputSupport = { dialect: 'other', native: 'alone', tools: 'offered', isKnown: false };

/** How a model at the server of these settings can be made to answer in a given shape. */
export function outputSupport(settings: Settings, model: string, request: ModelRequest): OutputSupport {
  const { name, baseURL, isOpenAI } = settings;
  if (settings.output !== undefined) return settings.output;
  const host = baseURL !== undefined && URL.canParse(baseURL) ? new URL(baseURL).host : '';
  const words = [name.toLowerCase().replace(/[\s_]/g, '-'), host];
  const service = SERVICES.find(({ known }) => words.some((word) => known.test(word)));
  if (service !== undefined)
    return typeof service.support === 'function'
      ? service.support(model, providerOptionsOf(request.parameters, name))
      : service.support;
  if (!isOpenAI) return UNKNOWN;
  const native = WITHOUT_SCHEMAS.test(model) ? 'none' : 'with-tools';
  return { dialect: 'openai', native, tools: 'forced' };
}
