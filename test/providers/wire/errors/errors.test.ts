import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { inspect } from 'node:util';
import { Agent, interceptors, RetryAgent } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SluiceError } from '../../../../src/index.ts';
import { errorFromBody, providerFetch, toSluiceError } from '../../../../providers/wire/index.ts';
import { failure, handServer } from '../transport/support.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

const KEY = 'canary-key-0123456789';

/** The error of OpenAI's SDK for a response. */
function openaiError(status: number, error: unknown, headers: Record<string, string> = {}): unknown {
  return OpenAI.APIError.generate(status, { error }, undefined, new Headers(headers));
}

/** The error of Anthropic's SDK for a response. */
function anthropicError(status: number, type: string, headers: Record<string, string> = {}): unknown {
  const body = { type: 'error', error: { type, message: 'It went wrong' }, request_id: 'req_body' };
  return Anthropic.APIError.generate(status, body, undefined, new Headers(headers));
}

const tellOf = (error: unknown) => {
  const { code, retryable, status } = toSluiceError(error, 'test', [KEY]);
  return [code, retryable, status];
};

describe("an SDK's error", () => {
  it.each([
    [400, { type: 'invalid_request_error' }, 'invalid_request', false],
    [400, { type: 'invalid_request_error', code: 'context_length_exceeded' }, 'context_length', false],
    [
      400,
      { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } },
      'content_filter',
      false,
    ],
    [401, { type: 'invalid_request_error', code: 'invalid_api_key' }, 'authentication', false],
    [402, { message: 'Insufficient Balance' }, 'permission', false],
    [403, {}, 'permission', false],
    [404, { type: 'invalid_request_error', code: 'model_not_found' }, 'not_found', false],
    [408, {}, 'timeout', true],
    [409, {}, 'conflict', false],
    [413, {}, 'invalid_request', false],
    [422, {}, 'invalid_request', false],
    [429, { code: 'rate_limit_exceeded' }, 'rate_limited', true],
    [429, { type: 'insufficient_quota', code: 'insufficient_quota' }, 'rate_limited', false],
    [429, { type: 'tokens' }, 'rate_limited', true],
    [500, { type: 'server_error' }, 'server', true],
    [502, undefined, 'server', true],
    [503, { type: 'api_error' }, 'overloaded', true],
    [501, {}, 'server', false],
    [504, {}, 'server', true],
    [505, {}, 'server', false],
    [522, undefined, 'server', true],
    [529, {}, 'overloaded', true],
  ])(
    'R20 of status %i with %j is %s, retryable %s, and keeps its status',
    (status, body, code, retryable) => {
      expect(tellOf(openaiError(status, body))).toEqual([code, retryable, status]);
    },
  );

  it.each([
    [400, 'invalid_request_error', 'invalid_request'],
    [401, 'authentication_error', 'authentication'],
    [402, 'billing_error', 'permission'],
    [403, 'permission_error', 'permission'],
    [404, 'not_found_error', 'not_found'],
    [413, 'request_too_large', 'invalid_request'],
    [429, 'rate_limit_error', 'rate_limited'],
    [500, 'api_error', 'server'],
    [504, 'timeout_error', 'timeout'],
    [529, 'overloaded_error', 'overloaded'],
  ])("of Anthropic's, status %i with type %s, is %s", (status, type, code) => {
    const error = toSluiceError(anthropicError(status, type, { 'request-id': 'req_9' }), 'anthropic', []);
    expect(error).toMatchObject({ code, status, requestId: 'req_9' });
    expect(error.message).toBe(`anthropic answered ${status} (${type}): It went wrong`);
    expect(toSluiceError(anthropicError(status, type), 'anthropic', []).requestId).toBe('req_body');
  });

  it.each([
    [{ 'retry-after-ms': '1500.5', 'retry-after': '9' }, 1500.5],
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0.25' }, 250],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, 5_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{}, undefined],
  ])('with headers %j is to be retried after %s ms', (headers, expected) => {
    expect(toSluiceError(openaiError(429, {}, headers), 'openai', []).retryAfterMs).toBe(expected);
  });

  it("follows the server's word on whether to retry", () => {
    expect(tellOf(openaiError(500, {}, { 'x-should-retry': 'false' }))).toEqual(['server', false, 500]);
    expect(tellOf(openaiError(400, {}, { 'x-should-retry': 'true' }))).toEqual([
      'invalid_request',
      true,
      400,
    ]);
  });

  it.each([
    ['its timeout', new OpenAI.APIConnectionTimeoutError(), 'timeout'],
    ['its abort', new OpenAI.APIUserAbortError(), 'aborted'],
    ['its abort, of Anthropic', new Anthropic.APIUserAbortError(), 'aborted'],
    ['its timeout, of Anthropic', new Anthropic.APIConnectionTimeoutError(), 'timeout'],
    ['a connection without more', new OpenAI.APIConnectionError({}), 'network'],
    [
      'a certificate',
      new OpenAI.APIConnectionError({ cause: Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }) }),
      'network',
    ],
    ['fetch, broken', new TypeError('terminated'), 'network'],
    [
      'fetch, failed',
      new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) }),
      'network',
    ],
    ['garbage in the framing', Object.assign(new Error('x'), { code: 'HPE_INVALID_CHUNK_SIZE' }), 'protocol'],
    ['no more sockets', Object.assign(new Error('x'), { code: 'EMFILE' }), 'network'],
    ['the resolver', Object.assign(new Error('x'), { code: 'EAI_FAIL' }), 'network'],
    ['a stream of HTTP/2', Object.assign(new Error('x'), { code: 'ERR_HTTP2_STREAM_ERROR' }), 'network'],
    ['undici, slow', Object.assign(new Error('x'), { code: 'UND_ERR_BODY_TIMEOUT' }), 'timeout'],
    ['nothing known', new Error('what?'), 'protocol'],
    ['no error at all', 'just words', 'protocol'],
    ['nothing', undefined, 'protocol'],
  ])('of %s is %s', (_what, error, code) => {
    expect(tellOf(error)[0]).toBe(code);
  });

  it.each([
    ['garbage in place of HTTP', 'HTTP/1.1', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a head of 140 kB', 'Headers Overflow', `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(140_000)}\r\n\r\n`],
  ])('of %s does not blame the request', async (_what, words, answer) => {
    await using server = await handServer((request) => request.socket.end(answer));
    const transport = providerFetch({});
    const thrown = await failure(transport.fetch(server.url));
    const error = toSluiceError(thrown, 'test', [], { fallback: 'invalid_request' });
    expect([error.code, error.retryable]).toEqual(['protocol', false]);
    expect(error.message).toContain(words);
    await transport.close();
  });

  it("of a caller's dispatcher that throws for an error status keeps the response", async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(503, { 'retry-after': '3', 'x-request-id': 'req_1' }).end('later');
    });
    const agent = new Agent();
    const said = { code: 'overloaded', status: 503, retryAfterMs: 3_000, requestId: 'req_1' };
    const throwing = [agent.compose(interceptors.responseError()), new RetryAgent(agent, { maxRetries: 0 })];
    for (const dispatcher of throwing) {
      const thrown = await failure(providerFetch({ dispatcher }).fetch(server.url));
      expect(toSluiceError(thrown, 'test', [])).toMatchObject(said);
    }
    await agent.close();
  });

  it.each([
    [{ statusCode: 503, headers: {}, message: 'too busy' }, 'overloaded', 503, 'test answered 503: too busy'],
    [
      { statusCode: 503, headers: {}, body: 'not now', message: 'too busy' },
      'overloaded',
      503,
      'test answered 503: not now',
    ],
    [
      { statusCode: 400, headers: { 'x-should-retry': 'true' } },
      'invalid_request',
      400,
      'test answered 400.',
    ],
    [
      { status: 429, headers: new Headers(), message: '429 too fast' },
      'rate_limited',
      429,
      'test answered 429: too fast',
    ],
    [
      { status: 429, headers: {}, error: 'too fast', message: 'x' },
      'rate_limited',
      429,
      'test answered 429: too fast',
    ],
    [{ status: '429', headers: {} }, 'protocol', undefined, 'test: the call failed.'],
    [{ statusCode: 399, headers: {} }, 'protocol', undefined, 'test: the call failed.'],
    [{ statusCode: 503, headers: [] }, 'protocol', undefined, 'test: the call failed.'],
    [{ statusCode: 503 }, 'protocol', undefined, 'test: the call failed.'],
  ])('that is %j is %s', (thrown, code, status, message) => {
    const error = toSluiceError(thrown, 'test', []);
    expect([error.code, error.status, error.message]).toEqual([code, status, message]);
  });

  it('of the built-in fetch for a redirect has its status and is not retried', async () => {
    await using server = await handServer((_request, response) =>
      response.writeHead(302, { location: '/' }).end(),
    );
    const transport = providerFetch({ fetch: globalThis.fetch });
    const said = { code: 'protocol', retryable: false, status: 302 };
    expect(toSluiceError(await failure(transport.fetch(server.url)), 'test', [])).toMatchObject(said);
  });

  it('that wraps one of ours is ours, with the name of the provider', () => {
    const ours = new SluiceError('protocol', 'Redirects are not followed.', {
      status: 307,
      retryable: false,
    });
    const error = toSluiceError(new OpenAI.APIConnectionError({ cause: ours }), 'openai', []);
    expect(error).toMatchObject({ code: 'protocol', status: 307, provider: 'openai', retryable: false });
    expect(toSluiceError(error, 'other', [])).toBe(error);
  });

  it("from a real SDK and socket keeps the provider's message", async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(429, {
        'content-type': 'application/json',
        'x-request-id': 'req_7',
        'retry-after': '2',
      });
      response.end('{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded"}}');
    });
    const transport = providerFetch({});
    const client = new OpenAI({ apiKey: KEY, baseURL: server.url, maxRetries: 0, fetch: transport.fetch });
    const thrown = await failure(client.models.list().asResponse());
    await transport.close();
    const error = toSluiceError(thrown, 'openai', [KEY]);
    expect(error).toMatchObject({
      code: 'rate_limited',
      status: 429,
      requestId: 'req_7',
      retryAfterMs: 2_000,
    });
    expect(error.message).toBe('openai answered 429 (rate_limit_exceeded): Slow down');
    expect(server.requests).toHaveLength(1);
  });
});

