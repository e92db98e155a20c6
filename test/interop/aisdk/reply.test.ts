import {
  APICallError,
  InvalidPromptError,
  JSONParseError,
  LoadAPIKeyError,
  TypeValidationError,
} from '@ai-sdk/provider';
import { createOpenAICompatible as createOfV2 } from 'ai-sdk-openai-compatible-1';
import { aisdk } from 'sluice/interop/aisdk';
import { directCall } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

import { FINISH, fakeModel, outcomeOf, said } from './fake-model.ts';
import type { Parts } from './fake-model.ts';

const answer = (...parts: Parts) => outcomeOf(aisdk(fakeModel([parts])));
const finish = (unified: string, raw?: string) => ({ ...FINISH, finishReason: { unified, raw } });

describe('aisdk() refuses, when it is given,', () => {
  test.each([
    [
      'a real model of specification V2',
      createOfV2({ name: 'old', baseURL: 'http://127.0.0.1:1/v1' })('llama'),
      /specification v2/,
    ],
    ['the name of a model', 'google/gemini-3-flash', /the model is a string/],
    ['nothing', undefined, /the model is undefined/],
    [
      'a model without doStream',
      { specificationVersion: 'v4', provider: 'p', modelId: 'm' },
      /without doStream/,
    ],
  ])('%s', (_name, model, message) => {
    // @ts-expect-error -- no type allows these
    expect(() => aisdk(model)).toThrow(message);
  });

  test('options that are wrong, by their names', () => {
    // @ts-expect-error -- no type allows this
    expect(() => aisdk(fakeModel([]), { nam: 'x', strict: 1 })).toThrow(
      /nam is not an option.*strict|strict.*nam is not an option/s,
    );
  });
});

describe('the end of a reply', () => {
  test.each([
    ['stop', 'stop', 'stop'],
    ['length', 'MAX_TOKENS', 'length'],
    ['content-filter', 'SAFETY', 'content_filter'],
    ['content-filter', 'refusal', 'refusal'],
    ['stop', 'pause_turn', 'pause'],
    ['other', 'OTHER', 'other'],
    ['other', 'eos', 'stop'],
  ])('%s with the word %s is %s', async (unified, raw, finishReason) => {
    const { reply } = await answer(...said('Hi'), finish(unified, raw));
    expect(reply).toMatchObject({ finishReason, rawFinishReason: raw });
  });

  test.each([
    ['other without the word of the provider', [finish('other')], 'truncated', true],
    ['interrupted', [finish('interrupted', 'x')], 'truncated', true],
    ['a stream that ends without a finish part', [], 'truncated', true],
    ['error', [finish('error', 'MALFORMED_FUNCTION_CALL')], 'server', true],
  ])('%s is an error, and what came is kept', async (_name, parts, code, retryable) => {
    const { chunks, error } = await answer(...said('Hi'), ...parts);
    expect(error).toMatchObject({ code, retryable, provider: 'fake' });
    expect(chunks).toMatchObject([{ type: 'content', content: 'Hi' }]);
  });

  test('a reply without any output is truncated', async () => {
    expect((await answer(FINISH)).error).toMatchObject({ code: 'truncated' });
  });
});

describe('usage', () => {
  test('has the cache and the reasoning in it', async () => {
    const usage = {
      inputTokens: { total: 100, noCache: 50, cacheRead: 30, cacheWrite: 20 },
      outputTokens: { total: 40, text: 10, reasoning: 30 },
      raw: { theirs: 1 },
    };
    const { reply, call } = await answer(...said('Hi'), { ...FINISH, usage });
    const expected = {
      ...{
        inputTokens: 100,
        outputTokens: 40,
        totalTokens: 140,
        cachedInputTokens: 30,
        cacheWriteTokens: 20,
      },
      ...{ reasoningTokens: 30, raw: { theirs: 1 } },
    };
    expect(reply?.usage).toEqual(expected);
    expect(call.call.usage).toEqual(expected);
  });

  test('is unknown if the provider reports none', async () => {
    const usage = { inputTokens: { total: undefined }, outputTokens: { total: undefined } };
    const { reply, call } = await answer(...said('Hi'), { ...FINISH, usage });
    expect([reply?.usage, call.call.usage]).toEqual([undefined, undefined]);
  });

  test('is marked as estimated if one side is missing', async () => {
    const usage = { inputTokens: { total: undefined }, outputTokens: { total: 4 } };
    const { reply } = await answer(...said('Hi'), { ...FINISH, usage });
    expect(reply?.usage).toMatchObject({ outputTokens: 4, estimated: true });
    expect(reply?.usage?.inputTokens).toBeGreaterThan(0);
  });
});

