import { Anthropic } from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { anthropic, DEFAULT_MODEL, type AnthropicOptions } from '../../../providers/anthropic/index.ts';
import { isSluiceError } from '../../../src/index.ts';

beforeEach(() => vi.stubEnv('ANTHROPIC_API_KEY', undefined));
afterEach(() => vi.unstubAllEnvs());

/** The message of the error that these options are refused with. */
function refused(options: object): string {
  try {
    anthropic(options);
  } catch (error) {
    if (isSluiceError(error) && error.code === 'invalid_options') return error.message;
    throw error;
  }
  throw new Error('the options were taken');
}

describe('the options of anthropic()', () => {
  it('need nothing but a key, from the environment or given', () => {
    expect(refused({})).toBe(
      'anthropic(): apiKey is undefined: a key, here or as ANTHROPIC_API_KEY in the environment.',
    );
    vi.stubEnv('ANTHROPIC_API_KEY', 'sk-env');
    expect(anthropic()).toMatchObject({ name: 'anthropic', model: DEFAULT_MODEL });
    expect(anthropic({ apiKey: 'k', model: 'claude-x', name: 'mine' })).toMatchObject({
      name: 'mine',
      model: 'claude-x',
    });
  });

  it('need no key for a host that is not Anthropic', () => {
    expect(anthropic({ baseURL: 'http://127.0.0.1:1' }).name).toBe('anthropic');
    expect(refused({ baseURL: 'https://api.anthropic.com/' })).toContain('apiKey');
  });

  it('are refused all at once, each with its field, its kind and the mend', () => {
    const message = refused({
      model: '',
      apiKey: 7,
      baseURL: '',
      thinking: { budgetTokens: 10 },
      maxTokens: 0,
      headers: { 'a b': 'c', ok: 'x\ny' },
      betas: 'b',
      client: {},
      own: 1,
      fetch: {},
      stream: 'no',
      limits: { maxToolCalls: 0 },
      strict: null,
      temprature: 1,
    });
    const fields = [
      'model is string: a name that is not empty',
      'apiKey is number: a string',
      'baseURL is string: an http or https address',
      'thinking.budgetTokens is number: a whole number from 1024',
      'maxTokens is number: a whole number from 1',
      'betas is string',
      'client is object: a client of',
      'own is number: true or false',
      'fetch is object: a function',
      'stream is string: true or false',
      'limits.maxToolCalls is number',
      'strict is null: true or false',
      'temprature is not an option',
    ];
    expect(fields.filter((field) => !message.includes(field))).toEqual([]);
  });

  it('S12 refuse an address that is empty or not HTTP', () => {
    for (const baseURL of ['', ' ', 'api.anthropic.com', 'file:///etc/passwd', 'javascript:1']) {
      expect(refused({ apiKey: 'k', baseURL })).toContain('baseURL is string: an http or https address');
    }
  });

  it.each(['sk-ca\nnary', 'sk-canary\r\nx: y', ' sk-canary', 'sk-canary\u0000', 'sk-canary\u4e2d', ''])(
    'S13 S1 refuse the key %j without telling it',
    (apiKey) => {
      const message = refused({ apiKey });
      expect(message).toMatch(/^anthropic\(\): apiKey is string: /);
      expect(message).not.toContain('nary');
    },
  );

  it('S13 refuse such a key from the environment, too', () => {
    vi.stubEnv('ANTHROPIC_API_KEY', 'sk-ca\nnary');
    const message = refused({});
    expect(message).toContain('ANTHROPIC_API_KEY in the environment is not fit for a header');
    expect(message).not.toContain('nary');
  });

  it('S13 refuse header values with line breaks', () => {
    expect(refused({ apiKey: 'k', headers: { 'x-a': 'b\r\nc: d' } })).toContain('headers.x-a is string');
  });

  it('refuse what contradicts itself', () => {
    const client = new Anthropic({ apiKey: 'k' });
    const message = refused({ client, apiKey: 'k', baseURL: 'http://127.0.0.1:1', fetch, dispatcher: {} });
    for (const field of ['apiKey', 'baseURL', 'fetch', 'dispatcher']) {
      expect(message).toMatch(new RegExp(`${field} is \\w+: client has its own`));
    }
    expect(refused({ apiKey: 'k', own: true })).toContain('own is boolean: there is no client');
    expect(refused({ apiKey: 'k', fetch, dispatcher: {} })).toContain(
      'dispatcher is object: fetch would not',
    );
    expect(refused({ apiKey: 'k', maxTokens: 2048, thinking: { budgetTokens: 2048 } })).toContain(
      'maxTokens is number: more than thinking.budgetTokens',
    );
  });

  it('take a ready client of the SDK, by its shape', () => {
    const options: AnthropicOptions = { client: new Anthropic({ apiKey: 'k' }), own: true };
    expect(anthropic(options).name).toBe('anthropic');
  });
});
