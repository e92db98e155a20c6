import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { DEFAULT_MODEL, openai } from '../../../providers/openai/index.ts';
import type { OpenAIClient } from '../../../providers/openai/index.ts';
import { parseOptions } from '../../../providers/openai/options.ts';
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

  it('are refused all at once, each with its name, its kind and the mend', () => {
    const bad: object = {
      model: 3,
      apiKey: '',
      baseURL: 'ftp://x',
      api: 'speech',
      stream: 'yes',
      modle: 'x',
      limits: { maxToolCalls: 0 },
    };
    const { code, message } = failure(() => openai(bad));
    expect(code).toBe('invalid_options');
    expect(message).toContain('model is of kind number: give the name of a model');
    expect(message).toContain('apiKey is an empty string: give the key');
    expect(message).toContain('baseURL is of kind string: give an http or https address');
    expect(message).toContain('api is of kind string: give "chat" or "responses"');
    expect(message).toContain('stream is of kind string: give true or false');
    expect(message).toContain('limits.maxToolCalls is of kind number: give positive whole numbers');
    expect(message).toContain('modle is not an option');
  });

  it.each([0, 'yes', null])('refuse thinkTags that is neither true, false nor "open" (%j)', (thinkTags) => {
    // @ts-expect-error -- as plain JavaScript may
    expect(() => openai({ apiKey: 'k', thinkTags })).toThrow('give true, false or "open"');
  });

  it('need a key for OpenAI itself, and say where it may come from', () => {
    expect(failure(() => openai())).toEqual({
      code: 'invalid_options',
      message: 'openai(): apiKey is missing: give it, or set OPENAI_API_KEY in the environment.',
    });
  });

  it('need no key for another server', () => {
    expect(openai({ baseURL: 'http://127.0.0.1:1/v1' }).name).toBe('openai');
  });

  it('take the key from the environment', () => {
    vi.stubEnv('OPENAI_API_KEY', ' from-env ');
    expect(parseOptions({}).apiKey).toBe('from-env');
  });

  it('S12 an empty base URL is refused, it would mean another host', () => {
    expect(failure(() => openai({ apiKey: 'k', baseURL: '' })).message).toContain(
      'baseURL is an empty string',
    );
  });

  it.each(['canary\nx', 'canary\r', ' canary', 'canary\u0000', 'canary\u{1f600}'])(
    'S13 a key that cannot be a header is refused without being told (%j)',
    (apiKey) => {
      const { code, message } = failure(() => openai({ apiKey }));
      expect(code).toBe('invalid_options');
      expect(message).toContain('apiKey is of kind string: give the key as one line');
      expect(message).not.toContain('canary');
    },
  );

  it('S13 headers that cannot be sent are refused without being told', () => {
    const { message } = failure(() => openai({ apiKey: 'k', headers: { 'x-a': 'canary\nb', 'x y': 'z' } }));
    expect(message).toContain('headers.x-a is of kind string');
    expect(message).not.toContain('canary');
  });

  it('S13 a broken key in the environment is refused without being told', () => {
    vi.stubEnv('OPENAI_API_KEY', 'canary\nx');
    const { message } = failure(() => openai());
    expect(message).toContain('OPENAI_API_KEY in the environment cannot be a header');
    expect(message).not.toContain('canary');
  });

  it('refuse what stands beside a ready client', () => {
    const { message } = failure(() => openai({ client: fakeClient(), apiKey: 'k', baseURL: 'http://h/v1' }));
    expect(message).toContain('apiKey stands beside client');
    expect(message).toContain('baseURL stands beside client');
  });

  it('close a ready client only where it is owned', async () => {
    const [kept, owned] = [fakeClient(), fakeClient()];
    await openai({ client: kept }).close?.();
    await openai({ client: owned, own: true }).close?.();
    expect([kept.closed, owned.closed]).toEqual([0, 1]);
  });

  it('choose the field for the most tokens by the host', () => {
    const fieldOf = (baseURL?: string): string => parseOptions({ apiKey: 'k', baseURL }).maxTokensField;
    expect(fieldOf()).toBe('max_completion_tokens');
    expect(fieldOf('https://me.openai.azure.com/openai/v1')).toBe('max_completion_tokens');
    expect(fieldOf('http://127.0.0.1:11434/v1')).toBe('max_tokens');
    expect(fieldOf('https://notopenai.com/v1')).toBe('max_tokens');
  });
});
