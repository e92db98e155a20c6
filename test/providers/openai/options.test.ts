import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { DEFAULT_MODEL, openai } from '../../../providers/openai/index.ts';
import type { OpenAIClient } from '../../../providers/openai/index.ts';
import { openaiSettings } from '../../../providers/openai/options.ts';
import { isSluiceError } from '../../../src/index.ts';

function failure(make: () => unknown): { code: string; message: string } {
  try {
    make();
  } catch (error) {
    if (isSluiceError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it did not fail');
}

function fakeClient(): OpenAIClient & { closed: number } {
  const endpoint = { create: () => ({ asResponse: () => Promise.resolve(new Response()) }) };
  const client = {
    closed: 0,
    chat: { completions: endpoint },
    responses: endpoint,
    close() {
      client.closed++;
    },
  };
  return client;
}

beforeEach(() => {
  vi.stubEnv('OPENAI_API_KEY', undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the options of openai()', () => {
  it('name the provider and its model, by default OpenAI and its small model', () => {
    const { name, model } = openai({ apiKey: 'k' });
    expect({ name, model }).toEqual({ name: 'openai', model: DEFAULT_MODEL });
  });

  it('are all checked at once: the error names each wrong field, what it is and what to give', () => {
    const bad: object = {
      model: 3,
      apiKey: '',
      baseURL: 'ftp://x',
      api: 'speech',
      stream: 'yes',
      limits: { maxToolCalls: 0 },
      client: {},
      fetch: 1,
    };
    expect(failure(() => openai(bad))).toEqual({
      code: 'invalid_options',
      message:
        'openai(): model is a number: give the name of a model; ' +
        'apiKey is a string: give the key as one line without spaces around it; ' +
        'baseURL is a string: give an http or https address, or leave it out for https://api.openai.com/v1; ' +
        'client is an object: give an OpenAI or AzureOpenAI client of the openai package; ' +
        'fetch is a number: give a function such as globalThis.fetch; ' +
        'stream is a string: give true or false; ' +
        'limits.maxToolCalls is a number: give a number of at least 1; ' +
        'api is a string: give "chat" or "responses".',
    });
  });

  it('are refused if there is no option of that name', () => {
    const bad: object = { apiKey: 'k', modle: 'x' };
    expect(failure(() => openai(bad)).message).toContain('openai(): modle is not an option');
  });

  it.each([0, 'yes', null])('refuse a thinkTags that is neither true, false nor "open" (%j)', (thinkTags) => {
    // @ts-expect-error -- plain JavaScript may pass it
    expect(() => openai({ apiKey: 'k', thinkTags })).toThrow(
      /^openai\(\): thinkTags is [\w ]+: give true, false or "open"\.$/,
    );
  });

  it('need a key for OpenAI itself, and say where to put it', () => {
    expect(failure(() => openai())).toEqual({
      code: 'invalid_options',
      message: 'openai(): apiKey is undefined: give the key, or set OPENAI_API_KEY in the environment.',
    });
  });

  it('need no key for another server', () => {
    expect(openai({ baseURL: 'http://127.0.0.1:1/v1' }).name).toBe('openai');
  });

  it('take the key from the environment', () => {
    vi.stubEnv('OPENAI_API_KEY', ' from-env ');
    expect(openaiSettings({}).apiKey).toBe('from-env');
  });

  it('S12 an empty base URL is refused: it would mean another host', () => {
    expect(failure(() => openai({ apiKey: 'k', baseURL: '' })).message).toBe(
      'openai(): baseURL is a string: give an http or https address, or leave it out for https://api.openai.com/v1.',
    );
  });

  it.each(['canary\nx', 'canary\r', ' canary', 'canary\u0000', 'canary\u{1f600}'])(
    'S13 a key that cannot be sent in a header is refused, and the error does not show it (%j)',
    (apiKey) => {
      const { code, message } = failure(() => openai({ apiKey }));
      expect(code).toBe('invalid_options');
      expect(message).toBe(
        'openai(): apiKey is a string: give the key as one line without spaces around it.',
      );
    },
  );

  it('S13 headers that cannot be sent are refused, and the error does not show them', () => {
    const { message } = failure(() => openai({ apiKey: 'k', headers: { 'x-a': 'canary\nb', 'x y': 'z' } }));
    expect(message).toBe(
      'openai(): headers.x-a is a string: give a value of one line; headers.x y is a string: give a name that HTTP allows.',
    );
  });

  it('S13 a broken key in the environment is refused, and the error does not show it', () => {
    vi.stubEnv('OPENAI_API_KEY', 'canary\nx');
    const { message } = failure(() => openai());
    expect(message).toBe(
      'openai(): apiKey is undefined: OPENAI_API_KEY in the environment cannot be sent in a header, set it to one line.',
    );
  });

  it('refuse a dispatcher that fetch would not use', () => {
    const { message } = failure(() => openai({ apiKey: 'k', fetch, dispatcher: {} }));
    expect(message).toBe(
      'openai(): dispatcher is an object: fetch would not use it, leave one of the two out.',
    );
  });

  it('refuse settings of HTTP/2 that are wrong, or that would not be used', () => {
    const messages = [
      failure(() => openai({ apiKey: 'k', http2: { streamsPerConnection: 0, maxConnectionAgeMs: 999 } })),
      failure(() => openai({ apiKey: 'k', fetch, http2: {} })),
      failure(() => openai({ apiKey: 'k', dispatcher: {}, http2: false })),
      failure(() => openai({ client: fakeClient(), http2: true })),
    ].map(({ message }) => message);
    expect(messages).toEqual([
      'openai(): http2.streamsPerConnection is a number: give a number of at least 1; ' +
        'http2.maxConnectionAgeMs is a number: give a number of at least 1000.',
      'openai(): http2 is an object: fetch would not use it, leave one of the two out.',
      'openai(): http2 is a boolean: dispatcher would not use it, leave one of the two out.',
      'openai(): http2 is a boolean: client has its own http2, leave one of the two out.',
    ]);
    expect(openai({ apiKey: 'k', http2: { streamsPerConnection: 50 } }).name).toBe('openai');
  });

  it('refuse options that a client has itself', () => {
    const { message } = failure(() => openai({ client: fakeClient(), apiKey: 'k', baseURL: 'http://h/v1' }));
    expect(message).toBe(
      'openai(): apiKey is a string: client has its own apiKey, leave one of the two out; ' +
        'baseURL is a string: client has its own baseURL, leave one of the two out.',
    );
  });

  it.each(['chat', 'responses'])('refuse a client that has no %s', (missing) => {
    const client: object = { ...fakeClient(), [missing]: undefined };
    Reflect.deleteProperty(client, missing);
    const { message } = failure(() => Reflect.apply(openai, undefined, [{ client }]));
    expect(message).toMatch(/^openai\(\): client is an object: give an OpenAI or AzureOpenAI client/);
  });

  it('close a client only with own: true', async () => {
    const [kept, owned] = [fakeClient(), fakeClient()];
    await openai({ client: kept }).close?.();
    await openai({ client: owned, own: true }).close?.();
    expect([kept.closed, owned.closed]).toEqual([0, 1]);
  });

  it('choose the field for maxTokens by the host', () => {
    const fieldOf = (baseURL?: string): string => openaiSettings({ apiKey: 'k', baseURL }).maxTokensField;
    expect(fieldOf()).toBe('max_completion_tokens');
    expect(fieldOf('https://me.openai.azure.com/openai/v1')).toBe('max_completion_tokens');
    expect(fieldOf('http://127.0.0.1:11434/v1')).toBe('max_tokens');
    expect(fieldOf('https://notopenai.com/v1')).toBe('max_tokens');
  });
});
