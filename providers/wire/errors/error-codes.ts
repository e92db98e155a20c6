import type { ErrorCode, TimeoutPhase } from '../../../src/index.ts';

/** The code of an error, and whether to retry if that differs from the default of the code. */
export interface Kind {
  code: ErrorCode;
  retryable?: boolean;
  /** Which timeout of the transport was exceeded. */
  phase?: TimeoutPhase;
}

function kind(code: ErrorCode, retryable?: boolean): Kind {
  return retryable === undefined ? { code } : { code, retryable };
}

const OUT_OF_MONEY = kind('rate_limited', false);

/**
 * Values of `code` or `type` that say more than the status. They are from: the error codes in OpenAI's guide and of
 * `response.failed`; the types on Anthropic's errors page; for Gemini the statuses of google.rpc.Code and the reasons of
 * google.rpc.ErrorInfo; Azure's content filter; the types of text-generation-inference; the codes of Moonshot, DashScope,
 * Z.ai (numbers) and MiniMax (`base_resp`). {@link PATTERNS} finds other spellings.
 */
const SPECIFIC: ReadonlyMap<string, Kind> = new Map([
  ['context_length_exceeded', kind('context_length')],
  // vLLM says nothing but the name of the parameter.
  ['input_tokens', kind('context_length')],
  ['1261', kind('context_length')],
  ['insufficient_quota', OUT_OF_MONEY],
  ['insufficient_balance', OUT_OF_MONEY],
  ['insufficient_balance_error', OUT_OF_MONEY],
  ['exceeded_current_quota_error', OUT_OF_MONEY],
  ['usage_limit_reached', OUT_OF_MONEY],
  ['arrearage', OUT_OF_MONEY],
  ['1113', OUT_OF_MONEY],
  ['1304', OUT_OF_MONEY],
  ['1308', OUT_OF_MONEY],
  ['base_resp.1008', OUT_OF_MONEY],
  ['billing_error', kind('permission')],
  ['resource_exhausted', kind('rate_limited')],
  ['request_quota_exceeded', kind('rate_limited')],
  ['token_quota_exceeded', kind('rate_limited')],
  ['slow_down', kind('rate_limited')],
  ['1302', kind('rate_limited')],
  ['1303', kind('rate_limited')],
  ['base_resp.1002', kind('rate_limited')],
  ['base_resp.1039', kind('rate_limited')],
  ['base_resp.1041', kind('rate_limited')],
  ['unavailable', kind('overloaded')],
  ['insufficient_system_resource', kind('overloaded')],
  ['1305', kind('overloaded')],
  ['vector_store_timeout', kind('server')],
  ['timeout_error', kind('timeout')],
  ['deadline_exceeded', kind('timeout')],
  ['context_deadline_exceeded', kind('timeout')],
  ['base_resp.1001', kind('timeout')],
  ['authentication_error', kind('authentication')],
  ['invalid_api_key', kind('authentication')],
  ['api_key_invalid', kind('authentication')],
  ['invalid_authentication_error', kind('authentication')],
  ['incorrect_api_key_error', kind('authentication')],
  ['unauthenticated', kind('authentication')],
  ['unauthorized', kind('authentication')],
  ['base_resp.1004', kind('authentication')],
  ['base_resp.2049', kind('authentication')],
  ['permission_error', kind('permission')],
  ['permission_denied', kind('permission')],
  ['access_denied', kind('permission')],
  ['not_found_error', kind('not_found')],
  ['model_not_found', kind('not_found')],
  ['not_found', kind('not_found')],
  ['notfounderror', kind('not_found')],
  ['1211', kind('not_found')],
  ['content_filter', kind('content_filter')],
  ['content_policy_violation', kind('content_filter')],
  ['responsibleaipolicyviolation', kind('content_filter')],
  ['data_inspection_failed', kind('content_filter')],
  ['datainspectionfailed', kind('content_filter')],
  ['1301', kind('content_filter')],
  ['base_resp.1026', kind('content_filter')],
  ['base_resp.1027', kind('content_filter')],
  ['request_too_large', kind('invalid_request')],
  ['base_resp.2013', kind('invalid_request')],
]);

/**
 * Other spellings, in lower case: `exceed_context_size_error` (llama.cpp), `model_max_prompt_tokens_exceeded` (Copilot),
 * `engine_overloaded_error` (Moonshot), `service_tier_capacity_exceeded` (Mistral), `queue_exceeded` (Cerebras),
 * `ModelAccountTpmRateLimitExceeded` (Volcengine), `ThrottlingException` (AWS).
 */
