import { SluiceError, findSluiceError } from '../../src/index.ts';
import type { ErrorCode, ErrorJson } from '../../src/index.ts';
import { RequestError } from '../requests/request-error.ts';
import type { SentError } from '../stream/parts.ts';

/** A protocol that has its own words for errors. `agent` has ours. */
export type ErrorProtocol = 'openai' | 'anthropic' | 'agent';

/** How an error is said in a protocol. */
export interface WireError {
  status: number;
  /** `error.type` of the protocol. */
  type: string;
  /** `error.code`, where the protocol has it. */
  code: string;
}

/** A row: the status, OpenAI's type and code, Anthropic's type, and its status if it is another one. */
type Row = readonly [
  status: number,
  openaiType: string,
  openaiCode: string,
  anthropic: string,
  anthropicStatus?: number,
];

/**
 * Each code in both directions. 500 is the server's own fault, 502 to 504 are those of what is behind it. No two codes have the same code of OpenAI.
 * Sources: developers.openai.com, guide "Error codes"; docs.anthropic.com, API, "Errors" (read 2026-11). 499 is nginx's status for a client that left.
 */
const ROWS: Readonly<Record<ErrorCode, Row>> = {
  aborted: [499, 'server_error', 'cancelled', 'api_error'],
  timeout: [504, 'server_error', 'timeout_error', 'timeout_error'],
  truncated: [502, 'server_error', 'truncated', 'api_error'],
  protocol: [502, 'server_error', 'protocol', 'api_error'],
  network: [502, 'server_error', 'network', 'api_error'],
  rate_limited: [429, 'rate_limit_error', 'rate_limit_exceeded', 'rate_limit_error'],
  overloaded: [503, 'server_error', 'server_is_overloaded', 'overloaded_error', 529],
  server: [502, 'server_error', 'server_error', 'api_error'],
  authentication: [401, 'invalid_request_error', 'invalid_api_key', 'authentication_error'],
  permission: [403, 'permission_error', 'permission_denied', 'permission_error'],
  not_found: [404, 'invalid_request_error', 'not_found', 'not_found_error'],
  invalid_request: [400, 'invalid_request_error', 'invalid_request', 'invalid_request_error'],
  context_length: [400, 'invalid_request_error', 'context_length_exceeded', 'invalid_request_error'],
  content_filter: [400, 'invalid_request_error', 'content_filter', 'invalid_request_error'],
  invalid_options: [500, 'server_error', 'invalid_options', 'api_error'],
  middleware: [500, 'server_error', 'middleware', 'api_error'],
  shutting_down: [503, 'server_error', 'shutting_down', 'api_error'],
  queue_full: [503, 'server_error', 'queue_full', 'overloaded_error', 529],
  budget: [429, 'insufficient_quota', 'budget', 'billing_error', 402],
  guard: [400, 'invalid_request_error', 'content_policy_violation', 'invalid_request_error'],
  tool: [500, 'server_error', 'tool', 'api_error'],
  output: [502, 'server_error', 'output', 'api_error'],
  session_busy: [409, 'conflict_error', 'session_busy', 'invalid_request_error'],
  conflict: [409, 'conflict_error', 'conflict', 'invalid_request_error'],
  lease_lost: [409, 'conflict_error', 'lease_lost', 'invalid_request_error'],
  store: [503, 'server_error', 'store', 'api_error'],
};

/** Codes of an execution that nothing was asked of yet, so that the client may send it again, here or elsewhere. */
const NOT_BEGUN: ReadonlySet<ErrorCode> = new Set(['shutting_down', 'queue_full', 'session_busy']);

/** The longest wait that the official clients accept. They try again after half a second if they are told a longer one. */
const MAX_CLIENT_WAIT_MS = 60_000;

/** What a client waits if nobody knows a better time. */
const DEFAULT_WAIT_MS = 1_000;

/** How an error is said in a protocol: its status, and the type and code of its body. */
export function wireError(error: SentError, protocol: ErrorProtocol): WireError {
  const [usual, type, code, anthropicType, anthropicUsual] = ROWS[error.code];
  const status = ownStatus(error) ?? (protocol === 'anthropic' ? (anthropicUsual ?? usual) : usual);
  if (protocol === 'agent') return { status, type: error.code, code: error.code };
  if (protocol === 'anthropic')
    return { status, type: status === 413 ? 'request_too_large' : anthropicType, code: error.code };
  // What a client can do nothing about by waiting has another word.
  if (error.code === 'rate_limited' && !error.retryable)
    return { status, type: 'insufficient_quota', code: 'insufficient_quota' };
  if (error.code === 'not_found' && error.field === 'model') return { status, type, code: 'model_not_found' };
  return { status, type, code };
}

