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
  it('need nothing but a key, from the options or the environment', () => {
    expect(refused({})).toBe(
      'anthropic(): apiKey is undefined: give the key, or set ANTHROPIC_API_KEY in the environment.',
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
    expect(refused({ baseURL: 'api.anthropic.com' })).toMatch(/^anthropic\(\): baseURL is a string: /);
  });

  it('are all checked at once: the error names each wrong field, what it is and what to give', () => {
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
    });
    expect(message).toBe(
      'anthropic(): model is a string: give the name of a model; ' +
        'apiKey is a number: give the key as one line without spaces around it; ' +
        'baseURL is a string: give an http or https address, or leave it out for https://api.anthropic.com; ' +
        'headers.a b is a string: give a name that HTTP allows; ' +
        'headers.ok is a string: give a value of one line; ' +
        "client is an object: give a client of Anthropic's SDK, such as Anthropic, AnthropicBedrock or AnthropicVertex; " +
        'own is a number: give true or false; ' +
        'fetch is an object: give a function such as globalThis.fetch; ' +
        'stream is a string: give true or false; ' +
        'limits.maxToolCalls is a number: give a number of at least 1; ' +
        'strict is null: give true or false; ' +
        'thinking.budgetTokens is a number: give a number of at least 1024; ' +
        'maxTokens is a number: give a number of at least 1; ' +
        'betas is a string: give an array.',
    );
  });

  it('are refused if there is no option of that name', () => {
    expect(refused({ apiKey: 'k', temprature: 1 })).toContain('anthropic(): temprature is not an option');
  });

  it('S12 an address that is empty or not HTTP is refused', () => {
    for (const baseURL of ['', ' ', 'api.anthropic.com', 'file:///etc/passwd', 'javascript:1']) {
      expect(refused({ apiKey: 'k', baseURL })).toBe(
        'anthropic(): baseURL is a string: give an http or https address, or leave it out for https://api.anthropic.com.',
      );
    }
  });

  it.each(['sk-ca\nnary', 'sk-canary\r\nx: y', ' sk-canary', 'sk-canary\u0000', 'sk-canary\u4e2d', ''])(
    'S13 S1 the key %j is refused, and the error does not show it',
    (apiKey) => {
      const message = refused({ apiKey });
      expect(message).toBe(
        'anthropic(): apiKey is a string: give the key as one line without spaces around it.',
      );
    },
  );

  it('S13 such a key from the environment is refused, too', () => {
    vi.stubEnv('ANTHROPIC_API_KEY', 'sk-ca\nnary');
    const message = refused({});
    expect(message).toBe(
      'anthropic(): apiKey is undefined: ANTHROPIC_API_KEY in the environment cannot be sent in a header, set it to one line.',
    );
  });

  it('S13 header values with line breaks are refused', () => {
    expect(refused({ apiKey: 'k', headers: { 'x-a': 'b\r\nc: d' } })).toBe(
      'anthropic(): headers.x-a is a string: give a value of one line.',
    );
  });

  it('refuse options that contradict each other', () => {
    const client = new Anthropic({ apiKey: 'k' });
    const message = refused({ client, apiKey: 'k', baseURL: 'http://127.0.0.1:1', fetch, dispatcher: {} });
    expect(message).toBe(
      'anthropic(): apiKey is a string: client has its own apiKey, leave one of the two out; ' +
        'baseURL is a string: client has its own baseURL, leave one of the two out; ' +
        'fetch is a function: client has its own fetch, leave one of the two out; ' +
        'dispatcher is an object: client has its own dispatcher, leave one of the two out.',
    );
    expect(refused({ apiKey: 'k', own: true })).toBe(
      'anthropic(): own is a boolean: there is no client to close, give a client or leave own out.',
    );
    expect(refused({ apiKey: 'k', fetch, dispatcher: {} })).toBe(
      'anthropic(): dispatcher is an object: fetch would not use it, leave one of the two out.',
    );
    expect(refused({ apiKey: 'k', fetch, http2: false })).toBe(
      'anthropic(): http2 is a boolean: fetch would not use it, leave one of the two out.',
    );
    expect(refused({ apiKey: 'k', maxTokens: 2048, thinking: { budgetTokens: 2048 } })).toBe(
      'anthropic(): maxTokens is a number: it includes thinking, give more than thinking.budgetTokens.',
    );
  });

  it('take a client of the SDK, known by its shape', () => {
    const options: AnthropicOptions = { client: new Anthropic({ apiKey: 'k' }), own: true };
    expect(anthropic(options).name).toBe('anthropic');
  });
});
