import { z } from 'zod';

import { SluiceError, kindOf } from '../../src/index.ts';
import { limitsSchema, type Limits } from '../wire/index.ts';
import type { AnthropicClient } from './client.ts';
import { MIN_BUDGET_TOKENS } from './thinking.ts';

/** Where requests go when nothing else is said. */
export const DEFAULT_BASE_URL = 'https://api.anthropic.com';

/**
 * The model asked for when neither the options nor the request name one: what Anthropic recommends to who is not sure.
 * Source: https://platform.claude.com/docs/en/models/overview
 */
export const DEFAULT_MODEL = 'claude-opus-5-5';

/** Options of `anthropic()`. */
export interface AnthropicOptions {
  /** The model where the request names none. Default `claude-opus-5-5`. */
  model?: string | undefined;
  /**
   * Default: the environment's `ANTHROPIC_API_KEY`, sent to whatever host `baseURL` names. Hosts other than Anthropic's may
   * need none.
   */
  apiKey?: string | undefined;
  /** Default `https://api.anthropic.com`. The environment's `ANTHROPIC_BASE_URL` is not read. */
  baseURL?: string | undefined;
  /**
   * Let the model think, for at most this many tokens (1,024 or more) where the model counts them; newer models decide by
   * themselves. A request's `reasoning` wins. Default: what the model does by itself.
   */
  thinking?: { budgetTokens: number } | undefined;
  /** Sent as `max_tokens`, which the API demands, where the request names none. Default 16,384 (4,096 before Claude 3.7). */
  maxTokens?: number | undefined;
  /** Further headers of each request. */
  headers?: Record<string, string> | undefined;
  /** Beta features, sent as `anthropic-beta`; a request adds its own by `providerOptions: { anthropic: { betas } }`. */
  betas?: readonly string[] | undefined;
  /**
   * A ready client of Anthropic's SDK, as for Bedrock or Vertex, in place of key, address and transport. It stays the
   * caller's, its log setting included; it is asked not to retry.
   */
  client?: AnthropicClient | undefined;
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
  /** The provider's name in prices, errors and `providerOptions`, such as `bedrock`. Default `anthropic`. */
  name?: string | undefined;
}

/** The options, checked, with their defaults. */
export interface Settings {
  model: string;
  apiKey: string | undefined;
  baseURL: string;
  budgetTokens: number | undefined;
  maxTokens: number | undefined;
  /** Names are lower-case. */
  headers: Record<string, string>;
  betas: readonly string[];
  client: AnthropicClient | undefined;
  own: boolean;
  fetch: typeof globalThis.fetch | undefined;
  dispatcher: unknown;
  stream: boolean;
  limits: Limits;
  strict: boolean;
  name: string;
}

const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const filled = z.string().refine((value) => value.trim() !== '');
const headerValue = filled.refine((value) => HEADER_VALUE.test(value) && value === value.trim());
const clientShape = z.custom<AnthropicClient>(
  (value) => typeof value === 'object' && value !== null && 'messages' in value,
);
const fetchShape = z.custom<typeof globalThis.fetch>((value) => typeof value === 'function');

const schema = z.strictObject({
  model: filled.optional(),
  apiKey: headerValue.optional(),
  baseURL: z.string().refine(isHttpUrl).optional(),
  thinking: z.strictObject({ budgetTokens: z.number().int().min(MIN_BUDGET_TOKENS) }).optional(),
  maxTokens: z.number().int().positive().optional(),
  headers: z
    .record(
      z.string().refine((name) => HEADER_NAME.test(name)),
      z.string().refine((value) => HEADER_VALUE.test(value)),
    )
    .optional(),
  betas: z.array(headerValue).optional(),
  client: clientShape.optional(),
  own: z.boolean().optional(),
  fetch: fetchShape.optional(),
  dispatcher: z.unknown(),
  stream: z.boolean().optional(),
  limits: limitsSchema.prefault({}),
  strict: z.boolean().optional(),
  name: filled.optional(),
});

/** What to do about each option; the values themselves are never told, one of them is a key. */
const MENDS: Readonly<Record<string, string>> = {
  model: 'give the name of a model',
  apiKey: 'give the key as one line without spaces around it',
  baseURL: 'give an http or https address such as "http://127.0.0.1:8080", or leave it out for Anthropic',
  thinking: `give { budgetTokens } with a whole number from ${MIN_BUDGET_TOKENS}`,
  maxTokens: 'give a positive whole number',
  headers: 'give an object of header names and one-line strings',
  betas: 'give a list of names such as "context-management-2025-06-27"',
  client: 'give a client of @anthropic-ai/sdk, @anthropic-ai/bedrock-sdk or @anthropic-ai/vertex-sdk',
  own: 'give true or false',
  fetch: 'give a function such as globalThis.fetch',
  stream: 'give true or false',
  limits: 'give positive whole numbers for maxEventBytes, maxOutputCharacters, maxToolCalls or maxToolIndex',
  strict: 'give true or false',
  name: 'give a name such as "bedrock"',
};

/** What a ready client brings along itself. */
const CLIENT_OWN = ['apiKey', 'baseURL', 'fetch', 'dispatcher'] as const;

/** Checks the options. Throws one `invalid_options` that names every problem with its mend, and no value. */
export function parseOptions(options: AnthropicOptions): Settings {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw wrong(problemsOf(parsed.error.issues, options));
  const given = parsed.data;
  const problems: string[] = [];
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
  if (given.fetch !== undefined && given.dispatcher !== undefined) {
    problems.push('dispatcher stands beside fetch, which would not use it: leave one of the two out');
  }
  if (given.thinking !== undefined && given.maxTokens !== undefined) {
    if (given.maxTokens <= given.thinking.budgetTokens) {
      problems.push('maxTokens includes thinking: make it larger than thinking.budgetTokens');
    }
  }
  const baseURL = given.baseURL ?? DEFAULT_BASE_URL;
  const apiKey = given.client === undefined ? (given.apiKey ?? environmentKey()) : undefined;
  if (given.client === undefined && apiKey === undefined && isAnthropic(baseURL)) {
    problems.push('apiKey is missing: give it, or set ANTHROPIC_API_KEY in the environment');
  }
  if (apiKey !== undefined && !headerValue.safeParse(apiKey).success) {
    problems.push('ANTHROPIC_API_KEY in the environment cannot be a header: set the key as one line');
  }
  if (problems.length > 0) throw wrong(problems);
  return {
    model: given.model ?? DEFAULT_MODEL,
    apiKey,
    baseURL,
    budgetTokens: given.thinking?.budgetTokens,
    maxTokens: given.maxTokens,
    headers: lowerCase(given.headers ?? {}),
    betas: given.betas ?? [],
    client: given.client,
    own: given.own ?? false,
    fetch: given.fetch,
    dispatcher: given.dispatcher,
    stream: given.stream ?? true,
    limits: given.limits,
    strict: given.strict ?? false,
    name: given.name ?? 'anthropic',
  };
}

function environmentKey(): string | undefined {
  const key = typeof process === 'undefined' ? undefined : process.env['ANTHROPIC_API_KEY']?.trim();
  return key === '' ? undefined : key;
}

/** Whether an address is Anthropic's own, where nothing works without a key. */
export function isAnthropic(baseURL: string): boolean {
  return /(?:^|\.)anthropic\.com$/.test(new URL(baseURL).hostname);
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
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

function describe(value: unknown): string {
  return value === '' ? 'an empty string' : `of kind ${kindOf(value)}`;
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
  return new SluiceError('invalid_options', `anthropic(): ${problems.join('; ')}.`);
}
