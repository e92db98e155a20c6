import type { ErrorCode, TimeoutPhase } from '../../src/index.ts';

/** What an error is, and whether to try again where that is not as usual for its code. */
export interface Kind {
  code: ErrorCode;
  retryable?: boolean;
  /** Which clock of the transport ran out. */
  phase?: TimeoutPhase;
}

function kind(code: ErrorCode, retryable?: boolean): Kind {
  return retryable === undefined ? { code } : { code, retryable };
}

const OUT_OF_MONEY = kind('rate_limited', false);

/**
 * Words of `code` or `type` that say more than the status. OpenAI: the error codes of its guide and of `response.failed`; Anthropic:
 * the types of its errors page; Gemini: the statuses of google.rpc.Code; Azure's content filter; text-generation-inference's types.
 */
const SPECIFIC: ReadonlyMap<string, Kind> = new Map([
  ['context_length_exceeded', kind('context_length')],
  ['insufficient_quota', OUT_OF_MONEY],
  ['billing_error', kind('permission')],
  ['rate_limit_exceeded', kind('rate_limited')],
  ['rate_limit_error', kind('rate_limited')],
  ['resource_exhausted', kind('rate_limited')],
  ['slow_down', kind('rate_limited')],
  ['overloaded_error', kind('overloaded')],
  ['overloaded', kind('overloaded')],
  ['engine_overloaded', kind('overloaded')],
  ['unavailable', kind('overloaded')],
  ['service_unavailable', kind('overloaded')],
  ['vector_store_timeout', kind('server')],
  ['timeout_error', kind('timeout')],
  ['deadline_exceeded', kind('timeout')],
  ['authentication_error', kind('authentication')],
  ['invalid_api_key', kind('authentication')],
  ['unauthenticated', kind('authentication')],
  ['permission_error', kind('permission')],
  ['permission_denied', kind('permission')],
  ['not_found_error', kind('not_found')],
  ['model_not_found', kind('not_found')],
  ['not_found', kind('not_found')],
  ['notfounderror', kind('not_found')],
  ['content_filter', kind('content_filter')],
  ['content_policy_violation', kind('content_filter')],
  ['responsibleaipolicyviolation', kind('content_filter')],
  ['request_too_large', kind('invalid_request')],
]);

/** Words that cover many causes (some servers have one for all): the status says more. */
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
 * An error object's kind by its words, then by its status, never by its message. Without either it is the server's
 * fault.
 */
export function kindOfError(words: readonly string[], status: number | undefined): Kind {
  const lower = words.map((word) => word.toLowerCase());
  for (const word of lower) {
    const found = SPECIFIC.get(word);
    if (found !== undefined) return found;
  }
  if (status !== undefined && status >= 400) return kindOfStatus(status);
  for (const word of lower) {
    const found = GENERIC.get(word);
    if (found !== undefined) return found;
    // image_too_large, invalid_image_url, ...: the request's own fault, in `response.failed`.
    if (/^(?:invalid|image|unsupported|empty|failed_to_download)_/.test(word)) return kind('invalid_request');
  }
  return kind('server');
}

/** An HTTP status' kind. */
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
      return kind('conflict', true);
    case 429:
      return kind('rate_limited');
    case 503:
    case 529:
      return kind('overloaded');
    default:
      if (status >= 500) return kind('server');
      return status >= 400 ? kind('invalid_request') : kind('protocol', false);
  }
}

/** Codes of Node's sockets, resolver and of undici that mean a connection failed or was cut. */
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
  // No more sockets.
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_PRX_TLS',
  // What undici calls a tunnel that the proxy refused. An abort of ours never ends in it: that carries the reason given.
  'UND_ERR_ABORTED',
  // The connection was closed inside a chunked body.
  'HPE_INVALID_EOF_STATE',
  // A compressed body broke off.
  'Z_BUF_ERROR',
]);

/** The kind of an error of the socket, by its `code`; undefined where the code says nothing. */
export function kindOfSocketError(code: string): Kind | undefined {
  if (NETWORK.has(code) || code.startsWith('EAI_') || code.startsWith('ERR_HTTP2_')) return kind('network');
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return { code: 'timeout', phase: 'first_chunk' };
  if (code === 'UND_ERR_BODY_TIMEOUT') return { code: 'timeout', phase: 'idle' };
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return kind('invalid_options');
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return kind('shutting_down');
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return kind('protocol', false);
  if (/^(?:HPE_|Z_|ERR__ERROR_|ZSTD_)/.test(code)) return kind('protocol', false);
  // A certificate does not get better by itself.
  if (/^(?:CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO$)/.test(code))
    return kind('network', false);
  return undefined;
}