/** The code for what an answer of a protocol says: the way back. A word says more than a status. */
export function codeOfWire({ status, type, code }: Partial<WireError>): ErrorCode {
  for (const word of [code, type]) {
    const known = word === undefined ? undefined : WORDS.get(word);
    if (known !== undefined) return known;
  }
  return codeOfStatus(status ?? 500);
}

/**
 * The error as a client may see it, of whatever was thrown. What is not one of ours becomes `middleware`, without a word of it. If a provider refuses the server itself, its key, its
 * account or a model that it names, the client is told that the provider failed: a 401 would send it to look for what is wrong with its own token.
 */
export function sentError(error: unknown): SentError {
  const known = findSluiceError(error);
  if (known === undefined) return { ...UNKNOWN };
  const { code, retryable, retryAfterMs, attempts } = known;
  if (refusesServer(known))
    return {
      ...new SluiceError('server', '', { requestId: known.requestId }).toJSON(),
      retryable: false,
      upstream: code,
      ...(attempts !== undefined && { attempts }),
    };
  return {
    ...known.toJSON(),
    retryable: retryable || NOT_BEGUN.has(code),
    ...(code === 'rate_limited' && isOfProvider(known) && { upstream: code }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(attempts !== undefined && { attempts }),
    ...(known instanceof RequestError && known.field !== undefined && { field: known.field }),
  };
}

/** Whether a provider says that something is wrong with the server, and nothing with the request or with its caller. */
function refusesServer(error: SluiceError): boolean {
  if (error instanceof RequestError) return false;
  switch (error.code) {
    case 'authentication':
      return true;
    case 'permission':
    case 'not_found':
      return isOfProvider(error);
    case 'rate_limited':
      // No wait helps: the server's account has nothing left.
      return !error.retryable && isOfProvider(error);
    default:
      return false;
  }
}

/** A middleware or a store that throws the same code knows neither. */
function isOfProvider({ provider, status }: SluiceError): boolean {
  return provider !== undefined || status !== undefined;
}

/**
 * Tells the official clients whether to send the request again. One failing turn then makes at most our own attempts and one more: no client tries again once ours are spent,
 * and none a second time. `retries`: how often this request was sent before, as the header `x-stainless-retry-count` says.
 */
export function retryHeaders(error: SentError, retries = 0): Record<string, string> {
  const { retryable, attempts = 1, retryAfterMs } = error;
  const wait = retryAfterMs ?? DEFAULT_WAIT_MS;
  const mayRetry = retryable && attempts < 2 && retries === 0 && wait < MAX_CLIENT_WAIT_MS;
  // A client that tries again by itself should not wait for a new day. Whoever reads the answer learns when there is one.
  const isTold = mayRetry || (retryAfterMs !== undefined && (retryable || error.code === 'budget'));
  return {
    'x-should-retry': String(mayRetry),
    ...(isTold && {
      'retry-after': String(Math.ceil(wait / 1_000)),
      'retry-after-ms': String(Math.ceil(wait)),
    }),
  };
}

/** The body of an error as OpenAI's APIs send it, in an answer and in a stream. */
export function openaiErrorBody(error: SentError): {
  error: { message: string; type: string; param: string | null; code: string };
} {
  const { type, code } = wireError(error, 'openai');
  return { error: { message: error.message, type, param: error.field ?? null, code } };
}

const UNKNOWN: SentError = {
  ...new RequestError('middleware', 'The request could not be processed.').toJSON(),
  retryable: false,
};

/** The status of an error if it says the same as its code: that of a request that the server refuses itself, or that the provider does not accept. */
function ownStatus({ code, status }: ErrorJson): number | undefined {
  return status !== undefined && status >= 400 && status < 500 && codeOfStatus(status) === code
    ? status
    : undefined;
}

function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'authentication';
    case 402:
    case 403:
      return 'permission';
    case 404:
    case 410:
      return 'not_found';
    case 408:
    case 504:
      return 'timeout';
    case 409:
      return 'conflict';
    case 429:
      return 'rate_limited';
    case 499:
      return 'aborted';
    case 503:
    case 529:
      return 'overloaded';
    default:
      return status >= 500 ? 'server' : 'invalid_request';
  }
}

/** Words of the protocols that mean one code. Those with many meanings, such as `api_error`, are left to the status. */
const WORDS: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ...Object.entries(ROWS).flatMap(([code, row]): [string, ErrorCode][] =>
    isCode(code)
      ? [
          [code, code],
          [row[2], code],
        ]
      : [],
  ),
  ['insufficient_quota', 'rate_limited'],
  ['model_not_found', 'not_found'],
  ['rate_limit_error', 'rate_limited'],
  ['overloaded_error', 'overloaded'],
  ['authentication_error', 'authentication'],
  ['permission_error', 'permission'],
  ['billing_error', 'budget'],
  ['not_found_error', 'not_found'],
  ['request_too_large', 'invalid_request'],
]);

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ROWS, code);
}
