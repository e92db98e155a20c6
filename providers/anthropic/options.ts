import * as z from 'zod';

import { parseOptions } from '../../src/kit/index.ts';
import {
  environmentValue,
  isHeaderLine,
  isHeaderName,
  isHeaderValue,
  isHttpUrl,
  limitsSchema,
  type Limits,
} from '../wire/index.ts';
import type { AnthropicClient } from './client.ts';
import { MIN_BUDGET_TOKENS } from './request/thinking.ts';

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
  /** Undefined if a client that was passed in does not tell it. */
  baseURL: string | undefined;
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

const flag = z.boolean('true or false');
const filled = z.string('a name').refine((value) => value.trim() !== '', 'a name that is not empty');
const line = z.string('a string').refine(isHeaderLine, 'one line without spaces around it, fit for a header');
const tokens = (least: number): z.ZodInt =>
  z.int(`a whole number from ${least}`).min(least, `a whole number from ${least}`);

const schema = z
  .strictObject({
    model: filled.optional(),
    apiKey: line.optional(),
    baseURL: z
      .string('an address')
      .refine(isHttpUrl, 'an http or https address; leave it out for https://api.anthropic.com')
      .optional(),
    thinking: z.strictObject({ budgetTokens: tokens(MIN_BUDGET_TOKENS) }).optional(),
    maxTokens: tokens(1).optional(),
    headers: z
      .record(
        z.string().refine(isHeaderName, 'the name of a header'),
        z.string('a string').refine(isHeaderValue, 'one line, fit for a header'),
      )
      .optional(),
    betas: z.array(line).optional(),
    client: z.custom<AnthropicClient>(isClient, 'a client of @anthropic-ai/sdk or of its sisters').optional(),
    own: flag.optional(),
    fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === 'function', 'a function').optional(),
    dispatcher: z.unknown().optional(),
    stream: flag.optional(),
    limits: limitsSchema.prefault({}),
    strict: flag.optional(),
    name: filled.optional(),
  })
  .superRefine(checkTogether);

/** What a ready client brings along itself. */
const CLIENT_OWN = ['apiKey', 'baseURL', 'fetch', 'dispatcher'] as const;

function checkTogether(given: Omit<AnthropicOptions, 'limits'>, context: z.RefinementCtx): void {
  const { client, own, fetch, dispatcher, thinking, maxTokens } = given;
  const wrong = (field: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (client !== undefined) {
    for (const field of CLIENT_OWN) {
      if (given[field] !== undefined) wrong(field, 'client has its own, leave one of the two out');
    }
  } else {
    if (own === true) wrong('own', 'there is no client that it is about, give one or leave it out');
    const key = apiKeyOf(given);
    if (key === undefined && isAnthropic(given.baseURL ?? DEFAULT_BASE_URL)) {
      wrong('apiKey', 'a key, here or as ANTHROPIC_API_KEY in the environment');
    } else if (key !== undefined && !isHeaderLine(key)) {
      wrong('apiKey', 'ANTHROPIC_API_KEY in the environment is not fit for a header, set it as one line');
    }
    if (fetch !== undefined && dispatcher !== undefined) {
      wrong('dispatcher', 'fetch would not use it, leave one of the two out');
    }
  }
  if (maxTokens !== undefined && thinking !== undefined && maxTokens <= thinking.budgetTokens) {
    wrong('maxTokens', 'more than thinking.budgetTokens, which it includes');
  }
}

/** Checks the options. Throws one `invalid_options` that names every problem, and no value: one of them is a key. */
export function anthropicSettings(options: AnthropicOptions): Settings {
  const given = parseOptions('anthropic()', schema, options);
  return {
    model: given.model ?? DEFAULT_MODEL,
    apiKey: given.client === undefined ? apiKeyOf(given) : undefined,
    baseURL: given.client === undefined ? (given.baseURL ?? DEFAULT_BASE_URL) : given.client.baseURL,
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

/** Whether an address is Anthropic's own, where nothing works without a key. */
export function isAnthropic(baseURL: string): boolean {
  return /(?:^|\.)anthropic\.com$/.test(new URL(baseURL).hostname);
}

function apiKeyOf({ apiKey }: Pick<AnthropicOptions, 'apiKey'>): string | undefined {
  return apiKey ?? environmentValue('ANTHROPIC_API_KEY');
}

function isClient(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'messages' in value;
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