describe('an error object in a body or event', () => {
  it.each([
    [{ error: { type: 'overloaded_error', message: 'x' } }, 'overloaded', undefined],
    [{ type: 'error', error: { type: 'api_error' } }, 'server', undefined],
    [{ object: 'error', message: 'x', type: 'BadRequestError', code: 400 }, 'invalid_request', 400],
    [{ error: { code: 502, message: 'x', metadata: {} } }, 'server', 502],
    [{ error: { code: '429', message: 'x' } }, 'rate_limited', 429],
    [{ error: { code: 429, status: 'RESOURCE_EXHAUSTED' } }, 'rate_limited', 429],
    [{ code: 'server_error', message: 'x' }, 'server', undefined],
    [{ code: 'rate_limit_exceeded' }, 'rate_limited', undefined],
    [{ code: 'image_too_large' }, 'invalid_request', undefined],
    [{ code: 'invalid_prompt' }, 'invalid_request', undefined],
    [{ error: 'Model is overloaded', error_type: 'overloaded' }, 'overloaded', undefined],
    [{ error: 'out of memory' }, 'server', undefined],
    [{}, 'server', undefined],
  ])('%j is %s', (body, code, status) => {
    const error = errorFromBody(body, { provider: 'p', status: 200, requestId: 'r' });
    expect(error).toMatchObject({ code, provider: 'p', requestId: 'r' });
    expect(error.status).toBe(status);
  });

  it('is never classified by its message', () => {
    const message = 'rate limit exceeded: context_length_exceeded, overloaded_error 401';
    expect(errorFromBody({ message }, { provider: 'p' }).code).toBe('server');
    expect(tellOf(openaiError(400, { message }))[0]).toBe('invalid_request');
  });
});

