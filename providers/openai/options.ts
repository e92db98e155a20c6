import * as z from 'zod';

import { SluiceError } from '../../src/index.ts';
import {
  environmentValue,
  isHeaderLine,
  isHeaderName,
  isHeaderValue,
  isHttpUrl,
  limitsSchema,
} from '../wire/index.ts';
import type { Limits } from '../wire/index.ts';
import type { OpenAIClient } from './client.ts';

/** Where requests go when nothing else is said. */
const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

/** The model asked for when neither the options nor the request name one: OpenAI's small one of the current family. */
export const DEFAULT_MODEL = 'gpt-6-luna';

/** Options of `openai()`. */
export interface OpenAIOptions {
  /** The model where the request names none. Default `gpt-6-luna`. */
  model?: string | undefined;
  /** Default: the environment's `OPENAI_API_KEY`, sent to whatever host `baseURL` names. Hosts other than OpenAI's may need none. */
  apiKey?: string | undefined;
  /** Default `https://api.openai.com/v1`. The environment's `OPENAI_BASE_URL` is not read. */
  baseURL?: string | undefined;
  /** Which of OpenAI's two wires. Default `chat`, which all compatible servers speak. */
  api?: 'chat' | 'responses' | undefined;
  /** Sent as `OpenAI-Organization`. */
  organization?: string | undefined;
  /** Sent as `OpenAI-Project`. */
  project?: string | undefined;
  /** Further headers of each request. */
  headers?: Record<string, string> | undefined;
  /**
   * A ready client of the `openai` package, as for Azure, in place of key, address, headers and transport. It stays the
   * caller's, its log setting included; it is asked not to retry.
   */
  client?: OpenAIClient | undefined;
  /** Close `client` with the provider. Default false. */
  own?: boolean | undefined;
  /** In place of the built-in transport. */
  fetch?: typeof globalThis.fetch | undefined;
  /** An undici dispatcher, as a `ProxyAgent`, for the built-in transport. It stays the caller's. */
  dispatcher?: unknown;
  /** Whether the endpoint can stream. With false, its one answer comes as one batch. Default true. */
  stream?: boolean | undefined;
  /** Caps on what one call may take up. */
  limits?: Partial<Limits> | undefined;
  /** What cannot be honoured is an error before anything is sent, not a warning. Default false; a request may say it, too. */
  strict?: boolean | undefined;
  /** The provider's name in prices, errors and `providerOptions`, such as `groq`. Default `openai`. */
  name?: string | undefined;
  /** The field for `maxTokens` (chat). Default `max_completion_tokens` for OpenAI and Azure, `max_tokens` for other hosts. */
  maxTokensField?: 'max_completion_tokens' | 'max_tokens' | undefined;
  /** Ask for usage at the end of a stream (chat). Turn it off for servers that refuse the field. Default true. */
  includeUsage?: boolean | undefined;
  /**
   * The field in which the server wants the model's earlier thinking back (chat); `none`: it does not want it. Default:
   * `reasoning_content` in turns with tool calls for DeepSeek, Kimi, MiMo and GLM, known by host or model; else `none`.
   */
  reasoningField?: 'reasoning_content' | 'reasoning' | 'none' | undefined;
  /**
   * Read thinking that the server leaves in the text, in `<think>` tags at its start (chat). `'open'`: the prompt's template has the
   * opening tag already, so that the reply begins with thinking and only `</think>` ends it. Default: true for servers that are
   * known to do it (Ollama, LM Studio, llama.cpp, vLLM and SGLang by `name`, ports 11434 and 1234, Together, Fireworks, Groq,
   * Perplexity, MiniMax, DeepInfra, SambaNova, Cerebras, NVIDIA, Hugging Face) and for models that are (DeepSeek R1, QwQ,
   * Qwen 3, Magistral, ...) on any server.
   */
  thinkTags?: boolean | 'open' | undefined;
  /**
   * Ask for encrypted reasoning, so that it can go back on the next turn though nothing is stored (responses). Default: for
   * models whose name says that they reason; others refuse it.
   */
  encryptedReasoning?: boolean | undefined;
}

/** The options, checked, with their defaults. */
export interface Settings {
  model: string;
  apiKey: string | undefined;
  /** Undefined if a client that was passed in does not tell it. */
  baseURL: string | undefined;
  /** The address is OpenAI's own or Azure's. A client that does not tell its address counts as one. */
  isOpenAI: boolean;
  api: 'chat' | 'responses';
  organization: string | undefined;
  project: string | undefined;
  headers: Record<string, string>;
  client: OpenAIClient | undefined;
  own: boolean;
  fetch: typeof globalThis.fetch | undefined;
  dispatcher: unknown;
  stream: boolean;
  limits: Limits;
  strict: boolean;
  name: string;
  maxTokensField: 'max_completion_tokens' | 'max_tokens';
  includeUsage: boolean;
  reasoningField: 'reasoning_content' | 'reasoning' | 'none' | undefined;
  thinkTags: boolean | 'open' | undefined;
  encryptedReasoning: boolean | undefined;
}

const filled = z.string().refine((value) => value.trim() !== '');
const headerValue = z.string().refine(isHeaderLine);
const clientShape = z.custom<OpenAIClient>(
  (value) => typeof value === 'object' && value !== null && 'chat' in value && 'responses' in value,
);
const fetchShape = z.custom<typeof globalThis.fetch>((value) => typeof value === 'function');

