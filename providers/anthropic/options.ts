import * as z from 'zod';

import { parseOptions } from '../../src/kit/index.ts';
import { checkCommonOptions, commonFields, commonSettings, headerLine } from '../wire/index.ts';
import type { CommonOptions, CommonSettings, Vendor } from '../wire/index.ts';
import type { AnthropicClient } from './client.ts';
import { MIN_BUDGET_TOKENS } from './request/thinking.ts';

/** The address of Anthropic's API, without a path. */
export const DEFAULT_BASE_URL = 'https://api.anthropic.com';

/**
 * The model to ask if neither the options nor the request name one. Anthropic recommends it to those who are not sure.
 * Source: https://platform.claude.com/docs/en/models/overview
 */
export const DEFAULT_MODEL = 'claude-opus-5-5';

/** Options of `anthropic()`. */
export interface AnthropicOptions extends CommonOptions<AnthropicClient> {
  /**
   * Lets the model think, for at most this many tokens (1,024 or more) if the model counts them. Newer models decide for themselves.
   * The `reasoning` of a request takes precedence. Default: what the model does by itself.
   */
  thinking?: { budgetTokens: number } | undefined;
  /** Sent as `max_tokens`, which the API requires, if the request has none. Default: 16,384 (4,096 before Claude 3.7). */
  maxTokens?: number | undefined;
  /** Beta features, sent as `anthropic-beta`. A request adds its own with `providerOptions: { anthropic: { betas } }`. */
  betas?: readonly string[] | undefined;
}

/** The options after the check, with their defaults. The names of `headers` are lower-case. */
export interface Settings extends CommonSettings<AnthropicClient> {
  budgetTokens: number | undefined;
  maxTokens: number | undefined;
  betas: readonly string[];
}

const ANTHROPIC: Vendor = {
  name: 'anthropic',
  model: DEFAULT_MODEL,
  baseURL: DEFAULT_BASE_URL,
  keyVariable: 'ANTHROPIC_API_KEY',
  needsKey: isAnthropic,
  clientProperties: ['messages'],
  clientAdvice: "give a client of Anthropic's SDK, such as Anthropic, AnthropicBedrock or AnthropicVertex",
  clientOwns: ['apiKey', 'baseURL', 'fetch', 'dispatcher', 'http2'],
};

const schema = z
  .strictObject({
    ...commonFields<AnthropicClient>(ANTHROPIC),
    thinking: z.strictObject({ budgetTokens: z.int().min(MIN_BUDGET_TOKENS) }).optional(),
    maxTokens: z.int().min(1).optional(),
    betas: z.array(headerLine('give a name of one line')).optional(),
  })
  .superRefine((given, context) => {
    checkCommonOptions(given, ANTHROPIC, context);
    const { thinking, maxTokens } = given;
    if (maxTokens !== undefined && thinking !== undefined && maxTokens <= thinking.budgetTokens) {
      const message = 'it includes thinking, give more than thinking.budgetTokens';
      context.addIssue({ code: 'custom', path: ['maxTokens'], message });
    }
  });

/** Checks the options. Throws one `invalid_options` error that names every problem. It shows no value: one of them is a key. */
export function anthropicSettings(options: AnthropicOptions): Settings {
  const given = parseOptions('anthropic()', schema, options);
  const common = commonSettings(given, ANTHROPIC);
  return {
    ...common,
    headers: lowerCase(common.headers),
    budgetTokens: given.thinking?.budgetTokens,
    maxTokens: given.maxTokens,
    betas: given.betas ?? [],
  };
}

/** Whether an address is Anthropic's own, which requires a key. */
export function isAnthropic(baseURL: string): boolean {
  return URL.canParse(baseURL) && /(?:^|\.)anthropic\.com$/.test(new URL(baseURL).hostname);
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
