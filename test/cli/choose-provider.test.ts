import { describe, expect, it } from 'vitest';

import { chooseProvider, defaultModels, type ProviderWishes } from '../../cli/chat/choose-provider.ts';
import { UsageError } from '../../cli/usage-error.ts';
import { DEFAULT_MODEL as anthropicModel } from '../../providers/anthropic/index.ts';
import { demo } from '../../providers/demo/index.ts';
import { DEFAULT_MODEL as openaiModel } from '../../providers/openai/index.ts';

const OPENAI = { OPENAI_API_KEY: 'sk-openai' };
const ANTHROPIC = { ANTHROPIC_API_KEY: 'sk-ant' };
const BOTH = { ...OPENAI, ...ANTHROPIC };

function chosen(environment: Record<string, string>, wishes: ProviderWishes = {}): string {
  return chooseProvider(wishes, environment).name;
}

describe('chooseProvider', () => {
  it('takes the demo without a key, the provider of a single key, and Anthropic if both keys are set', () => {
    expect([chosen({}), chosen(OPENAI), chosen(ANTHROPIC), chosen(BOTH)]).toEqual([
      'demo',
      'openai',
      'anthropic',
      'anthropic',
    ]);
  });

  it('refuses an address that is not one of HTTP, also beside a preset', () => {
    for (const wishes of [{}, { preset: 'ollama', model: 'm' }] as const)
      expect(() => chooseProvider({ ...wishes, baseUrl: 'localhost' }, {})).toThrow(
        '--base-url is not an http or https URL: give one such as http://127.0.0.1:11434/v1.',
      );
  });

  it('follows LLM_PROVIDER if both keys are set, in upper or lower case', () => {
    expect(chosen({ ...BOTH, LLM_PROVIDER: 'openai' })).toBe('openai');
    expect(chosen({ ...BOTH, LLM_PROVIDER: ' OpenAI ' })).toBe('openai');
    expect(chosen({ ...BOTH, LLM_PROVIDER: 'demo' })).toBe('demo');
    expect(chosen({ ...BOTH, LLM_PROVIDER: '' })).toBe('anthropic');
  });

  it('takes the provider whose key is set, with a note, if LLM_PROVIDER names the other one', () => {
    expect(chooseProvider({}, { ...ANTHROPIC, LLM_PROVIDER: 'openai' })).toMatchObject({
      name: 'anthropic',
      note: 'LLM_PROVIDER is openai, but OPENAI_API_KEY is not set.',
    });
    expect(chooseProvider({}, { LLM_PROVIDER: 'openai' })).toMatchObject({ name: 'demo' });
  });

  it('prefers --provider to LLM_PROVIDER and the keys', () => {
    expect(chosen({ ...BOTH, LLM_PROVIDER: 'anthropic' }, { provider: 'openai' })).toBe('openai');
    expect(chosen(BOTH, { provider: 'demo' })).toBe('demo');
  });

  it('treats a blank key as missing', () => {
    expect(chosen({ OPENAI_API_KEY: '  ', ANTHROPIC_API_KEY: '' })).toBe('demo');
  });

  it('takes --base-url as a server compatible with OpenAI, which needs no key and does not get the key of Anthropic', () => {
    expect(chooseProvider({ baseUrl: 'http://127.0.0.1:11434/v1' }, ANTHROPIC)).toMatchObject({
      name: 'openai',
      baseURL: 'http://127.0.0.1:11434/v1',
      apiKey: undefined,
    });
  });

  it('takes --base-url with --provider anthropic as a server that speaks the API of Anthropic', () => {
    expect(chosen({}, { provider: 'anthropic', baseUrl: 'http://127.0.0.1:1' })).toBe('anthropic');
  });

  it.each<[string, ProviderWishes, Record<string, string>, string]>([
    ['a provider without its key', { provider: 'openai' }, ANTHROPIC, 'set OPENAI_API_KEY'],
    ['a provider without its key', { provider: 'anthropic' }, {}, 'set ANTHROPIC_API_KEY'],
    ['an unknown LLM_PROVIDER', {}, { ...BOTH, LLM_PROVIDER: 'gemini' }, 'LLM_PROVIDER is "gemini"'],
    ['an unknown LLM_PROVIDER without keys', {}, { LLM_PROVIDER: 'gemini' }, 'LLM_PROVIDER is "gemini"'],
    ['a model for the demo', { model: 'gpt-6' }, {}, '--model gpt-6 needs a provider'],
    ['a server for the demo', { provider: 'demo', baseUrl: 'http://127.0.0.1' }, {}, '--base-url'],
    ['a base URL that is not a URL', { baseUrl: 'localhost' }, {}, '--base-url is not an http'],
    ['an API of OpenAI for Anthropic', { provider: 'anthropic', api: 'chat' }, ANTHROPIC, '--api'],
  ])('refuses %s', (_what, wishes, environment, message) => {
    const choose = (): unknown => chooseProvider(wishes, environment);
    expect(choose).toThrow(UsageError);
    expect(choose).toThrow(message);
  });
});

describe('the default models of the help', () => {
  it('are the same as in the providers', () => {
    expect(defaultModels).toEqual({ openai: openaiModel, anthropic: anthropicModel, demo: demo().model });
  });
});
