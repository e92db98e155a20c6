import { describe, expect, it } from 'vitest';
import { errorFromBody } from '../../../../providers/wire/index.ts';
import { statusError } from '../../../../providers/wire/errors/errors.ts';

const tellOf = (body: unknown) => {
  const { code, message, retryable, status } = errorFromBody(body, { provider: 'p', status: 200 });
  return [code, retryable, status, message];
};

describe('R46 an error body', () => {
  it.each([
    [
      'OpenRouter with the JSON of the server that it called',
      {
        error: {
          code: 502,
          message: 'Provider returned error',
          metadata: {
            provider_name: 'Anthropic',
            raw: '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
          },
        },
      },
      ['overloaded', true, 502, 'p sent an error (overloaded_error): Provider returned error: Overloaded'],
    ],
    [
      'OpenRouter with a text of the server that it called',
      {
        error: {
          message: 'Provider returned error',
          code: 429,
          metadata: { raw: 'glm is temporarily rate-limited upstream.', provider_name: 'BaseTen' },
        },
      },
      [
        'rate_limited',
        true,
        429,
        'p sent an error: Provider returned error: glm is temporarily rate-limited upstream.',
      ],
    ],
    [
      'OpenRouter with a word in its metadata',
      { error: { message: 'Slow down', metadata: { error_type: 'rate_limit_exceeded' } } },
      ['rate_limited', true, undefined, 'p sent an error (rate_limit_exceeded): Slow down'],
    ],
    [
      'Google in a list of one with its details',
      [
        {
          error: {
            code: 503,
            status: 'UNAVAILABLE',
            message: 'No capacity available',
            details: [
              { '@type': 'type.googleapis.com/google.rpc.Help', links: [] },
              {
                '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
                reason: 'MODEL_CAPACITY_EXHAUSTED',
                domain: 'cloudcode-pa.googleapis.com',
              },
            ],
          },
        },
      ],
      ['overloaded', true, 503, 'p sent an error (MODEL_CAPACITY_EXHAUSTED): No capacity available'],
    ],
    [
      'Google for an invalid key',
      {
        error: {
          code: 400,
          status: 'INVALID_ARGUMENT',
          message: 'No',
          details: [{ reason: 'API_KEY_INVALID' }],
        },
      },
      ['authentication', false, 400, 'p sent an error (API_KEY_INVALID): No'],
    ],
    [
      'Gemini with JSON in its message',
      {
        error: {
          message:
            '{\n  "error": {\n "code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED" }\n}\n',
          code: 429,
          status: 'Too Many Requests',
        },
      },
      ['rate_limited', true, 429, 'p sent an error (RESOURCE_EXHAUSTED): Quota.'],
    ],
    [
      'LiteLLM with nothing as text',
      { error: { message: 'litellm.RateLimitError: slow', type: 'None', param: 'None', code: '429' } },
      ['rate_limited', true, 429, 'p sent an error: litellm.RateLimitError: slow'],
    ],
    [
      'an error in an error',
      { error: { error: { type: 'overloaded_error', message: 'Busy' } } },
      ['overloaded', true, undefined, 'p sent an error (overloaded_error): Busy'],
    ],
    [
      'Cloudflare',
      { success: false, errors: [{ code: 7009, message: 'Upstream is down' }], result: {} },
      ['server', true, undefined, 'p sent an error (7009): Upstream is down'],
    ],
    [
      'errors as texts',
      { errors: ['Out of memory', 'again'] },
      ['server', true, undefined, 'p sent an error: Out of memory'],
    ],
    [
      'FastAPI with a text',
      { detail: 'Model is gone', status: 404 },
      ['not_found', false, 404, 'p sent an error: Model is gone'],
    ],
    [
      'FastAPI with a list',
      { detail: [{ type: 'missing', loc: ['body', 'model'], msg: 'Field required' }] },
      ['server', true, undefined, 'p sent an error (missing): Field required'],
    ],
    [
      'FastAPI with an object',
      { detail: { code: 'queue_full', message: 'Later' } },
      ['overloaded', true, undefined, 'p sent an error (queue_full): Later'],
    ],
    [
      'a code with details',
      { code: 'overloaded_error', details: 'Too busy' },
      ['overloaded', true, undefined, 'p sent an error (overloaded_error): Too busy'],
    ],
    [
      'a message that is an object',
      { message: { code: 429, msg: 'Slow' } },
      ['rate_limited', true, 429, 'p sent an error: Slow'],
    ],
    [
      'Spring',
      { timestamp: 1, status: 500, error: 'Internal Server Error', message: 'No beans', path: '/v1' },
      ['server', true, 500, 'p sent an error: Internal Server Error: No beans'],
    ],
    [
      'OAuth',
      { error: 'invalid_token', error_description: 'It has expired', status: 401 },
      ['authentication', false, 401, 'p sent an error (invalid_token): It has expired'],
    ],
    [
      'xAI',
      { code: 'The service is currently unavailable', error: 'The model is down' },
      [
        'server',
        true,
        undefined,
        'p sent an error (The service is currently unavailable): The model is down',
      ],
    ],
    [
      'a problem document',
      { type: 'about:blank', title: 'Too Many Requests', status: 429 },
      ['rate_limited', true, 429, 'p sent an error: Too Many Requests'],
    ],
    [
      'AWS',
      { __type: 'com.amazon.coral.service#ThrottlingException', Message: 'Rate exceeded' },
      [
        'rate_limited',
        true,
        undefined,
        'p sent an error (com.amazon.coral.service#ThrottlingException): Rate exceeded',
      ],
    ],
    [
      'an API management',
      { statusCode: 429, message: 'Rate limit is exceeded. Try again in 5 seconds.' },
      ['rate_limited', true, 429, 'p sent an error: Rate limit is exceeded. Try again in 5 seconds.'],
    ],
    [
      'Azure',
      { error: { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } } },
      ['content_filter', false, undefined, 'p sent an error (ResponsibleAIPolicyViolation).'],
    ],
    [
      'a failed response',
      { type: 'response.failed', response: { error: { code: 'server_error', message: 'x' } } },
      ['server', true, undefined, 'p sent an error (server_error): x'],
    ],
    [
      'MiniMax',
      { base_resp: { status_code: 1002, status_msg: 'rate limit' }, choices: null },
      ['rate_limited', true, undefined, 'p sent an error (base_resp.1002): rate limit'],
    ],
    [
      'MiniMax without money',
      { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
      ['rate_limited', false, undefined, 'p sent an error (base_resp.1008): insufficient balance'],
    ],
    [
      'a text',
      'Internal Server Error',
      ['server', true, undefined, 'p sent an error: Internal Server Error'],
    ],
    ['a word', 'overloaded_error', ['overloaded', true, undefined, 'p sent an error (overloaded_error).']],
    [
      'a page',
      '<html><head><style>a{}</style><title>502</title></head><body>Bad Gateway</body></html>',
      ['server', true, undefined, 'p sent an error: 502 Bad Gateway'],
    ],
    [
      'a text with angle brackets',
      { message: 'a < b > c' },
      ['server', true, undefined, 'p sent an error: a < b > c'],
    ],
    [
      'a blank message before a field with one',
      { message: '  ', error_message: 'Busy' },
      ['server', true, undefined, 'p sent an error: Busy'],
    ],
    ['white space', ' \n ', ['server', true, undefined, 'p sent an error.']],
    [
      'the same message in several layers',
      { message: 'It is down', error: { message: 'It is down: see the docs', detail: { message: 'docs' } } },
      ['server', true, undefined, 'p sent an error: It is down: see the docs'],
    ],
    [
      'two messages with spaces around them',
      { message: ' Down ', error: { message: ' Later ' } },
      ['server', true, undefined, 'p sent an error: Down: Later'],
    ],
    [
      'a list with a reason that is not the first',
      { details: [{ type: 'help' }, { reason: 'slow_down' }] },
      ['rate_limited', true, undefined, 'p sent an error (slow_down).'],
    ],
    [
      'a list in a list',
      [[{ error: { type: 'overloaded_error' } }]],
      ['server', true, undefined, 'p sent an error.'],
    ],
    [
      'an event of a reply with an error',
      { type: 'response.done', error: { message: 'x' } },
      ['server', true, undefined, 'p sent an error: x'],
    ],
    [
      'a word beside a code',
      { code: 'slow_down', error: 'busy' },
      ['rate_limited', true, undefined, 'p sent an error (slow_down): busy'],
    ],
    [
      'placeholders for codes',
      { code: 0, type: 'error', reason: 'null', error_code: '404', __type: 'https://example.com/busy' },
      ['server', true, undefined, 'p sent an error.'],
    ],
    ['nothing', '', ['server', true, undefined, 'p sent an error.']],
    ['null', null, ['server', true, undefined, 'p sent an error.']],
    ['an empty list', [], ['server', true, undefined, 'p sent an error.']],
  ])('of %s is classified by its code', (_who, body, expected) => {
    expect(tellOf(body)).toEqual(expected);
  });

  it.each([
    [
      'llama.cpp',
      { error: { code: 400, message: 'x', type: 'exceed_context_size_error', n_prompt_tokens: 9, n_ctx: 8 } },
    ],
    [
      'llama.cpp, older',
      { code: 500, message: 'x', type: 'exceed_context_size_error', n_prompt_tokens: 9, n_ctx: 8 },
    ],
    [
      'OpenAI and Groq',
      { error: { code: 'context_length_exceeded', type: 'invalid_request_error', param: 'messages' } },
    ],
    ['Copilot', { error: { message: 'x', code: 'model_max_prompt_tokens_exceeded' } }],
    ['vLLM', { error: { message: 'x', type: 'BadRequestError', param: 'input_tokens', code: 400 } }],
    ['LiteLLM', { error: { message: 'x', type: 'ContextWindowExceededError', code: '400' } }],
    ['Z.ai', { error: { code: '1261', message: 'Prompt exceeds max length' } }],
    ['others', { error: { code: 'context_window_exceeded' } }],
    ['others yet', { error: { type: 'prompt_too_long' } }],
    [
      'OpenRouter of another',
      { error: { code: 400, metadata: { raw: '{"error":{"code":"context_length_exceeded"}}' } } },
    ],
  ])('of %s means that the context is too long', (_who, body) => {
    const error = errorFromBody(body, { provider: 'p' });
    expect([error.code, error.retryable]).toEqual(['context_length', false]);
  });

  it.each([
    ['Moonshot', { error: { message: 'x', type: 'engine_overloaded_error' } }],
    ['Mistral', { object: 'error', message: 'x', type: 'service_tier_capacity_exceeded', code: '3505' }],
    ['Cerebras', { message: 'x', type: 'too_many_requests_error', param: 'queue', code: 'queue_exceeded' }],
    ['OpenAI', { type: 'error', error: { type: 'service_unavailable_error', code: 'server_is_overloaded' } }],
    ['Volcengine', { error: { code: 'ServerOverloaded', type: 'TooManyRequests' } }],
    ['Z.ai', { error: { code: '1305', message: 'x' } }],
    ['others', { code: 'model_overloaded' }],
    ['others yet', { error: { code: 'capacity_exceeded' } }],
    ['a full queue', { error: { type: 'queue_full' } }],
    ['AWS', { __type: 'ServiceUnavailableException' }],
  ])('of %s means that the server is overloaded', (_who, body) => {
    const inStream = errorFromBody(body, { provider: 'p' });
    const answered = statusError({ status: 429, body }, { provider: 'p' });
    expect([inStream.code, inStream.retryable, answered.code]).toEqual(['overloaded', true, 'overloaded']);
  });

  it.each([
    ['Moonshot', { error: { type: 'rate_limit_reached_error' } }, 'rate_limited', true],
    ['Mistral', { object: 'error', message: 'x', type: 'rate_limited', code: '1300' }, 'rate_limited', true],
    ['Z.ai', { error: { code: '1302', message: 'x' } }, 'rate_limited', true],
    ['Z.ai over its quota', { error: { code: '1308', message: 'x' } }, 'rate_limited', false],
    ['Moonshot without money', { error: { type: 'exceeded_current_quota_error' } }, 'rate_limited', false],
    [
      'MiniMax on the wire of Anthropic',
      { type: 'error', error: { type: 'insufficient_balance_error', http_code: '429' } },
      'rate_limited',
      false,
    ],
    [
      'Cerebras',
      { message: 'x', type: 'too_many_requests_error', code: 'request_quota_exceeded' },
      'rate_limited',
      true,
    ],
    ['DashScope', { code: 'Throttling.RateQuota', message: 'x' }, 'rate_limited', true],
    ['DashScope for a parameter', { code: 'InvalidParameter', message: 'x' }, 'invalid_request', false],
    ['DashScope for its filter', { code: 'DataInspectionFailed', message: 'x' }, 'content_filter', false],
    ['Go', { error: { code: 'context_deadline_exceeded' } }, 'timeout', true],
    ['OpenAI in words only', { error: { message: 'context_length_exceeded, overloaded' } }, 'server', true],
    ['a sentence for a code', { code: 'The engine is overloaded', message: 'x' }, 'server', true],
  ])('of %s with %j is %s', (_who, body, code, retryable) => {
    const error = errorFromBody(body, { provider: 'p' });
    expect([error.code, error.retryable]).toEqual([code, retryable]);
  });

  it('keeps the request id, at any depth', () => {
    const body = { error: { error: { message: 'x', request_id: 'req_1' } } };
    expect(errorFromBody(body, { provider: 'p' }).requestId).toBe('req_1');
  });

  it('is read in bounded time and depth', () => {
    let nested: unknown = { type: 'overloaded_error' };
    for (let depth = 0; depth < 50; depth++) nested = { error: nested };
    expect(errorFromBody(nested, { provider: 'p' }).code).toBe('server');
    const page = '<'.repeat(1_000_000);
    expect(errorFromBody(page, { provider: 'p' }).message.length).toBeLessThan(400);
  });

  it('S1 is shown without secrets and cut, wherever its message is', () => {
    const raw = JSON.stringify({ error: { message: `bad key canary-0123456789 ${'x'.repeat(900)}` } });
    const error = errorFromBody(
      { error: { message: 'Provider returned error', metadata: { raw } } },
      { provider: 'p', secrets: ['canary-0123456789'] },
    );
    expect(error.message).toMatch(/^p sent an error: Provider returned error: bad key \*\*\* x+…$/);
    expect(error.message.length).toBe('p sent an error: '.length + 301);
  });

  it('with an error status shows a page without its markup, or only the status', () => {
    const page = statusError(
      { status: 502, body: '<html><h1>Bad Gateway</h1>nginx</html>' },
      { provider: 'p' },
    );
    expect([page.code, page.message]).toEqual(['server', 'p answered 502: Bad Gateway nginx']);
    const empty = statusError({ status: 503, body: '' }, { provider: 'p' });
    expect([empty.code, empty.message]).toEqual(['overloaded', 'p answered 503.']);
  });
});
