import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createOpenAICompatible as createOfV3 } from 'ai-sdk-openai-compatible-2';
import { describe, it } from 'vitest';

import { aisdk } from '../../../interop/aisdk/index.ts';
import { providerCases, providerContract } from '../../../testing/provider/contract.ts';

const unsupported = { reasoning: { budgetTokens: 2_000 } };
/** The packages follow redirects, with the key. This is what docs/models.md says to give them. */
const fetch: typeof globalThis.fetch = (input, init) =>
  globalThis.fetch(input, { ...init, redirect: 'error' });
/** A busy machine is slow. */
const timeoutMs = 60_000;
const runner = { describe, test: it, unsupported, timeoutMs };

// Its package does not read thinking of Chat Completions, because OpenAI sends none there.
const THINKS = 'thinks before it answers, and gets its thinking back word for word';

describe('aisdk() with @ai-sdk/openai over chat completions keeps the contract of a provider', () => {
  const cases = providerCases({
    name: 'chat',
    wire: 'openai-chat',
    make: (endpoint) => aisdk(createOpenAI({ ...endpoint, fetch }).chat('gpt-4.1-mini')),
    unsupported,
    timeoutMs,
  });
  it.each(cases.filter(({ name }) => name !== THINKS))('$name', ({ run }) => run());
});

providerContract({
  ...runner,
  name: 'aisdk() with @ai-sdk/openai over responses',
  wire: 'openai-responses',
  // Otherwise OpenAI keeps the reply, and only its ids go back.
  scenes: { thinking: { parameters: { providerOptions: { openai: { store: false } } } } },
  make: (endpoint) => aisdk(createOpenAI({ ...endpoint, fetch }).responses('gpt-4.1-mini')),
});

providerContract({
  ...runner,
  name: 'aisdk() with @ai-sdk/anthropic',
  wire: 'anthropic-messages',
  make: ({ baseURL, apiKey }) =>
    aisdk(createAnthropic({ baseURL: `${baseURL}/v1`, apiKey, fetch })('claude-haiku-4-5')),
});

providerContract({
  ...runner,
  name: 'aisdk() with @ai-sdk/openai-compatible',
  wire: 'openai-chat',
  make: (endpoint) =>
    aisdk(createOpenAICompatible({ ...endpoint, fetch, name: 'local', includeUsage: true })('llama')),
});

providerContract({
  ...runner,
  name: 'aisdk() with @ai-sdk/openai-compatible of specification V3',
  wire: 'openai-chat',
  make: (endpoint) => aisdk(createOfV3({ ...endpoint, fetch, name: 'local', includeUsage: true })('llama')),
});
