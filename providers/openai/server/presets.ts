import type { Parameters } from '../../../src/index.ts';

/** A service or a local server that speaks OpenAI's Chat Completions, and what is special about it. */
export interface Preset {
  /** Its name for people. */
  readonly title: string;
  /** The provider's name in prices, errors and `providerOptions`. */
  readonly name: string;
  /** Absent if every customer has an address of their own. */
  readonly baseURL?: string;
  /** What to give as `baseURL` if there is no default. */
  readonly baseURLAdvice?: string;
  /** The environment variable with the key. Absent if the server takes none. */
  readonly keyVariable?: string;
  /** Whether the server refuses requests without a key. */
  readonly needsKey: boolean;
  /** The field for `maxTokens`. Default: `max_tokens`. */
  readonly maxTokensField?: 'max_completion_tokens';
  /** False if the server refuses `stream_options`; it reports the usage all the same. */
  readonly includeUsage?: false;
  /** The field for `seed`. Default: `seed`. */
  readonly seedField?: 'random_seed';
  /** Parameters that it refuses: they are left out with a warning. */
  readonly refuses?: readonly (keyof Parameters)[];
  /** False if it refuses the names of messages. */
  readonly names?: false;
  /** The one form in which it takes a JSON answer. Default: it takes both. */
  readonly json?: 'json_object' | 'json_schema';
  /** The page, or the report of users, that the row rests on. */
  readonly source: string;
}

/**
 * The services that `openai({ preset })` knows. The table in docs/models.md is made of it.
 * Prices: names are those of the price list, if it has the service.
 *
 * No live service was called. Addresses are those of `source`, unless a comment says otherwise. That a service takes all other fields,
 * and both forms of JSON, is not verified.
 */
export const PRESETS = {
  openrouter: {
    title: 'OpenRouter',
    name: 'openrouter',
    baseURL: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
    needsKey: true,
    source: 'https://openrouter.ai/docs/community/openai-sdk',
  },
  groq: {
    // The page refuses names of messages. `max_completion_tokens` is in Groq's own SDK, which calls `max_tokens` the old name.
    title: 'Groq',
    name: 'groq',
    baseURL: 'https://api.groq.com/openai/v1',
    keyVariable: 'GROQ_API_KEY',
    needsKey: true,
    maxTokensField: 'max_completion_tokens',
    names: false,
    source: 'https://console.groq.com/docs/openai',
  },
  deepseek: {
    // The page has a JSON mode, and no page found has schemas.
    title: 'DeepSeek',
    name: 'deepseek',
    baseURL: 'https://api.deepseek.com',
    keyVariable: 'DEEPSEEK_API_KEY',
    needsKey: true,
    json: 'json_object',
    source: 'https://api-docs.deepseek.com/guides/json_mode.md',
  },
  gemini: {
    title: 'Gemini',
    name: 'gemini',
    baseURL: 'https://generativelanguage.googleapis.com/v1beta/openai',
    keyVariable: 'GEMINI_API_KEY',
    needsKey: true,
    source: 'https://ai.google.dev/api/compatibility',
  },
  mistral: {
    // Users' reports of 2024 and 2025: `stream_options` is refused, and the usage comes all the same. `random_seed` is in clients made of Mistral's
    // API description.
    title: 'Mistral',
    name: 'mistral',
    baseURL: 'https://api.mistral.ai/v1',
    keyVariable: 'MISTRAL_API_KEY',
    needsKey: true,
    includeUsage: false,
    seedField: 'random_seed',
    source: 'https://github.com/avante-corp/avante.nvim/issues/2347',
  },
  together: {
    title: 'Together',
    name: 'together',
    baseURL: 'https://api.together.ai/v1',
    keyVariable: 'TOGETHER_API_KEY',
    needsKey: true,
    source: 'https://docs.together.ai/docs/inference/openai-compatibility',
  },
  fireworks: {
    title: 'Fireworks',
    name: 'fireworks',
    baseURL: 'https://api.fireworks.ai/inference/v1',
    keyVariable: 'FIREWORKS_API_KEY',
    needsKey: true,
    source: 'https://docs.fireworks.ai/tools-sdks/openai-compatibility',
  },
  cerebras: {
    // `max_completion_tokens` is in the API reference. The penalties are in a list of another client (ReqLLM) of fields that are refused; the page
    // itself was read only in part.
    title: 'Cerebras',
    name: 'cerebras',
    baseURL: 'https://api.cerebras.ai/v1',
    keyVariable: 'CEREBRAS_API_KEY',
    needsKey: true,
    maxTokensField: 'max_completion_tokens',
    refuses: ['frequencyPenalty', 'presencePenalty'],
    source: 'https://inference-docs.cerebras.ai/resources/openai',
  },
  xai: {
    // The page calls Chat Completions deprecated: `api: 'responses'` works, too.
    title: 'xAI',
    name: 'xai',
    baseURL: 'https://api.x.ai/v1',
    keyVariable: 'XAI_API_KEY',
    needsKey: true,
    source: 'https://docs.x.ai/developers/model-capabilities/text/comparison.md',
  },
  alibaba: {
    // The page calls this address old but available, and recommends one of your own workspace.
    title: 'Alibaba (Qwen)',
    name: 'alibaba',
    baseURL: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    keyVariable: 'DASHSCOPE_API_KEY',
    needsKey: true,
    source: 'https://www.alibabacloud.com/help/en/model-studio/base-url',
  },
  azure: {
    // `max_completion_tokens` is not verified: it is what OpenAI's newer models want.
    title: 'Azure',
    name: 'azure',
    baseURLAdvice: 'give the address of your resource, https://RESOURCE.openai.azure.com/openai/v1',
    keyVariable: 'AZURE_OPENAI_API_KEY',
    needsKey: true,
    maxTokensField: 'max_completion_tokens',
    source: 'https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle',
  },
  ollama: {
    title: 'Ollama',
    name: 'ollama',
    baseURL: 'http://127.0.0.1:11434/v1',
    needsKey: false,
    source: 'https://docs.ollama.com/api/openai-compatibility',
  },
  lmstudio: {
    // `json_object` is refused: reports of 2024 to 2026.
    title: 'LM Studio',
    name: 'lmstudio',
    baseURL: 'http://127.0.0.1:1234/v1',
    needsKey: false,
    json: 'json_schema',
    source: 'https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/189',
  },
  vllm: {
    // The variable is the one from which the server takes its key, in copies of vLLM's own guide.
    title: 'vLLM',
    name: 'vllm',
    baseURL: 'http://127.0.0.1:8000/v1',
    keyVariable: 'VLLM_API_KEY',
    needsKey: false,
    source: 'https://docs.vllm.ai/en/v0.8.1/serving/openai_compatible_server.html',
  },
  llamacpp: {
    // The variable is the one of the server, in its README. The port becomes 9931: the pull request says so, and the README has it already.
    title: 'llama.cpp',
    name: 'llama.cpp',
    baseURL: 'http://127.0.0.1:8080/v1',
    keyVariable: 'LLAMA_API_KEY',
    needsKey: false,
    source: 'https://github.com/ggml-org/llama.cpp/pull/26508',
  },
} as const satisfies Record<string, Preset>;

/** The name of a service that `openai({ preset })` knows. */
export type PresetName = keyof typeof PRESETS;

/** The names of all presets, in the order of the table. */
export const presetNames: readonly PresetName[] = Object.keys(PRESETS).filter(isPresetName);

/** Whether a text names a preset. */
function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name);
}

/** The row of a preset. */
export function presetOf(name: PresetName): Preset {
  return PRESETS[name];
}
