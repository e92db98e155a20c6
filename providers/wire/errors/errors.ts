import { isSluiceError, SluiceError, type ErrorCode, type ErrorDetails } from '../../../src/index.ts';
import { asRequestId, scrub } from '../../../src/kit/index.ts';
import { isHeaderReader, requestIdIn, type HeaderReader } from '../headers.ts';
import { errorLayers, messageIn, statusIn, codesIn } from './error-body.ts';
import { kindOfError, kindOfSocketError, type Kind } from './error-codes.ts';
import { isRecord, text } from '../json.ts';
import { quoted, safeCause } from './scrub.ts';
import { waitInBody, waitInHeaders } from './retry-after.ts';

/** Where an error body came from. */
export interface ErrorInfo {
  provider: string;
  status?: number | undefined;
  requestId?: string | undefined;
  /** Removed from the message. */
  secrets?: readonly string[] | undefined;
}

/** A response whose status is an error. `body` is parsed JSON, or text if it is not JSON. */
export interface FailedResponse {
  status: number;
  headers?: HeaderReader | undefined;
  body: unknown;
}

/** What is known in addition to the error itself. */
export interface ErrorContext {
  /** The code for an error that nothing is known about. Default: `protocol`. */
  fallback?: ErrorCode | undefined;
  requestId?: string | undefined;
}

/** How many causes are followed. */
const MAX_CAUSES = 8;

/**
 * Turns an error of an SDK or a socket into a `SluiceError`. It is classified by its status, by the codes in the body, and
 * by the socket codes along the chain of causes, never by a message. The provider's message is kept, without secrets and
 * cut to 300 characters.
 */
export function toSluiceError(
  error: unknown,
  provider: string,
  secrets: readonly string[],
  context: ErrorContext = {},
): SluiceError {
  const chain = causesOf(error);
  const own = chain.find(isSluiceError);
  if (own !== undefined) return withContext(own, provider, secrets, context.requestId);
  for (const at of chain) {
    const response = responseIn(at);
    if (response !== undefined) return statusError(response, { provider, secrets }, error);
  }
  const kind: Kind = kindOfChain(chain) ?? { code: context.fallback ?? 'protocol' };
  if (kind.code === 'aborted') return abortedBy(safeCause(error, secrets));
  return new SluiceError(kind.code, `${provider}: ${describe(chain, secrets)}`, {
    retryable: kind.retryable,
    phase: kind.phase,
    provider,
    requestId: asRequestId(context.requestId, secrets),
    cause: safeCause(error, secrets),
  });
}

/**
 * The response that an error was made from. SDKs put it on their errors; so do undici's `RetryAgent` and `responseError`
 * (`statusCode` and plain headers).
 */
function responseIn(error: unknown): FailedResponse | undefined {
  if (!isRecord(error) || !('headers' in error)) return undefined;
  const { status, statusCode, headers } = error;
  if (typeof status === 'number') {
    // SDKs put the status at the start of their message.
    const body = error['error'] ?? text(error['message'])?.replace(/^\d{3} /, '');
    return { status, headers: isHeaderReader(headers) ? headers : undefined, body };
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || !isRecord(headers)) return undefined;
  const body = error['body'] ?? text(error['message']);
  return { status: statusCode, headers: { get: (name) => text(headers[name]) ?? null }, body };
}

/** The error of a call that was aborted. Its cause is the reason that was given. */
export function abortedBy(reason: unknown): SluiceError {
  if (isSluiceError(reason) && reason.code === 'aborted') return reason;
  return new SluiceError('aborted', 'The call was aborted.', { cause: reason });
}

/** The error of a response whose status is not ok. A wait in the headers takes precedence over one in the body. */
export function statusError(
  response: FailedResponse,
  info: { provider: string; secrets?: readonly string[] },
  cause?: unknown,
): SluiceError {
  const { status, headers, body } = response;
  const secrets = info.secrets ?? [];
  const layers = errorLayers(body);
  const kind = kindOfError(codesIn(layers), status);
  const verdict = headers?.get('x-should-retry');
  const wait = headers === undefined ? undefined : waitInHeaders(headers);
  // A Retry-After of 0 does not name a time.
  const inBody = wait !== undefined && wait > 0 ? undefined : waitInBody(layers, messageIn(layers));
  return new SluiceError(kind.code, sentence(`${info.provider} answered ${status}`, layers, secrets), {
    retryable: verdict === 'true' ? true : verdict === 'false' ? false : kind.retryable,
    status,
    provider: info.provider,
    requestId: requestIdIn(headers, secrets) ?? requestIdOfBody(layers, secrets),
    retryAfterMs: inBody ?? wait,
    cause: cause === undefined ? undefined : safeCause(cause, secrets),
  });
}

