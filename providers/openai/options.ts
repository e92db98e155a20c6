import * as z from 'zod';

import type { OutputSupport, SchemaDialect } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { checkCommonOptions, commonFields, commonSettings, headerLine } from '../wire/index.ts';
import type { CommonOptions, CommonSettings, Vendor } from '../wire/index.ts';
import type { OpenAIClient } from './client.ts';
import { presetNames, presetOf } from './server/presets.ts';
import type { Preset, PresetName } from './server/presets.ts';

/** The model to ask if neither the options nor the request name one: OpenAI's small model of the current family. */
export const DEFAULT_MODEL = 'gpt-6-luna';

/** Options of `openai()`. */
export interface OpenAIOptions extends CommonOptions<OpenAIClient> {
  /**
   * A service or a local server by its name: its address, the variable with its key (such as `GROQ_API_KEY`), its name for prices, and what is
   * special about its requests. Each of them can be overridden. `model` is then required. Default: OpenAI.
   */
  preset?: PresetName | undefined;
  /** Which of OpenAI's two APIs to use. Default: `chat`, which all compatible servers have. */
  api?: 'chat' | 'responses' | undefined;
  /** Sent as `OpenAI-Organization`. */
  organization?: string | undefined;
  /** Sent as `OpenAI-Project`. */
  project?: string | undefined;
  /** The field for `maxTokens` (chat). Default: `max_completion_tokens` for OpenAI and Azure, `max_tokens` for other hosts. */
  maxTokensField?: 'max_completion_tokens' | 'max_tokens' | undefined;
  /** Whether to ask for the usage at the end of a stream (chat). Turn it off for servers that refuse the field. Default: true. */
  includeUsage?: boolean | undefined;
  /**
   * The field in which the server wants the model's earlier thinking back (chat), or `none`. Default: `reasoning_content`, in turns
   * with tool calls, for DeepSeek, Kimi, MiMo and GLM, which are known by their host or model; `none` for all others.
   */
  reasoningField?: 'reasoning_content' | 'reasoning' | 'none' | undefined;
  /**
   * Whether to read thinking from `<think>` tags at the start of the text (chat). `'open'` means that the prompt template already has
   * the opening tag: the reply begins with thinking, and only `</think>` ends it. Default: true for servers that are known to send the
   * tags (Ollama, LM Studio, llama.cpp, vLLM and SGLang by `name`, ports 11434 and 1234, Together, Fireworks, Groq, Perplexity,
   * MiniMax, DeepInfra, SambaNova, Cerebras, NVIDIA, Hugging Face) and for models that are known to write them (DeepSeek R1, QwQ,
   * Qwen 3, Magistral, ...) on any server.
   */
  thinkTags?: boolean | 'open' | undefined;
  /**
   * Whether to ask for encrypted reasoning, which can go back with the next turn although the server stores nothing (responses).
   * Default: true for models whose name says that they reason. Other models refuse the field.
   */
  encryptedReasoning?: boolean | undefined;
  /**
   * How its models can be made to answer in a given shape, for `output()`. Default: what is known of OpenAI's models and of servers that are known by `name` or host; for any other
   * server, a schema is sent and put into the prompt, too.
   */
  output?: OutputSupport | undefined;
}

/** The options after the check, with their defaults. */
export interface Settings extends CommonSettings<OpenAIClient> {
  /** Whether the address is OpenAI's own or Azure's. The address of a client that does not tell it counts as one. */
  isOpenAI: boolean;
  api: 'chat' | 'responses';
  organization: string | undefined;
  project: string | undefined;
  maxTokensField: 'max_completion_tokens' | 'max_tokens';
  includeUsage: boolean;
  reasoningField: 'reasoning_content' | 'reasoning' | 'none' | undefined;
  thinkTags: boolean | 'open' | undefined;
  encryptedReasoning: boolean | undefined;
  /** The service, if the caller named one. */
  preset: Preset | undefined;
  output: OutputSupport | undefined;
}

