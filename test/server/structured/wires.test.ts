import { betaZodOutputFormat } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { output } from 'sluice/middleware/output';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { clientsOf } from './stage.ts';

const person = z.object({ name: z.string(), born: z.int().min(0).nullable(), tags: z.array(z.string()) });
const ADA = { name: 'Ada', born: 1815, tags: ['maths', 'poetry'] };
const TEXT = ['{"name":"A', 'da","born":18', '15,"tags":["maths",', '"poetry"]}'];

const said = [{ role: 'user' as const, content: 'Who?' }];
const supported = { dialect: 'openai', native: 'with-tools', tools: 'forced' } as const;

/** Pipelines on other wires than the client's, how they answer, and what they are sent. */
const claude = {
  name: 'Anthropic',
  make: (server: FaultServer) => anthropic({ apiKey: 'none', baseURL: server.anthropicBaseURL }),
  reply: () => messagesStream({ text: TEXT }),
  sent: (body: unknown) => {
    expect(body).toHaveProperty('output_config.format.type', 'json_schema');
    expect(body).toHaveProperty('output_config.format.schema.properties.name', { type: 'string' });
    // Anthropic takes no minimum.
    expect(JSON.stringify(body)).not.toContain('"minimum"');
    expect(JSON.stringify(body)).toContain('(minimum: 0');
  },
};
const deepseek = {
  name: 'DeepSeek',
  make: (server: FaultServer) =>
    openai({ apiKey: 'none', baseURL: server.openaiBaseURL, model: 'deepseek-chat', preset: 'deepseek' }),
  reply: (name: string) => chatStream({ toolCalls: [{ name, arguments: ADA }] }),
  sent: (body: unknown) => {
    expect(body).toMatchObject({ tools: [{ type: 'function' }] });
    expect(body).not.toHaveProperty('response_format');
  },
};
const ollama = {
  name: 'Ollama',
  make: (server: FaultServer) =>
    openai({ apiKey: 'none', baseURL: server.openaiBaseURL, model: 'qwen3', preset: 'ollama' }),
  reply: () => chatStream({ text: ['Sure: ', ...TEXT, ' Done.'] }),
  sent: (body: unknown) => {
    expect(body).toHaveProperty('response_format.type', 'json_schema');
    expect(body).toMatchObject({ messages: [{ role: 'system' }, { role: 'user' }] });
  },
};
const gpt = {
  name: 'OpenAI',
  make: (server: FaultServer) =>
    openai({ apiKey: 'none', baseURL: server.openaiBaseURL, api: 'chat', output: supported }),
  reply: () => chatStream({ text: TEXT }),
  sent: (body: unknown) => {
    expect(body).toHaveProperty('response_format.json_schema.strict', true);
    expect(body).toHaveProperty('response_format.json_schema.schema.required', ['name', 'born', 'tags']);
  },
};

describe.each([claude, deepseek, ollama])(
  'the client of OpenAI in front of $name',
  ({ make, reply, sent }) => {
    test('parses an answer of Chat Completions, in one piece and as a stream', async () => {
      await using server = await faultServer();
      await using stage = await clientsOf(make(server));
      const asked = { model: 'm', messages: said, response_format: zodResponseFormat(person, 'person') };
      server.enqueue({ stream: reply('person') }, { stream: reply('person') });
      const whole = await stage.openai.chat.completions.parse(asked);
      expect(whole.choices[0]?.message.parsed).toEqual(ADA);
      expect(whole.choices[0]).toMatchObject({
        finish_reason: 'stop',
        message: { content: JSON.stringify(ADA), refusal: null },
      });
      const stream = stage.openai.chat.completions.stream(asked);
      const parts: unknown[] = [];
      stream.on('content.delta', ({ parsed }) => void parts.push(parsed));
      const streamed = await stream.finalChatCompletion();
      expect(streamed.choices[0]?.message.parsed).toEqual(ADA);
      expect(parts.at(-1)).toEqual(ADA);
      server.requests.forEach(({ body }) => sent(body));
      expect(server.requests).toHaveLength(2);
    });

    test('parses an answer of Responses, in one piece and as a stream', async () => {
      await using server = await faultServer();
      await using stage = await clientsOf(make(server));
      const asked = { model: 'm', input: 'Who?', text: { format: zodTextFormat(person, 'person') } };
      server.enqueue({ stream: reply('person') }, { stream: reply('person') });
      const whole = await stage.openai.responses.parse(asked);
      expect(whole.output_parsed).toEqual(ADA);
      expect(whole.output_text).toBe(JSON.stringify(ADA));
      const streamed = await stage.openai.responses.stream(asked).finalResponse();
      expect(streamed.output_parsed).toEqual(ADA);
      server.requests.forEach(({ body }) => sent(body));
    });
  },
);

