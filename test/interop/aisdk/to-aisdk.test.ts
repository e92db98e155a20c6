import { APICallError } from '@ai-sdk/provider';
import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import {
  Output,
  generateObject,
  generateText,
  jsonSchema,
  stepCountIs,
  streamText,
  tool as clientTool,
} from 'ai';
import type { ModelMessage } from 'ai';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { toAISDK } from 'sluice/interop/aisdk';
import type { OfferedModel } from 'sluice/interop/aisdk';
import { provider, retry } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { tool, tools } from 'sluice/middleware/tools';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, openaiError, scripted } from 'sluice/testing';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';

const weather = tool({
  name: 'weather',
  description: 'Tells the weather of a city.',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `3 degrees in ${city}`,
});
const callOf = (name: string, id = 'call_0') => ({ id, name, arguments: { city: 'Oslo' } });

async function allOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

/** All parts of one call of the model. */
async function partsOf(model: OfferedModel, more: object = {}): Promise<LanguageModelV4StreamPart[]> {
  const prompt = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
  const { stream } = await model.doStream({ prompt, ...more });
  return allOf<LanguageModelV4StreamPart>(stream);
}

/** The ids of the blocks that begin and end, and of the calls. */
function idsIn(parts: readonly LanguageModelV4StreamPart[]) {
  const of = (end: string) =>
    parts.flatMap((part) => (part.type.endsWith(end) && 'id' in part ? [String(part.id)] : []));
  return {
    starts: of('-start'),
    ends: of('-end'),
    calls: parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : [])),
  };
}