const PATTERNS: readonly (readonly [RegExp, Kind])[] = [
  [
    /context_?(?:length|size|window|limit|overflow)|max_?prompt_?tokens|(?:prompt|input)_?(?:is_?)?too_?long/,
    kind('context_length'),
  ],
  [
    /overload|capacity_?(?:exceeded|exhausted)|(?:at|over|no)_?capacity|queue_?(?:is_?)?(?:full|exceeded)|(?:server|system|engine|service)_?(?:is_?)?(?:busy|unavailable)/,
    kind('overloaded'),
  ],
  [/rate_?limit|too_?many_?requests|throttl/, kind('rate_limited')],
];

/** Codes that have many causes. Some servers use one of them for everything, so the status says more. */
const GENERIC: ReadonlyMap<string, Kind> = new Map([
  ['api_error', kind('server')],
  ['server_error', kind('server')],
  ['internal_error', kind('server')],
  ['internal_server_error', kind('server')],
  ['internal', kind('server')],
  ['internalservererror', kind('server')],
  ['invalid_request_error', kind('invalid_request')],
  ['invalid_argument', kind('invalid_request')],
  ['invalid_prompt', kind('invalid_request')],
  ['badrequesterror', kind('invalid_request')],
  ['validation', kind('invalid_request')],
]);

/**
 * Classifies an error by its codes, then by its status, never by its message. Without a code and a status it is a `server`
 * error.
 */
export function kindOfError(words: readonly string[], status: number | undefined): Kind {
  const lower = words.map((word) => word.toLowerCase());
  for (const word of lower) {
    const found = SPECIFIC.get(word);
    if (found !== undefined) return found;
  }
  // Some servers write a sentence where a code belongs.
  const names = lower.filter((word) => /^\S{1,100}$/.test(word));
  for (const word of names) {
    const found = PATTERNS.find(([pattern]) => pattern.test(word));
    if (found !== undefined) return found[1];
  }
  if (status !== undefined && status >= 400) return kindOfStatus(status);
  for (const word of names) {
    const found = GENERIC.get(word);
    if (found !== undefined) return found;
    // Examples: image_too_large, invalid_image_url, InvalidParameter. The request itself is wrong.
    if (/^(?:invalid|image_|unsupported_|empty_|failed_to_download_)/.test(word))
      return kind('invalid_request');
  }
  return kind('server');
}

/** Classifies an HTTP status of 400 or more. */
function kindOfStatus(status: number): Kind {
  switch (status) {
    case 401:
      return kind('authentication');
    case 402:
    case 403:
      return kind('permission');
    case 404:
      return kind('not_found');
    case 408:
      return kind('timeout');
    case 409:
      return kind('conflict');
    case 429:
      return kind('rate_limited');
    case 503:
    case 529:
      return kind('overloaded');
    default:
      return kind(status >= 500 ? 'server' : 'invalid_request');
  }
}

/** Codes of Node's sockets and resolver and of undici for a connection that failed or was closed. */
const NETWORK: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  // The process has no more sockets.
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_PRX_TLS',
  // undici's code for a tunnel that the proxy refused. An abort of ours never has it: it carries the reason that was given.
  'UND_ERR_ABORTED',
  // The connection was closed within a chunked body.
  'HPE_INVALID_EOF_STATE',
  // A compressed body ended too soon.
  'Z_BUF_ERROR',
]);

/** Classifies a socket error by its `code`. Undefined if the code says nothing. */
export function kindOfSocketError(code: string): Kind | undefined {
  // What came is not HTTP/2.
  if (code === 'ERR_HTTP2_ERROR') return kind('protocol', false);
  if (NETWORK.has(code) || code.startsWith('EAI_') || code.startsWith('ERR_HTTP2_')) return kind('network');
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return { code: 'timeout', phase: 'first_chunk' };
  if (code === 'UND_ERR_BODY_TIMEOUT') return { code: 'timeout', phase: 'idle' };
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return kind('invalid_options');
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return kind('shutting_down');
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return kind('protocol', false);
  if (/^(?:HPE_|Z_|ERR__ERROR_|ZSTD_)/.test(code)) return kind('protocol', false);
  // A retry does not help against an invalid certificate.
  if (/^(?:CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO$)/.test(code))
    return kind('network', false);
  return undefined;
}
