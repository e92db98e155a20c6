import { openai, PRESETS, presetNames } from 'sluice/providers/openai';
import type { OpenAIOptions, Preset, PresetName } from 'sluice/providers/openai';
import { Pipeline, isSluiceError } from 'sluice';
import type { ExecutionOptions, Message } from 'sluice';
import { provider } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { chatStream, faultServer } from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const KEY = 'key-of-the-environment';
const AZURE = 'https://acme.openai.azure.com/openai/v1';
const rows = presetNames.map((name): { name: PresetName; preset: Preset } => ({
  name,
  preset: PRESETS[name],
}));

beforeEach(() => {
  for (const { preset } of rows)
    if (preset.keyVariable !== undefined) vi.stubEnv(preset.keyVariable, undefined);
  vi.stubEnv('OPENAI_API_KEY', 'key-of-openai');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Sends every request to the server, over a socket, and notes where it was meant to go. */
function forwarding(server: FaultServer): { fetch: typeof globalThis.fetch; addresses: string[] } {
  const addresses: string[] = [];
  return {
    addresses,
    fetch(input, init) {
      const url = new URL(input instanceof Request ? input.url : input);
      addresses.push(url.href);
      return globalThis.fetch(`${server.url}${url.pathname}`, init);
    },
  };
}

/** The request and the result of one execution with a preset. */
async function asked(
  name: PresetName,
  given: ExecutionOptions & { messages?: Message[] } = {},
  more: OpenAIOptions = {},
) {
  await using server = await faultServer({ always: { stream: chatStream({ text: 'Hi' }) } });
  const { fetch, addresses } = forwarding(server);
  const own = PRESETS[name].name === 'azure' ? { baseURL: AZURE } : {};
  await using pipeline = new Pipeline(
    [provider(openai({ preset: name, model: 'm', fetch, ...own, ...more }))],
    { own: true },
  );
  const { messages = [{ role: 'user', content: 'Hi' }], ...options } = given;
  const result = await pipeline.execute(messages, options);
  const [request] = server.requests;
  return {
    address: addresses[0],
    headers: request?.headers,
    body: request?.body as Record<string, unknown>,
    result,
  };
}

describe.each(rows)('the preset $name', ({ name, preset }) => {
  test('goes to its address under its name, with the key of its own variable', async () => {
    if (preset.keyVariable !== undefined) vi.stubEnv(preset.keyVariable, KEY);
    const { address, headers, result } = await asked(name);
    expect(address).toBe(`${preset.baseURL ?? AZURE}/chat/completions`);
    expect(headers?.authorization).toBe(preset.keyVariable === undefined ? undefined : `Bearer ${KEY}`);
    expect([result.provider, result.response.content]).toEqual([preset.name, 'Hi']);
  });

  test('never gets the key of OpenAI, and says which key is missing', async () => {
    const own = name === 'azure' ? { baseURL: AZURE } : {};
    if (preset.needsKey) {
      expect(() => openai({ preset: name, model: 'm', ...own })).toThrow(
        `set ${preset.keyVariable} in the environment`,
      );
    } else {
      expect((await asked(name)).headers?.authorization).toBeUndefined();
    }
  });

  test('sends its fields and no others', async () => {
    if (preset.keyVariable !== undefined) vi.stubEnv(preset.keyVariable, KEY);
    const parameters = {
      maxTokens: 9,
      seed: 7,
      frequencyPenalty: 0.5,
      presencePenalty: 0.25,
      temperature: 0.5,
    };
    const messages: Message[] = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', name: 'ada', content: 'Hi' },
    ];
    const { body, result } = await asked(name, { parameters, messages });
    const takes = (field: string, value: unknown, yes: boolean): object => (yes ? { [field]: value } : {});
    const isCerebras = name === 'cerebras';
    expect(body).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', ...takes('name', 'ada', name !== 'groq'), content: 'Hi' },
      ],
      stream: true,
      temperature: 0.5,
      [['groq', 'cerebras', 'azure'].includes(name) ? 'max_completion_tokens' : 'max_tokens']: 9,
      [name === 'mistral' ? 'random_seed' : 'seed']: 7,
      ...takes('frequency_penalty', 0.5, !isCerebras),
      ...takes('presence_penalty', 0.25, !isCerebras),
      ...takes('stream_options', { include_usage: true }, name !== 'mistral'),
    });
    expect(result.warnings).toHaveLength(isCerebras ? 2 : name === 'groq' ? 1 : 0);
  });

  test('asks for JSON in a form that it takes', async () => {
    if (preset.keyVariable !== undefined) vi.stubEnv(preset.keyVariable, KEY);
    const schema = { type: 'object', properties: { city: { type: 'string' } } };
    const plain = await asked(name, { responseFormat: { type: 'json' } });
    const typed = await asked(name, { responseFormat: { type: 'json_schema', name: 'city', schema } });
    const any = { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } };
    expect(plain.body['response_format']).toEqual(name === 'lmstudio' ? any : { type: 'json_object' });
    expect(typed.body['response_format']).toEqual(
      name === 'deepseek'
        ? { type: 'json_object' }
        : { type: 'json_schema', json_schema: { name: 'city', schema } },
    );
    expect(typed.result.warnings).toHaveLength(name === 'deepseek' ? 1 : 0);
  });
});

describe('a preset', () => {
  test('can be overridden in each of its parts', async () => {
    const more = {
      baseURL: 'http://127.0.0.1:9/v2',
      apiKey: 'mine',
      name: 'gate',
      maxTokensField: 'max_tokens',
      includeUsage: false,
    } as const;
    const { address, headers, body, result } = await asked('groq', { parameters: { maxTokens: 9 } }, more);
    expect(address).toBe('http://127.0.0.1:9/v2/chat/completions');
    expect(headers?.authorization).toBe('Bearer mine');
    expect(body).toMatchObject({ max_tokens: 9 });
    expect(body).not.toHaveProperty('stream_options');
    expect(result.provider).toBe('gate');
  });

  test('needs a model, and Azure an address', () => {
    const failure = (options: OpenAIOptions): string => {
      try {
        openai(options);
      } catch (error) {
        if (isSluiceError(error)) return error.message;
      }
      return '';
    };
    expect(failure({ preset: 'groq', apiKey: 'k' })).toContain('give the name of a model of Groq');
    expect(failure({ preset: 'azure', apiKey: 'k', model: 'm' })).toContain(
      'https://RESOURCE.openai.azure.com/openai/v1',
    );
    // @ts-expect-error -- no type allows this
    expect(failure({ preset: 'grok', model: 'm' })).toContain('preset');
  });

  test('has the prices of its service, whatever its address says', async () => {
    await using server = await faultServer({
      always: {
        stream: chatStream({
          text: 'Hi',
          model: 'gemini-2.5-flash',
          usage: { inputTokens: 1000, outputTokens: 10 },
        }),
      },
    });
    const model = openai({
      preset: 'gemini',
      model: 'gemini-2.5-flash',
      apiKey: 'k',
      baseURL: server.openaiBaseURL,
    });
    const result = await new Pipeline([cost(), provider(model)]).execute('user', 'Hi');
    expect(result.cost.status).toBe('exact');
    expect(result.cost.totalUsd).toBeGreaterThan(0);
  });
});