describe('toAISDK()', () => {
  test('is a model of specification V4 for the types', () => {
    expectTypeOf<OfferedModel>().toExtend<LanguageModelV4>();
  });

  test('refuses what is not a pipeline, and wrong options', () => {
    // @ts-expect-error -- no type allows this
    expect(() => toAISDK(undefined)).toThrow(/the pipeline is undefined: give a Pipeline/);
    // @ts-expect-error -- no type allows this
    expect(() => toAISDK(new Pipeline([provider(scripted('x'))]), { model: 'x' })).toThrow(
      /model is not an option/,
    );
  });

  test('streams text, thinking, usage and the finish reason to streamText', async () => {
    await using server = await faultServer();
    const usage = { inputTokens: 20, outputTokens: 12, cachedInputTokens: 8, reasoningTokens: 5 };
    server.enqueue({ stream: chatStream({ reasoning: 'Hm hm.', text: 'It is warm.', usage }) });
    const pipeline = new Pipeline([
      provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' })),
    ]);
    const result = streamText({
      model: toAISDK(pipeline),
      instructions: 'Be brief.',
      prompt: 'Hi',
      temperature: 0.5,
      maxOutputTokens: 99,
    });
    expect(await allOf(result.textStream)).toEqual(['It ', 'is ', 'warm.']);
    expect((await result.finalStep).reasoningText).toBe('Hm hm.');
    expect(await result.finishReason).toBe('stop');
    expect(await result.usage).toMatchObject({
      inputTokens: 20,
      inputTokenDetails: { cacheReadTokens: 8 },
      outputTokens: 12,
      outputTokenDetails: { reasoningTokens: 5 },
    });
    expect((await result.finalStep).response.modelId).toBe('gpt-5-mini');
    expect(server.requests[0]?.body).toMatchObject({
      temperature: 0.5,
      max_tokens: 99,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    });
  });

  test('gives generateText the whole answer', async () => {
    const pipeline = new Pipeline([provider(scripted({ thinking: 'Hm.', text: 'Warm.' }))]);
    const { text, finalStep, finishReason } = await generateText({
      model: toAISDK(pipeline),
      prompt: 'Hi',
    });
    expect([text, finalStep.reasoningText, finishReason]).toEqual(['Warm.', 'Hm.', 'stop']);
  });

  test('makes objects with generateObject and with Output.object, by the schema', async () => {
    await using server = await faultServer({ always: { stream: chatStream({ text: '{"city":"Oslo"}' }) } });
    const model = toAISDK(
      new Pipeline([provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' }))]),
    );
    const schema = z.object({ city: z.string() });
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- many programs still use it
    expect((await generateObject({ model, schema, prompt: 'A city' })).object).toEqual({ city: 'Oslo' });
    const { output: object, partialOutputStream } = streamText({
      model,
      output: Output.object({ schema }),
      prompt: 'A city',
    });
    expect((await allOf(partialOutputStream)).at(-1)).toEqual({ city: 'Oslo' });
    expect(await object).toEqual({ city: 'Oslo' });
    for (const { body } of server.requests) {
      expect(body).toMatchObject({
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'response', schema: { properties: { city: { type: 'string' } } } },
        },
      });
    }
  });

  test('makes objects with any model, if output() converts the schema for it', async () => {
    const model = scripted(['Here: {"city":"Oslo"}', '{"city":7}'], {
      output: { dialect: 'anthropic', native: 'none', tools: 'none' },
    });
    const offered = toAISDK(new Pipeline([output(), provider(model)]));
    const asked = { model: offered, output: Output.object({ schema: z.object({ city: z.string() }) }) };
    expect((await generateText({ ...asked, prompt: 'A city' })).output).toEqual({ city: 'Oslo' });
    expect(model.requests[0]?.messages[0]).toMatchObject({ role: 'system' });
    const wrong = generateText({ ...asked, prompt: 'A city' });
    await expect(wrong.then((result) => result.output)).rejects.toMatchObject({ text: '{"city":7}' });
  });

  test('gives the caller its own tools to run, and goes on with their results', async () => {
    await using server = await faultServer();
    server.enqueue(
      { stream: chatStream({ toolCalls: [callOf('look')] }) },
      { stream: chatStream({ text: 'Seen.' }) },
    );
    const pipeline = new Pipeline([
      provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' })),
    ]);
    const look = clientTool({
      description: 'Looks.',
      inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } }),
      execute: ({ city }) => `a view of ${city}`,
    });
    const result = streamText({
      model: toAISDK(pipeline),
      tools: { look },
      stopWhen: stepCountIs(3),
      prompt: 'Look.',
    });
    expect(await result.text).toBe('Seen.');
    expect((await result.steps).map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(server.requests[1]?.body).toMatchObject({
      messages: [
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ function: { name: 'look', arguments: '{"city":"Oslo"}' } }] },
        { role: 'tool', content: 'a view of Oslo' },
      ],
    });
  });

  test('runs the tools of the pipeline in it, in one call, and its rounds come back as they were', async () => {
    await using server = await faultServer();
    const thinking = { thinking: 'Hm.', signature: 'signed' };
    server.enqueue(
      { stream: messagesStream({ ...thinking, toolCalls: [callOf('weather', 'toolu_1')] }) },
      { stream: messagesStream({ text: 'It is 3 degrees.' }) },
      { stream: messagesStream({ text: 'Still.' }) },
    );
    const model = anthropic({ apiKey: 'none', baseURL: server.anthropicBaseURL, model: 'claude-haiku-4-5' });
    const offered = toAISDK(new Pipeline([tools([weather]), provider(model)]));
    const messages: ModelMessage[] = [{ role: 'user', content: 'How is Oslo?' }];
    const first = streamText({ model: offered, messages });
    expect(await first.text).toBe('It is 3 degrees.');
    expect(await first.finishReason).toBe('stop');
    expect((await first.toolResults).map(({ output }) => output)).toEqual(['3 degrees in Oslo']);
    expect(server.requests).toHaveLength(2);

    messages.push(...(await first.finalStep).response.messages, { role: 'user', content: 'And now?' });
    expect(await streamText({ model: offered, messages }).text).toBe('Still.');
    const rounds = (at: number) =>
      (server.requests[at]?.body as { messages: { content: object[] }[] }).messages;
    // The second round's messages, as they were sent then, begin the third request.
    expect(rounds(2).slice(0, 2)).toEqual(rounds(1).slice(0, 2));
    expect(JSON.stringify(rounds(2))).toContain('signed');
    expect(rounds(2)[2]).toMatchObject({ content: [{ type: 'tool_result', content: '3 degrees in Oslo' }] });
    server.assertDrained();
  });

  test('sends one stream-start, and unique ids with a start and an end each over three rounds with the same ids', async () => {
    const round = { thinking: 'Hm.', text: 'I look.', toolCalls: [callOf('weather')] };
    const pipeline = new Pipeline([
      tools([weather]),
      provider(scripted([round, round, { thinking: 'Ah.', text: 'Done.' }])),
    ]);
    const parts = await partsOf(toAISDK(pipeline));
    expect(parts.filter(({ type }) => type === 'stream-start')).toHaveLength(1);
    expect(parts[0]?.type).toBe('stream-start');
    expect(parts.filter(({ type }) => type === 'finish')).toHaveLength(1);
    const { starts, ends, calls } = idsIn(parts);
    expect(new Set(starts).size).toBe(starts.length);
    expect(ends.toSorted()).toEqual(starts.toSorted());
    expect(calls).toHaveLength(2);
    expect(new Set(calls).size).toBe(2);
    const results = parts.flatMap((part) => (part.type === 'tool-result' ? [part.toolCallId] : []));
    expect(results).toEqual(calls);
  });

  test('retries before the first part are invisible, and after it there are none', async () => {
    await using server = await faultServer();
    const make = () =>
      toAISDK(
        new Pipeline([
          retry({ maxRetries: 1, backoff: constant(0), afterContent: 'reset' }),
          provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' })),
        ]),
      );
    server.enqueue(openaiError(503), { stream: chatStream({ text: 'Here.' }) });
    expect((await generateText({ model: make(), prompt: 'Hi', maxRetries: 0 })).text).toBe('Here.');

    const stream = chatStream({ text: 'Once more.' });
    server.enqueue({ stream, fault: { kind: 'eof', at: { event: 2 } } }, { stream });
    const parts = await partsOf(make());
    const types = parts.map(({ type }) => type);
    expect(types).toEqual(['stream-start', 'text-start', 'text-delta', 'text-end', 'error', 'finish']);
    const error = parts.flatMap((part) => (part.type === 'error' ? [part.error] : []))[0];
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ isRetryable: false, cause: { code: 'truncated' } });
  });

  test('an error before the first part rejects the call as an APICallError, which the AI SDK may retry', async () => {
    await using server = await faultServer();
    const pipeline = new Pipeline([
      provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' })),
    ]);
    server.enqueue(openaiError(429, { headers: { 'retry-after-ms': '0' } }), {
      stream: chatStream({ text: 'Here.' }),
    });
    expect((await generateText({ model: toAISDK(pipeline), prompt: 'Hi', maxRetries: 1 })).text).toBe(
      'Here.',
    );

    server.enqueue(openaiError(401));
    const error: unknown = await partsOf(toAISDK(pipeline)).catch((thrown: unknown) => thrown);
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 401, isRetryable: false, cause: { code: 'authentication' } });
    server.assertDrained();
  });

  test('the caller does not retry what the pipeline has retried', async () => {
    await using server = await faultServer({ always: openaiError(503) });
    const model = openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' });
    const pipeline = new Pipeline([retry({ maxRetries: 1, backoff: constant(0) }), provider(model)]);
    await expect(generateText({ model: toAISDK(pipeline), prompt: 'Hi' })).rejects.toMatchObject({
      isRetryable: false,
    });
    expect(server.requests).toHaveLength(2);
  });

  test('an abort reaches the socket, and the caller gets its own reason', async () => {
    await using server = await faultServer();
    server.enqueue({
      stream: chatStream({ text: 'Once upon a time.' }),
      fault: { kind: 'stall', at: { event: 2 } },
    });
    const pipeline = new Pipeline([
      provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' })),
    ]);
    const controller = new AbortController();
    const prompt = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
    const { stream } = await toAISDK(pipeline).doStream({ prompt, abortSignal: controller.signal });
    const reader = stream.getReader();
    for (let type = ''; type !== 'text-delta';) type = (await reader.read()).value?.type ?? '';
    const reading = reader.read();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await server.idle();
    expect(server.log).toContain('client-left 0');
  });

  test('a consumer that leaves closes the execution', async () => {
    await using server = await faultServer();
    server.enqueue({
      stream: chatStream({ text: 'Once upon a time.' }),
      fault: { kind: 'stall', at: { event: 2 } },
    });
    const pipeline = new Pipeline([
      provider(openai({ name: 'local', baseURL: server.openaiBaseURL, model: 'm' })),
    ]);
    const { stream } = await toAISDK(pipeline).doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    });
    await stream.cancel();
    await server.idle();
    expect(server.log).toContain('client-left 0');
  });

  test('files, sources and a cost reach the caller', async () => {
    const made: Middleware = async function* made() {
      yield { type: 'file', mediaType: 'image/png', data: 'AQID' };
      yield {
        type: 'content',
        content: 'See',
        citations: [{ type: 'url_citation', url_citation: { url: 'https://example.com', title: 'E' } }],
      };
      yield { type: 'content', content: ' here.' };
      return { finishReason: 'stop' };
    };
    const result = await generateText({ model: toAISDK(new Pipeline([made])), prompt: 'Hi' });
    expect(result.text).toBe('See here.');
    expect(result.files.map(({ mediaType, base64 }) => [mediaType, base64])).toEqual([['image/png', 'AQID']]);
    expect(result.sources).toMatchObject([{ url: 'https://example.com', title: 'E' }]);
    expect(result.finalStep.providerMetadata?.['sluice']).toMatchObject({
      outcome: 'completed',
      cost: { status: 'exact', totalUsd: 0 },
    });
  });

  test('what has no place in an execution is a warning', async () => {
    const parts = await partsOf(toAISDK(new Pipeline([provider(scripted('Hi'))])), {
      topK: 3,
      tools: [{ type: 'provider', id: 'openai.web_search', name: 'search', args: {} }],
    });
    expect(parts[0]).toEqual({
      type: 'stream-start',
      warnings: [
        { type: 'unsupported', feature: 'topK' },
        { type: 'unsupported', feature: 'the tool search, which a provider defines' },
      ],
    });
  });

  test('metadata of the caller reaches the middleware', async () => {
    let seen: unknown;
    const look: Middleware = function look(context, next) {
      seen = context.request.metadata;
      return next();
    };
    const model = toAISDK(new Pipeline([look, provider(scripted('Hi'))]));
    await generateText({
      model,
      prompt: 'Hi',
      providerOptions: { sluice: { metadata: { tenant: 'acme' } } },
    });
    expect(seen).toEqual({ tenant: 'acme' });
  });

  test('an error of the middle of the stream has its parts before it', async () => {
    const breaks: Middleware = async function* breaks() {
      yield { type: 'content', content: 'Half' };
      throw new SluiceError('overloaded', 'busy');
    };
    const result = streamText({
      model: toAISDK(new Pipeline([breaks])),
      prompt: 'Hi',
      onError: () => undefined,
    });
    const types: string[] = [];
    for await (const part of result.stream) types.push(part.type);
    expect(types).toContain('text-delta');
    expect(types).toContain('error');
    expect(await result.finishReason).toBe('error');
  });
});