/**
 * The error for what a provider sent in place of a reply (an error event after status 200, a body, a text). It is
 * classified by the codes, types and statuses in any of its fields, never by its message.
 */
export function errorFromBody(body: unknown, info: ErrorInfo): SluiceError {
  const { provider, secrets = [], requestId } = info;
  const layers = errorLayers(body);
  const status =
    statusIn(layers) ?? (info.status !== undefined && info.status >= 400 ? info.status : undefined);
  const kind = kindOfError(codesIn(layers), status);
  return new SluiceError(kind.code, sentence(`${provider} sent an error`, layers, secrets), {
    retryable: kind.retryable,
    status,
    provider,
    requestId: asRequestId(requestId, secrets) ?? requestIdOfBody(layers, secrets),
    retryAfterMs: waitInBody(layers, messageIn(layers)),
  });
}

function requestIdOfBody(
  layers: readonly Record<string, unknown>[],
  secrets: readonly string[],
): string | undefined {
  return layers.map((fields) => asRequestId(fields['request_id'], secrets)).find((id) => id !== undefined);
}

function sentence(
  what: string,
  layers: readonly Record<string, unknown>[],
  secrets: readonly string[],
): string {
  const [word] = codesIn(layers);
  const message = quoted(messageIn(layers), secrets);
  return `${what}${word === undefined ? '' : ` (${quoted(word, secrets)})`}${message === '' ? '.' : `: ${message}`}`;
}

/** The error and its causes, outermost first. */
function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let at = error; at !== undefined && at !== null && chain.length < MAX_CAUSES;) {
    chain.push(at);
    at = at instanceof Error ? at.cause : undefined;
  }
  return chain;
}

function kindOfChain(chain: readonly unknown[]): Kind | undefined {
  for (const at of chain) {
    const kind =
      at instanceof Error && 'code' in at && typeof at.code === 'string' && kindOfSocketError(at.code);
    if (kind) return kind;
  }
  let network: Kind | undefined;
  for (const at of chain) {
    const kind = at instanceof Error ? kindOfName(at) : undefined;
    // A cause may say more than that the connection failed.
    if (kind !== undefined && kind.code !== 'network') return kind;
    network ??= kind;
  }
  return network;
}

/** Classifies errors of SDKs and `fetch` that have no code. SDKs name their classes, but not always their errors. */
function kindOfName(error: Error): Kind | undefined {
  const names = [error.name, error.constructor.name];
  if (names.includes('APIConnectionTimeoutError') || names.includes('TimeoutError'))
    return { code: 'timeout', phase: 'first_chunk' };
  if (names.includes('APIUserAbortError') || names.includes('AbortError')) return { code: 'aborted' };
  if (names.includes('APIConnectionError')) return { code: 'network' };
  // The data is not HTTP. undici 8 has no code for most of these errors.
  if (names.includes('HTTPParserError')) return { code: 'protocol', retryable: false };
  // The two messages of Node's own fetch for a connection that failed or broke. It gives them no code.
  if (error instanceof TypeError && (error.message === 'terminated' || error.message === 'fetch failed')) {
    return { code: 'network' };
  }
  return undefined;
}

/** The innermost message says the most. The outer ones are "Connection error." and "fetch failed". */
function describe(chain: readonly unknown[], secrets: readonly string[]): string {
  const messages = chain.map((at) => (at instanceof Error ? at.message : typeof at === 'string' ? at : ''));
  const message = quoted(messages.findLast((one) => one !== '') ?? '', secrets);
  return message === '' ? 'the call failed.' : message;
}

/** A `SluiceError` with the provider's name and the request id, and without secrets. */
function withContext(
  error: SluiceError,
  provider: string,
  secrets: readonly string[],
  requestId: string | undefined,
): SluiceError {
  const message = scrub(error.message, secrets);
  const cause = error.cause === undefined ? undefined : safeCause(error.cause, secrets);
  const details: ErrorDetails = {
    ...detailsOf(error),
    provider: error.provider ?? provider,
    requestId: asRequestId(error.requestId, secrets) ?? asRequestId(requestId, secrets),
    cause,
  };
  const same = message === error.message && cause === error.cause && details.provider === error.provider;
  return same && details.requestId === error.requestId
    ? error
    : new SluiceError(error.code, message, details);
}

function detailsOf(error: SluiceError): ErrorDetails {
  const { retryable, status, requestId, retryAfterMs, attempts, phase, middleware, partial } = error;
  return { retryable, status, requestId, retryAfterMs, attempts, phase, middleware, partial };
}