describe('S1 an error', () => {
  it.each([
    ['the key', KEY],
    ['the key, masked by the provider', 'sk-proj-ab********wxyz'],
    ["another's key", 'sk-ant-api03-AbCdEfGhIjKl'],
    ['a bearer token', 'Bearer abcdefghijklmnop'],
    ["Google's key", 'AIzaSyA1234567890123456789012'],
  ])('does not show %s anywhere', (_what, secret) => {
    const body = { message: `Incorrect API key provided: ${secret}. See the docs.`, param: secret };
    const error = toSluiceError(openaiError(401, body, { 'x-echo': secret }), 'openai', [KEY]);
    expect(error.message).toMatch(
      /^openai answered 401: Incorrect API key provided: \*\*\*\.? See the docs\.$/,
    );
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret);
    expect(JSON.stringify(error)).not.toContain(secret);
    const event = errorFromBody({ error: body }, { provider: 'p', secrets: [KEY] });
    expect(inspect(event, { depth: 9, showHidden: true })).not.toContain(secret);
  });

  it("keeps the SDK's error as its cause if that holds no secret", () => {
    const thrown = openaiError(401, { message: 'No.' });
    expect(toSluiceError(thrown, 'openai', [KEY]).cause).toBe(thrown);
  });

  it('shows 300 characters of a message, on one line', () => {
    const { message } = errorFromBody({ message: `a\r\n\u001b[2Jb ${'x'.repeat(1_000)}` }, { provider: 'p' });
    expect(message).toBe(`p sent an error: a [2Jb ${'x'.repeat(293)}…`);
  });

  it('does not show half a key at the end of a cut message', () => {
    const message = `${'x'.repeat(290)}${KEY}`;
    expect(errorFromBody({ message }, { provider: 'p', secrets: [KEY] }).message).not.toContain('canary');
  });
});