describe('tool calls', () => {
  const call = (id: string, input: string, more: object = {}) => ({
    type: 'tool-call',
    toolCallId: id,
    toolName: 'look',
    input,
    ...more,
  });

  test('with one shared id, or none, are all delivered, with ids of their own', async () => {
    const { chunks, reply } = await answer(
      { type: 'tool-input-start', id: 'a', toolName: 'look' },
      { type: 'tool-input-delta', id: 'a', delta: '{"x":1}' },
      { type: 'tool-input-end', id: 'a' },
      call('a', '{"x":1}'),
      call('a', '{"x":2}'),
      call('', '{"x":3}'),
      call('', '{"x":4}'),
      finish('tool-calls', 'stop'),
    );
    const calls = chunks.filter((chunk) => chunk.type === 'tool_call');
    expect(calls.map((chunk) => chunk.arguments)).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }, { x: 4 }]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(4);
    expect(chunks[0]).toEqual({
      type: 'tool_call_delta',
      id: calls[0]?.id,
      name: 'look',
      argumentsDelta: '{"x":1}',
    });
    expect(reply?.finishReason).toBe('tool_calls');
  });

  test('that were cut by the length are left out', async () => {
    const { chunks } = await answer(
      ...said('Hi'),
      call('a', '{"x":1}'),
      call('b', '{"x":'),
      call('c', ''),
      finish('length', 'length'),
    );
    expect(chunks.filter((chunk) => chunk.type === 'tool_call').map(({ id }) => id)).toEqual(['a']);
  });

  test('with arguments that are no JSON are invalid, and empty arguments are {}', async () => {
    const { chunks } = await answer(call('a', 'no json'), call('b', ''), finish('tool-calls', 'x'));
    expect(chunks).toMatchObject([
      { id: 'a', arguments: {}, invalid: { raw: 'no json' } },
      { id: 'b', arguments: {} },
    ]);
    expect(chunks[1]).not.toHaveProperty('invalid');
  });

  test('that wait for the finish reason do not let a reply grow without bound', async () => {
    const model = fakeModel([[call('a', ''), ...said('x'.repeat(2_000)), FINISH]]);
    const { error } = await outcomeOf(aisdk(model, { limits: { maxOutputCharacters: 1_000 } }));
    expect(error).toMatchObject({ code: 'protocol', retryable: false });
  });

  test('that the provider ran come with their results, and previews are progress', async () => {
    const ran = { providerExecuted: true, providerMetadata: { fake: { id: 'ws_1' } } };
    const result = { type: 'tool-result', toolCallId: 'a', toolName: 'look' };
    const { chunks, reply } = await answer(
      call('a', '{"q":"x"}', ran),
      { ...result, result: { part: 1 }, preliminary: true },
      { ...result, result: { all: 2 } },
      ...said('Found.'),
      FINISH,
    );
    expect(chunks).toMatchObject([
      { type: 'tool_call', id: 'a', providerExecuted: true },
      { type: 'tool_progress', id: 'a', data: { part: 1 } },
      { type: 'tool_result', id: 'a', content: '{"all":2}', providerExecuted: true, isError: false },
      { type: 'content', content: 'Found.' },
    ]);
    expect(reply?.finishReason).toBe('stop');
  });
});

describe('other parts', () => {
  test('files come as base64 or as an address, in the forms of both specifications', async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const file = (data: unknown) => ({ type: 'file', mediaType: 'image/png', data });
    const { chunks } = await answer(
      file('AQID'),
      file(bytes),
      file({ type: 'data', data: 'AQID' }),
      file({ type: 'data', data: bytes }),
      file({ type: 'url', url: new URL('https://example.com/a.png') }),
      FINISH,
    );
    expect(chunks.map((chunk) => (chunk.type === 'file' ? (chunk.data ?? chunk.url) : chunk.type))).toEqual([
      ...['AQID', 'AQID', 'AQID', 'AQID', 'https://example.com/a.png'],
    ]);
  });

  test('sources and citations are citations of the text', async () => {
    const source = { type: 'source', sourceType: 'url', id: '1', url: 'https://example.com' };
    const citation = { source, citedText: 'Hi' };
    const { chunks } = await answer(
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'Hi' },
      { type: 'text-end', id: '0', citations: [citation] },
      source,
      FINISH,
    );
    expect(chunks.flatMap((chunk) => (chunk.type === 'content' ? (chunk.citations ?? []) : []))).toEqual([
      citation,
      source,
    ]);
  });

  test('of unknown types are one warning each, and the reply goes on', async () => {
    const { chunks, call, error } = await answer(
      { type: 'hologram' },
      { type: 'hologram' },
      { type: 'tool-approval-request' },
      ...said('Hi'),
      FINISH,
    );
    expect(error).toBeUndefined();
    expect(chunks).toMatchObject([{ type: 'content', content: 'Hi' }]);
    expect(call.warnings).toEqual([
      'fake: the model sent a part of the unknown type hologram, it is left out',
      'fake: the model sent a request to approve a tool that it runs itself, which cannot be answered here, it is left out',
    ]);
  });

  test('warnings of the package are warnings, and an unsupported setting is an error with strict', async () => {
    const warnings = [
      { type: 'unsupported', feature: 'seed', details: 'no seeds here' },
      { type: 'other', message: 'slow today' },
    ];
    const model = fakeModel([[{ type: 'stream-start', warnings }, ...said('Hi'), FINISH]]);
    expect((await outcomeOf(aisdk(model))).call.warnings).toEqual([
      'fake: seed (unsupported): no seeds here',
      'fake: slow today',
    ]);
    expect((await outcomeOf(aisdk(model, { strict: true }))).error).toMatchObject({
      code: 'invalid_request',
    });
  });

  test('pings are signs of life', async () => {
    const model = fakeModel([[{ type: 'ping' }, ...said('Hi'), FINISH]]);
    const call = directCall({ messages: [{ role: 'user', content: 'Hi' }], parameters: {} });
    const signs: unknown[] = [];
    call.call.alive = (sign) => void signs.push(sign);
    const stream = aisdk(model).stream(call.call.request, call);
    await stream.next();
    expect(signs.length).toBeGreaterThan(0);
    await stream.close();
  });

  test('raw events are kept with includeRaw, and only then asked for', async () => {
    const model = fakeModel([[{ type: 'raw', rawValue: { event: 1 } }, ...said('Hi'), FINISH]]);
    const { reply } = await outcomeOf(aisdk(model), { parameters: { includeRaw: true } });
    expect(reply?.raw?.reply).toEqual([{ event: 1 }]);
    await outcomeOf(aisdk(model));
    expect(model.asked.map(({ includeRawChunks }) => includeRawChunks)).toEqual([true, undefined]);
  });
});

