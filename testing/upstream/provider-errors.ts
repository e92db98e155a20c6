import type { FaultResponse } from './fault-response.ts';

/** Fields of a provider's error. Fields that are left out have the values the provider uses with that status. */
export interface ProviderErrorOptions {
  readonly message?: string;
  readonly type?: string;
  /** OpenAI only. */
  readonly code?: string | null;
  /** OpenAI only: the parameter that is wrong. */
  readonly param?: string | null;
  readonly headers?: FaultResponse['headers'];
}

/**
 * Makes an error response with the body that OpenAI and compatible servers send.
 * Shape: https://platform.openai.com/docs/guides/error-codes
 *
 * @example
 * server.enqueue(openaiError(429, { headers: { 'retry-after': '2' } }));
 */
export function openaiError(status: number, options: ProviderErrorOptions = {}): FaultResponse {
  return { status, body: { error: openaiErrorBody(status, options) }, ...headersOf(options) };
}

/**
 * Makes an error response with the body that Anthropic sends.
 * Shape: https://docs.anthropic.com/en/api/errors
 */
export function anthropicError(status: number, options: ProviderErrorOptions = {}): FaultResponse {
  return { status, body: anthropicErrorBody(status, options), ...headersOf(options) };
}

/** Makes a page of HTML, as a proxy or a wrong address would return it. The default status is 200, so that it looks like success. */
export function htmlPage(text = 'It works!', status = 200): FaultResponse {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html>\n<html><head><title>${text}</title></head><body><h1>${text}</h1></body></html>\n`,
  };
}

/** Makes a payload line with an error in a chat stream, for `fault: { kind: 'error', lines }`. */
export function chatErrorLine(options: ProviderErrorOptions & { readonly status?: number } = {}): string {
  return JSON.stringify({ error: openaiErrorBody(options.status ?? 500, options) });
}

/** Makes a payload line with the top-level `error` event of the Responses API, for `fault: { kind: 'error', lines }`. */
export function responsesErrorLine(
  options: ProviderErrorOptions & { readonly status?: number } = {},
): string {
  const { message, code, param } = openaiErrorBody(options.status ?? 500, options);
  return JSON.stringify({ type: 'error', sequence_number: 0, code, message, param });
}

/** Makes a payload line with Anthropic's `error` event, for `fault: { kind: 'error', lines }`. Default: `overloaded_error`. */
export function messagesErrorLine(options: ProviderErrorOptions & { readonly status?: number } = {}): string {
  return JSON.stringify(anthropicErrorBody(options.status ?? 529, options));
}

function headersOf(options: ProviderErrorOptions): Pick<FaultResponse, 'headers'> {
  return options.headers === undefined ? {} : { headers: options.headers };
}

function openaiErrorBody(status: number, options: ProviderErrorOptions) {
  const known = OPENAI_ERRORS[status] ?? {
    type: 'server_error',
    code: null,
    message: 'The server had an error.',
  };
  return {
    message: options.message ?? known.message,
    type: options.type ?? known.type,
    param: options.param ?? null,
    code: options.code === undefined ? known.code : options.code,
  };
}

function anthropicErrorBody(status: number, options: ProviderErrorOptions) {
  const type = options.type ?? ANTHROPIC_TYPES[status] ?? 'api_error';
  const message = options.message ?? ANTHROPIC_MESSAGES[type] ?? type;
  return { type: 'error', error: { type, message }, request_id: 'req_made_error' };
}

interface OpenaiErrorKind {
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
}

const OPENAI_ERRORS: Readonly<Record<number, OpenaiErrorKind>> = {
  400: { type: 'invalid_request_error', code: null, message: 'The request is invalid.' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  403: {
    type: 'request_forbidden',
    code: 'unsupported_country_region_territory',
    message: 'Not available here.',
  },
  404: { type: 'invalid_request_error', code: 'model_not_found', message: 'The model does not exist.' },
  429: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests.' },
  503: { type: 'server_error', code: null, message: 'The engine is currently overloaded.' },
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const ANTHROPIC_MESSAGES: Readonly<Record<string, string>> = {
  api_error: 'Internal server error',
  authentication_error: 'invalid x-api-key',
  overloaded_error: 'Overloaded',
  rate_limit_error: 'This request would exceed the rate limit.',
};
