import { isSluiceError, SluiceError, type ErrorCode, type ErrorDetails } from '../../../src/index.ts';
import { isHeaderReader, type HeaderReader } from '../headers.ts';
import { layersOf, saidIn, statusIn, wordsIn } from './error-body.ts';
import { kindOfError, kindOfSocketError, type Kind } from './error-codes.ts';
import { isRecord, text } from '../json.ts';
import { quoted, safeCause, scrub } from './scrub.ts';
import { waitInBody, waitInHeaders } from './retry-after.ts';

/** Where a provider's error object came from. */
export interface ErrorInfo {
  provider: string;
  status?: number | undefined;
  requestId?: string | undefined;
  /** Scrubbed from the message. */
  secrets?: readonly string[] | undefined;
}

/** An answer whose status is an error. `body` is parsed JSON, or text where it is none. */
export interface FailedAnswer {
  status: number;
  headers?: HeaderReader | undefined;
  body: unknown;
}

/** What is known beside the error itself. */
export interface ErrorContext {
  /** The code of what nothing is known of. Default `protocol`. */
  fallback?: ErrorCode | undefined;
  requestId?: string | undefined;
}

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 8;

/**
 * Whatever an SDK or a socket threw as a `SluiceError`: by status and by the body's own words, by the socket's code along the
 * chain of causes, never by a message's text. The provider's message is passed on, scrubbed and at most 300 characters long.
 */
export function toSluiceError(
  error: unknown,
  provider: string,
  secrets: readonly string[],
  context: ErrorContext = {},
): SluiceError {
  const chain = causesOf(error);
  const own = chain.find(isSluiceError);
  if (own !== undefined) return signed(own, provider, secrets, context.requestId);
  for (const at of chain) {
    const answer = answerIn(at);
    if (answer !== undefined) return statusError(answer, { provider, secrets }, error);
  }
  const kind: Kind = kindOfChain(chain) ?? { code: context.fallback ?? 'protocol' };
  if (kind.code === 'aborted') return abortedBy(safeCause(error, secrets));
  return new SluiceError(kind.code, `${provider}: ${describe(chain, secrets)}`, {
    retryable: kind.retryable,
    phase: kind.phase,
    provider,
    requestId: context.requestId,
    cause: safeCause(error, secrets),
  });
}

/** The answer that an error was made of: by an SDK, or (`statusCode`, plain headers) by undici's `RetryAgent` and `responseError`. */
function answerIn(error: unknown): FailedAnswer | undefined {
  if (!isRecord(error) || !('headers' in error)) return undefined;
  const { status, statusCode, headers } = error;
  if (typeof status === 'number') {
    // An SDK begins its own message with the status.
    const body = error['error'] ?? text(error['message'])?.replace(/^\d{3} /, '');
    return { status, headers: isHeaderReader(headers) ? headers : undefined, body };
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || !isRecord(headers)) return undefined;
  const body = error['body'] ?? text(error['message']);
  return { status: statusCode, headers: { get: (name) => text(headers[name]) ?? null }, body };
}

/** The error of a call that was ended on purpose; its cause is the reason given. */
export function abortedBy(reason: unknown): SluiceError {
  if (isSluiceError(reason) && reason.code === 'aborted') return reason;
  return new SluiceError('aborted', 'The call was aborted.', { cause: reason });
}

/** The error of an answer whose status is not ok. A wait that its headers tell wins over one in its body. */
export function statusError(
  answer: FailedAnswer,
  info: { provider: string; secrets?: readonly string[] },
  cause?: unknown,
): SluiceError {
  const { status, headers, body } = answer;
  const secrets = info.secrets ?? [];
  const layers = layersOf(body);
  const kind = kindOfError(wordsIn(layers), status);
  const verdict = headers?.get('x-should-retry');
  const wait = headers === undefined ? undefined : waitInHeaders(headers);
  // A Retry-After of 0 names no time.
  const inBody = wait !== undefined && wait > 0 ? undefined : waitInBody(layers, saidIn(layers));
  return new SluiceError(kind.code, sentence(`${info.provider} answered ${status}`, layers, secrets), {
    retryable: verdict === 'true' ? true : verdict === 'false' ? false : kind.retryable,
    status,
    provider: info.provider,
    requestId: headers?.get('x-request-id') ?? headers?.get('request-id') ?? requestIdIn(layers),
    retryAfterMs: inBody ?? wait,
    cause: cause === undefined ? undefined : safeCause(cause, secrets),
  });
}

/**
 * What a provider sent in place of an answer (an error event behind a 200, a body, a text) as a typed error, classified by its codes,
 * types and statuses in whatever field they stand, never by its message.
 */
export function errorFromBody(body: unknown, info: ErrorInfo): SluiceError {
  const { provider, secrets = [], requestId } = info;
  const layers = layersOf(body);
  const status =
    statusIn(layers) ?? (info.status !== undefined && info.status >= 400 ? info.status : undefined);
  const kind = kindOfError(wordsIn(layers), status);
  return new SluiceError(kind.code, sentence(`${provider} sent an error`, layers, secrets), {
    retryable: kind.retryable,
    status,
    provider,
    requestId: requestId ?? requestIdIn(layers),
    retryAfterMs: waitInBody(layers, saidIn(layers)),
  });
}

function requestIdIn(layers: readonly Record<string, unknown>[]): string | undefined {
  return layers.map((fields) => text(fields['request_id'])).find((id) => id !== undefined);
}

function sentence(
  what: string,
  layers: readonly Record<string, unknown>[],
  secrets: readonly string[],
): string {
  const [word] = wordsIn(layers);
  const message = quoted(saidIn(layers), secrets);
  return `${what}${word === undefined ? '' : ` (${quoted(word, secrets)})`}${message === '' ? '.' : `: ${message}`}`;
}

/** The error and what caused it, outermost first. */
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

/** What SDKs and `fetch` throw without a code. The SDKs name their classes, not always their errors. */
function kindOfName(error: Error): Kind | undefined {
  const names = [error.name, error.constructor.name];
  if (names.includes('APIConnectionTimeoutError') || names.includes('TimeoutError'))
    return { code: 'timeout', phase: 'first_chunk' };
  if (names.includes('APIUserAbortError') || names.includes('AbortError')) return { code: 'aborted' };
  if (names.includes('APIConnectionError')) return { code: 'network' };
  // What came is no HTTP; undici 8 has no code for most of it.
  if (names.includes('HTTPParserError')) return { code: 'protocol', retryable: false };
  // Node's own fetch, told to follow none: it would be answered the same again.
  if (error.message === 'unexpected redirect') return { code: 'protocol', retryable: false };
  // The two texts of Node's own fetch for a connection that failed or broke, which it gives no code.
  if (error instanceof TypeError && (error.message === 'terminated' || error.message === 'fetch failed')) {
    return { code: 'network' };
  }
  return undefined;
}

/** The innermost message says most: the outer ones are "Connection error." and "fetch failed". */
function describe(chain: readonly unknown[], secrets: readonly string[]): string {
  const messages = chain.map((at) => (at instanceof Error ? at.message : typeof at === 'string' ? at : ''));
  const message = quoted(messages.findLast((one) => one !== '') ?? '', secrets);
  return message === '' ? 'the call failed.' : message;
}

/** One of ours, with the provider's name and the request's id, and without secrets. */
function signed(
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
    requestId: error.requestId ?? requestId,
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