describe.each([gpt, deepseek, ollama])(
  'the client of Anthropic in front of $name',
  ({ make, reply, sent }) => {
    const asked = { model: 'm', max_tokens: 100, messages: said };

    test('parses an answer, in one piece and as a stream', async () => {
      await using server = await faultServer();
      await using stage = await clientsOf(make(server));
      server.enqueue({ stream: reply('answer') }, { stream: reply('answer') });
      const config = { output_config: { format: zodOutputFormat(person) } };
      const whole = await stage.anthropic.messages.parse({ ...asked, ...config });
      expect(whole).toMatchObject({ parsed_output: ADA, stop_reason: 'end_turn' });
      expect(whole.content).toMatchObject([{ type: 'text', text: JSON.stringify(ADA) }]);
      const streamed = await stage.anthropic.messages.stream({ ...asked, ...config }).finalMessage();
      expect(streamed.parsed_output).toEqual(ADA);
      server.requests.forEach(({ body }) => sent(body));
    });

    test('parses an answer of the older field', async () => {
      await using server = await faultServer();
      await using stage = await clientsOf(make(server));
      server.enqueue({ stream: reply('answer') });
      const format = betaZodOutputFormat(person);
      const whole = await stage.anthropic.beta.messages.parse({ ...asked, output_format: format });
      expect(whole.parsed_output).toEqual(ADA);
      sent(server.requests[0]?.body);
    });
  },
);

describe('in front of the same API, a format arrives as it came', () => {
  const schema = { type: 'object', properties: { a: { type: 'string', minLength: 1 } } };
  const format = { name: 'mine', description: 'What I want', schema };

  test.each([true, false, undefined])('from the client of OpenAI, strict: %s', async (strict) => {
    await using server = await faultServer();
    const asked = { ...format, ...(strict !== undefined && { strict }) };
    for (const api of ['chat', 'responses'] as const) {
      const model = openai({ apiKey: 'none', baseURL: server.openaiBaseURL, api, output: supported });
      await using stage = await clientsOf(model, [output({ repair: 1 })]);
      const stream = api === 'chat' ? chatStream : responsesStream;
      server.enqueue({ stream: stream({ text: ['{ "a": "b" }'] }) });
      const { choices } = await stage.openai.chat.completions.create({
        model: 'm',
        messages: said,
        response_format: { type: 'json_schema', json_schema: asked },
      });
      expect(choices[0]?.message.content).toBe('{ "a": "b" }');
    }
    expect(server.requests.map(({ body }) => body)).toMatchObject([
      { response_format: { type: 'json_schema', json_schema: asked } },
      { text: { format: { type: 'json_schema', ...asked } } },
    ]);
    expect(JSON.stringify(server.requests.map(({ body }) => body))).not.toContain('dialect');
  });

  test('from the client of Anthropic', async () => {
    await using server = await faultServer();
    await using stage = await clientsOf(claude.make(server));
    server.enqueue({ stream: messagesStream({ text: ['{ "a": "b" }'] }) });
    const message = await stage.anthropic.messages.create({
      ...{ model: 'm', max_tokens: 100, messages: said },
      output_config: { format: { type: 'json_schema', schema } },
    });
    expect(message.content).toMatchObject([{ text: '{ "a": "b" }' }]);
    expect(server.requests[0]?.body).toMatchObject({
      output_config: { format: { type: 'json_schema', schema } },
    });
  });
});