describe('errors', () => {
  const call = { url: 'http://x', requestBodyValues: { messages: ['the prompt'] } };
  const made = (statusCode: number, responseBody = '', responseHeaders = {}) =>
    new APICallError({ ...call, message: 'no', statusCode, responseBody, responseHeaders });

  test.each([
    ['400', made(400), 'invalid_request'],
    ['401', made(401), 'authentication'],
    ['403', made(403), 'permission'],
    ['404', made(404), 'not_found'],
    ['429', made(429), 'rate_limited'],
    ['503', made(503), 'overloaded'],
    [
      'a full context',
      made(400, '{"error":{"code":"context_length_exceeded","message":"too long"}}'),
      'context_length',
    ],
    [
      'a body with an error after 200',
      made(200, '{"error":{"type":"overloaded_error","message":"busy"}}'),
      'overloaded',
    ],
    ['a body without an answer after 200', made(200, 'hello'), 'protocol'],
    [
      'no connection',
      new APICallError({
        ...call,
        message: 'Cannot connect',
        cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
      }),
      'network',
    ],
    ['a missing key', new LoadAPIKeyError({ message: 'no key' }), 'authentication'],
    ['a wrong prompt', new InvalidPromptError({ prompt: 'the prompt', message: 'no' }), 'invalid_request'],
    ['data that is not JSON', new JSONParseError({ text: 'the prompt', cause: new Error('x') }), 'protocol'],
    [
      'data of another form',
      new TypeValidationError({ value: { the: 'the prompt' }, cause: new Error('x') }),
      'protocol',
    ],
    [
      'an error in data of another form',
      new TypeValidationError({ value: { error: { type: 'overloaded_error' } }, cause: new Error('x') }),
      'overloaded',
    ],
    ['fields of an error', { type: 'rate_limit_error', message: 'slow' }, 'rate_limited'],
    ['a text', 'out of order', 'server'],
  ])('%s is %s, in the stream and instead of it, without the prompt', async (_name, thrown, code) => {
    const inStream = (await answer({ type: 'error', error: thrown })).error;
    expect(inStream).toMatchObject({ code, provider: 'fake' });
    const model = fakeModel([]);
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a model may reject with anything
    model.doStream = () => Promise.reject(thrown);
    const { error, call: asked } = await outcomeOf(aisdk(model));
    expect(error).toMatchObject({ code, provider: 'fake' });
    expect(asked.call.progress).toBe(code === 'network' ? 'unsent' : 'sent');
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('the prompt');
  });

  test('a Retry-After is told', async () => {
    const { error } = await answer({ type: 'error', error: made(429, '', { 'retry-after': '3' }) });
    expect(error).toMatchObject({ retryAfterMs: 3_000, status: 429 });
  });

  test('an abort ends a model that ignores it, and a late stream is cancelled', async () => {
    const model = fakeModel([]);
    const asked = Promise.withResolvers<unknown>();
    const late = Promise.withResolvers<{ stream: ReadableStream<unknown> }>();
    model.doStream = () => {
      asked.resolve(undefined);
      return late.promise;
    };
    const controller = new AbortController();
    const call = directCall(
      { messages: [{ role: 'user', content: 'Hi' }], parameters: {} },
      controller.signal,
    );
    const stream = aisdk(model).stream(call.call.request, call);
    const reading = stream.next();
    await asked.promise;
    controller.abort('enough');
    await expect(reading).rejects.toMatchObject({ code: 'aborted' });
    const cancelled = Promise.withResolvers<unknown>();
    late.resolve({ stream: new ReadableStream({ cancel: (reason) => cancelled.resolve(reason) }) });
    await expect(cancelled.promise).resolves.toMatchObject({ code: 'aborted' });
  });
});