const schema = z.strictObject({
  model: filled.optional(),
  apiKey: headerValue.optional(),
  baseURL: z.string().refine(isHttpUrl).optional(),
  api: z.enum(['chat', 'responses']).optional(),
  organization: headerValue.optional(),
  project: headerValue.optional(),
  headers: z.record(z.string().refine(isHeaderName), z.string().refine(isHeaderValue)).optional(),
  client: clientShape.optional(),
  own: z.boolean().optional(),
  fetch: fetchShape.optional(),
  dispatcher: z.unknown().optional(),
  stream: z.boolean().optional(),
  limits: limitsSchema.prefault({}),
  strict: z.boolean().optional(),
  name: filled.optional(),
  maxTokensField: z.enum(['max_completion_tokens', 'max_tokens']).optional(),
  includeUsage: z.boolean().optional(),
  reasoningField: z.enum(['reasoning_content', 'reasoning', 'none']).optional(),
  thinkTags: z.union([z.boolean(), z.literal('open')]).optional(),
  encryptedReasoning: z.boolean().optional(),
});

/** What to do about each option; the values themselves are never told, one of them is a key. */
const MENDS: Readonly<Record<string, string>> = {
  model: 'give the name of a model',
  apiKey: 'give the key as one line without spaces around it',
  baseURL: 'give an http or https address such as "http://127.0.0.1:11434/v1", or leave it out for OpenAI',
  api: 'give "chat" or "responses"',
  organization: 'give the id as one line',
  project: 'give the id as one line',
  headers: 'give an object of header names and one-line strings',
  client: 'give an OpenAI or AzureOpenAI client of the openai package',
  own: 'give true or false',
  fetch: 'give a function such as globalThis.fetch',
  stream: 'give true or false',
  limits:
    'give positive whole numbers for maxEventCharacters, maxOutputCharacters, maxArgumentsCharacters, maxToolCalls or maxToolIndex',
  strict: 'give true or false',
  name: 'give a name such as "groq"',
  maxTokensField: 'give "max_completion_tokens" or "max_tokens"',
  includeUsage: 'give true or false',
  reasoningField: 'give "reasoning_content", "reasoning" or "none"',
  thinkTags: 'give true, false or "open"',
  encryptedReasoning: 'give true or false',
};

/** What a ready client brings along itself. */
const CLIENT_OWN = [
  'apiKey',
  'baseURL',
  'organization',
  'project',
  'headers',
  'fetch',
  'dispatcher',
] as const;

/** Checks the options. Throws one `invalid_options` that names every problem with its mend, and no value. */
export function parseOptions(options: OpenAIOptions): Settings {
  const parsed = schema.safeParse(options);
  const problems = parsed.success ? [] : problemsOf(parsed.error.issues, options);
  if (!parsed.success) throw wrong(problems);
  const given = parsed.data;
  if (given.client !== undefined) {
    for (const key of CLIENT_OWN) {
      if (given[key] !== undefined) {
        problems.push(`${key} stands beside client, which has its own: leave one of the two out`);
      }
    }
  }
  if (given.own === true && given.client === undefined) {
    problems.push('own is true without a client: give the client that it is about, or leave it out');
  }
  const baseURL = given.client === undefined ? (given.baseURL ?? DEFAULT_BASE_URL) : given.client.baseURL;
  const isOpenAI = isOpenAIAddress(baseURL);
  const apiKey =
    given.client === undefined ? (given.apiKey ?? environmentValue('OPENAI_API_KEY')) : undefined;
  if (given.client === undefined && apiKey === undefined && isOpenAI) {
    problems.push('apiKey is missing: give it, or set OPENAI_API_KEY in the environment');
  }
  if (apiKey !== undefined && !headerValue.safeParse(apiKey).success) {
    problems.push('OPENAI_API_KEY in the environment cannot be a header: set the key as one line');
  }
  if (problems.length > 0) throw wrong(problems);
  return {
    model: given.model ?? DEFAULT_MODEL,
    apiKey,
    baseURL,
    isOpenAI,
    api: given.api ?? 'chat',
    organization: given.organization,
    project: given.project,
    headers: given.headers ?? {},
    client: given.client,
    own: given.own ?? false,
    fetch: given.fetch,
    dispatcher: given.dispatcher,
    stream: given.stream ?? true,
    limits: given.limits,
    strict: given.strict ?? false,
    name: given.name ?? 'openai',
    maxTokensField: given.maxTokensField ?? (isOpenAI ? 'max_completion_tokens' : 'max_tokens'),
    includeUsage: given.includeUsage ?? true,
    reasoningField: given.reasoningField,
    thinkTags: given.thinkTags,
    encryptedReasoning: given.encryptedReasoning,
  };
}

function isOpenAIAddress(baseURL: string | undefined): boolean {
  if (baseURL === undefined || !URL.canParse(baseURL)) return true;
  const { hostname } = new URL(baseURL);
  return /(?:^|\.)(?:openai\.com|openai\.azure\.com|services\.ai\.azure\.com)$/.test(hostname);
}

function problemsOf(issues: readonly z.core.$ZodIssue[], options: unknown): string[] {
  const problems = new Set<string>();
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        problems.add(`${[...issue.path, key].join('.')} is not an option: take it out or mend its name`);
      }
      continue;
    }
    const field = String(issue.path[0] ?? 'options');
    const kind = describe(valueAt(options, issue.path));
    problems.add(`${issue.path.join('.') || 'options'} is ${kind}: ${MENDS[field] ?? 'give an object'}`);
  }
  return [...problems];
}

/** The kind of a value, never the value. */
function describe(value: unknown): string {
  if (value === '') return 'an empty string';
  if (value === null) return 'of kind null';
  return `of kind ${Array.isArray(value) ? 'array' : typeof value}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let inner = value;
  for (const key of path) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined;
    inner = Reflect.get(inner, key);
  }
  return inner;
}

function wrong(problems: readonly string[]): SluiceError {
  return new SluiceError('invalid_options', `openai(): ${problems.join('; ')}.`);
}
