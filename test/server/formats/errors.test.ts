import { describe, expect, it } from 'vitest';
import {
  codeOfWire,
  openaiErrorBody,
  retryHeaders,
  sentError,
  wireError,
} from '../../../server/formats/errors.ts';
import { RequestError, fieldError } from '../../../server/requests/request-error.ts';
import { SluiceError } from '../../../src/index.ts';
import { errorCodes } from '../../../src/kit/index.ts';
import { statusError } from '../../../providers/wire/index.ts';
import type { SentError } from '../../../server/stream/parts.ts';

const sentOf = (code: (typeof errorCodes)[number], details: Partial<SentError> = {}): SentError => ({
  // A token that is wrong is refused by the server itself.
  ...sentError(new (code === 'authentication' ? RequestError : SluiceError)(code, 'secret words')),
  ...details,
});

describe('the table of errors', () => {
  it.each(errorCodes)('brings %s to a client of OpenAI and back', (code) => {
    const wire = wireError(sentOf(code), 'openai');
    expect(codeOfWire(wire)).toBe(code);
    expect(wire.status).toBeGreaterThanOrEqual(400);
  });

  it('brings to Anthropic what it has words for, and back', () => {
    const back = Object.fromEntries(
      errorCodes.map((code) => {
        const { status, type } = wireError(sentOf(code), 'anthropic');
        return [code, `${status} ${type} ${codeOfWire({ status, type })}`];
      }),
    );
    expect(back).toEqual({
      aborted: '499 api_error aborted',
      timeout: '504 timeout_error timeout',
      truncated: '502 api_error server',
      protocol: '502 api_error server',
      network: '502 api_error server',
      rate_limited: '429 rate_limit_error rate_limited',
      overloaded: '529 overloaded_error overloaded',
      server: '502 api_error server',
      authentication: '401 authentication_error authentication',
      permission: '403 permission_error permission',
      not_found: '404 not_found_error not_found',
      invalid_request: '400 invalid_request_error invalid_request',
      context_length: '400 invalid_request_error invalid_request',
      content_filter: '400 invalid_request_error invalid_request',
      invalid_options: '500 api_error server',
      middleware: '500 api_error server',
      shutting_down: '503 api_error overloaded',
      queue_full: '529 overloaded_error overloaded',
      budget: '402 billing_error budget',
      guard: '400 invalid_request_error invalid_request',
      tool: '500 api_error server',
      output: '502 api_error server',
      session_busy: '409 invalid_request_error conflict',
      conflict: '409 invalid_request_error conflict',
      lease_lost: '409 invalid_request_error conflict',
      store: '503 api_error overloaded',
    });
  });

  it('is understood by our own providers, so that a gateway behind a gateway keeps what matters', () => {
    const seen = Object.fromEntries(
      errorCodes.map((code) => {
        const error = sentOf(code);
        const { status } = wireError(error, 'openai');
        const headers = new Headers(retryHeaders(error));
        const got = statusError({ status, headers, body: openaiErrorBody(error) }, { provider: 'p' });
        return [code, `${got.code}${got.retryable ? ' retryable' : ''}`];
      }),
    );
    expect(seen).toEqual({
      aborted: 'invalid_request',
      timeout: 'timeout retryable',
      truncated: 'server retryable',
      protocol: 'server',
      network: 'server retryable',
      rate_limited: 'rate_limited retryable',
      overloaded: 'overloaded retryable',
      server: 'server retryable',
      authentication: 'authentication',
      permission: 'permission',
      not_found: 'not_found',
      invalid_request: 'invalid_request',
      context_length: 'context_length',
      content_filter: 'content_filter',
      invalid_options: 'server',
      middleware: 'server',
      shutting_down: 'overloaded retryable',
      queue_full: 'overloaded retryable',
      budget: 'rate_limited',
      guard: 'content_filter',
      tool: 'server',
      output: 'server',
      session_busy: 'conflict retryable',
      conflict: 'conflict',
      lease_lost: 'conflict',
      store: 'overloaded retryable',
    });
  });

  it('says 529 to Anthropic and 503 to all others if the provider is overloaded, whatever it said itself', () => {
    const error = sentError(new SluiceError('overloaded', 'x', { status: 529 }));
    expect(wireError(error, 'anthropic')).toEqual({
      status: 529,
      type: 'overloaded_error',
      code: 'overloaded',
    });
    expect(wireError(error, 'openai')).toEqual({
      status: 503,
      type: 'server_error',
      code: 'server_is_overloaded',
    });
    expect(wireError(error, 'agent')).toEqual({ status: 503, type: 'overloaded', code: 'overloaded' });
  });

  it('keeps the status of a refusal that says the same as the code, and no other', () => {
    const of = (code: 'invalid_request' | 'permission' | 'server' | 'context_length', status: number) =>
      wireError(sentError(new SluiceError(code, 'x', { status })), 'openai').status;
    expect(of('invalid_request', 422)).toBe(422);
    expect(of('invalid_request', 413)).toBe(413);
    expect(of('context_length', 413)).toBe(400);
    expect(of('server', 500)).toBe(502);
    expect(of('server', 404)).toBe(502);
    const large = sentError(new RequestError('invalid_request', 'The body is too large.', { status: 413 }));
    expect(wireError(large, 'anthropic')).toMatchObject({ status: 413, type: 'request_too_large' });
  });

  it('has other words for a limit that no wait lifts, and for a model that is not there', () => {
    expect(wireError(sentOf('rate_limited', { retryable: false }), 'openai')).toEqual({
      status: 429,
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    });
    const missing = new RequestError('not_found', 'There is no model x.', { field: 'model' });
    expect(wireError(sentError(missing), 'openai')).toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe('the error that a client sees', () => {
  it('has no word of what was thrown', () => {
    const thrown = [
      new Error('canary sk-123'),
      'canary',
      new SluiceError('server', 'canary', { cause: new Error('canary') }),
      new Error('outer canary', { cause: new SluiceError('timeout', 'canary') }),
    ];
    const seen = thrown.map(sentError);
    expect(JSON.stringify(seen)).not.toContain('canary');
    expect(seen.map(({ code, retryable }) => [code, retryable])).toEqual([
      ['middleware', false],
      ['middleware', false],
      ['server', true],
      ['timeout', true],
    ]);
  });

  it('has the words and the field of a request that the server refuses itself', () => {
    const error = sentError(fieldError('messages[1].content', 'give a string or an array of parts.'));
    expect(error).toEqual({
      code: 'invalid_request',
      message: 'messages[1].content: give a string or an array of parts.',
      retryable: false,
      field: 'messages[1].content',
    });
    expect(openaiErrorBody(error)).toEqual({
      error: {
        message: 'messages[1].content: give a string or an array of parts.',
        type: 'invalid_request_error',
        param: 'messages[1].content',
        code: 'invalid_request',
      },
    });
  });

  it('may be sent again if nothing was asked of the execution yet', () => {
    const codes = errorCodes.filter((code) => sentOf(code).retryable && !new SluiceError(code, '').retryable);
    expect(codes).toEqual(['shutting_down', 'queue_full', 'session_busy']);
  });
});

describe('the headers about another attempt', () => {
  const wait = (retryAfterMs: number) => sentOf('rate_limited', { retryAfterMs });

  it('ask for one more attempt, after the time that is known or a second', () => {
    expect(retryHeaders(sentOf('server'))).toEqual({
      'x-should-retry': 'true',
      'retry-after': '1',
      'retry-after-ms': '1000',
    });
    expect(retryHeaders(wait(2_345.6))).toEqual({
      'x-should-retry': 'true',
      'retry-after': '3',
      'retry-after-ms': '2346',
    });
  });

  it('ask for none if our attempts are spent, if the client has tried again, or if it cannot help', () => {
    expect(retryHeaders(sentOf('server', { attempts: 3 }))).toEqual({ 'x-should-retry': 'false' });
    expect(retryHeaders(sentOf('server'), 1)).toEqual({ 'x-should-retry': 'false' });
    expect(retryHeaders(sentOf('authentication'))).toEqual({ 'x-should-retry': 'false' });
    expect(retryHeaders(sentOf('budget', { retryAfterMs: 5_000 }))).toEqual({
      'x-should-retry': 'false',
      'retry-after': '5',
      'retry-after-ms': '5000',
    });
  });

  it('name a wait that is too long for a client, which would shorten it', () => {
    expect(retryHeaders(wait(59_999))['x-should-retry']).toBe('true');
    expect(retryHeaders(wait(60_000))).toEqual({
      'x-should-retry': 'false',
      'retry-after': '60',
      'retry-after-ms': '60000',
    });
  });
});