const OPENAI: Vendor = {
  name: 'openai',
  model: DEFAULT_MODEL,
  baseURL: 'https://api.openai.com/v1',
  keyVariable: 'OPENAI_API_KEY',
  needsKey: isOpenAIAddress,
  clientProperties: ['chat', 'responses'],
  clientAdvice: 'give an OpenAI or AzureOpenAI client of the openai package',
  clientOwns: ['apiKey', 'baseURL', 'organization', 'project', 'headers', 'fetch', 'dispatcher', 'http2'],
};

/** The vendor of the options: OpenAI, or the service of a preset. */
function vendorOf(preset: Preset | undefined): Vendor {
  if (preset === undefined) return OPENAI;
  const { name, baseURL = '', keyVariable, needsKey } = preset;
  const isOwn = (address: string): boolean =>
    needsKey && (address === baseURL || (baseURL === '' && isOpenAIAddress(address)));
  return { ...OPENAI, name, baseURL, keyVariable, needsKey: isOwn };
}

const DIALECTS: readonly SchemaDialect[] = [
  ...(['openai', 'anthropic', 'gemini', 'xai', 'cerebras', 'mistral'] as const),
  ...(['ollama', 'llama.cpp', 'vllm', 'other'] as const),
];

const schema = z
  .strictObject({
    ...commonFields<OpenAIClient>(OPENAI),
    preset: z.enum(presetNames).optional(),
    api: z.enum(['chat', 'responses']).optional(),
    organization: headerLine('give the id as one line').optional(),
    project: headerLine('give the id as one line').optional(),
    maxTokensField: z.enum(['max_completion_tokens', 'max_tokens']).optional(),
    includeUsage: z.boolean().optional(),
    reasoningField: z.enum(['reasoning_content', 'reasoning', 'none']).optional(),
    thinkTags: z.union([z.boolean(), z.literal('open')], 'give true, false or "open"').optional(),
    encryptedReasoning: z.boolean().optional(),
    output: z
      .strictObject({
        dialect: z.enum(DIALECTS),
        native: z.enum(['with-tools', 'alone', 'none']),
        tools: z.enum(['forced', 'unless-thinking', 'offered', 'none']),
        thinks: z.boolean().optional(),
        isKnown: z.boolean().optional(),
      })
      .optional(),
  })
  .superRefine((given, context) => {
    const preset = given.preset === undefined ? undefined : presetOf(given.preset);
    if (preset !== undefined) checkPreset(given, preset, context);
    checkCommonOptions(given, vendorOf(preset), context);
  });

/** What a preset needs besides its name. */
function checkPreset(
  given: OpenAIOptions,
  { title, baseURL, baseURLAdvice }: Preset,
  context: z.RefinementCtx,
): void {
  const wrong = (field: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (given.model === undefined) wrong('model', `give the name of a model of ${title}`);
  if (given.client !== undefined) wrong('preset', 'client has its own address, leave one of the two out');
  else if (given.baseURL === undefined && baseURL === undefined)
    wrong('baseURL', baseURLAdvice ?? 'give an address');
}

/** Checks the options. Throws one `invalid_options` error that names every problem. It shows no value: one of them is a key. */
export function openaiSettings(options: OpenAIOptions): Settings {
  const given = parseOptions('openai()', schema, options);
  const preset = given.preset === undefined ? undefined : presetOf(given.preset);
  const common = commonSettings(given, vendorOf(preset));
  const isOpenAI = isOpenAIAddress(common.baseURL);
  return {
    ...common,
    // A preset names the service, whose prices hold then.
    ...(preset !== undefined && { server: undefined }),
    isOpenAI,
    api: given.api ?? 'chat',
    organization: given.organization,
    project: given.project,
    maxTokensField:
      given.maxTokensField ?? preset?.maxTokensField ?? (isOpenAI ? 'max_completion_tokens' : 'max_tokens'),
    includeUsage: given.includeUsage ?? preset?.includeUsage ?? true,
    reasoningField: given.reasoningField,
    thinkTags: given.thinkTags,
    encryptedReasoning: given.encryptedReasoning,
    preset,
    output: given.output,
  };
}

function isOpenAIAddress(baseURL: string | undefined): boolean {
  if (baseURL === undefined || !URL.canParse(baseURL)) return true;
  const { hostname } = new URL(baseURL);
  return /(?:^|\.)(?:openai\.com|openai\.azure\.com|services\.ai\.azure\.com)$/.test(hostname);
}
