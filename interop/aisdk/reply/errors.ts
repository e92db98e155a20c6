import { SluiceError, isSluiceError } from '../../../src/index.ts';
import type { ErrorCode } from '../../../src/index.ts';
import {
  errorFromBody,
  errorIn,
  isRecord,
  parsed,
  quoted,
  statusError,
  text,
  toSluiceError,
} from '../../../providers/wire/index.ts';
import type { HeaderReader } from '../../../providers/wire/index.ts';

/** What the errors of one call have in common. */
export interface ErrorScope {
  provider: string;
  /** Removed from every message. */
  secrets: readonly string[];
  requestId: string | undefined;
}

/** The errors of the AI SDK that are about the request or the reply, and not about a response of the service. Source: `@ai-sdk/provider`, `src/errors`. */
const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['AI_LoadAPIKeyError', 'authentication'],
  ['AI_LoadSettingError', 'invalid_options'],
  ['AI_InvalidArgumentError', 'invalid_request'],
  ['AI_InvalidPromptError', 'invalid_request'],
  ['AI_UnsupportedFunctionalityError', 'invalid_request'],
  ['AI_NoSuchProviderReferenceError', 'invalid_request'],
  ['AI_NoSuchModelError', 'not_found'],
  ['AI_EmptyResponseBodyError', 'truncated'],
  ['AI_NoContentGeneratedError', 'truncated'],
]);

/** Errors about data that is not what the package expects. They quote the data, so their messages are not shown. */
const MALFORMED: ReadonlyMap<string, string> = new Map([
  ['AI_JSONParseError', 'sent data that is not valid JSON'],
  ['AI_TypeValidationError', 'sent data that is not of the form that its package expects'],
  ['AI_InvalidResponseDataError', 'sent data that its package cannot use'],
]);

/**
 * Turns what a model threw or reported into a `SluiceError`. An `APICallError` is classified by its status and its body, like an error of our own
 * providers. What an error of the AI SDK holds besides (the request's body, which is the prompt) is in no error of ours.
 */
export function errorOf(thrown: unknown, scope: ErrorScope): SluiceError {
  const error = isSluiceError(thrown) ? thrown : named(thrown, scope);
  if (error.requestId !== undefined || scope.requestId === undefined) return error;
  const { provider, secrets, requestId } = scope;
  return toSluiceError(error, provider, secrets, { requestId });
}

function named(thrown: unknown, scope: ErrorScope): SluiceError {
  if (!(thrown instanceof Error) || isPlainFields(thrown)) return errorFromBody(thrown, scope);
  const { provider, secrets } = scope;
  if (hasMarker(thrown, 'AI_APICallError')) return callError(thrown, scope);
  const what = MALFORMED.get(thrown.name);
  if (what !== undefined) return malformed(thrown, what, scope);
  const code = CODES.get(thrown.name);
  if (code !== undefined) {
    return new SluiceError(code, `${provider}: ${quoted(thrown.message, secrets)}`, {
      provider,
      cause: bare(thrown, secrets),
    });
  }
  return toSluiceError(thrown, provider, secrets);
}

/** Whether an error is only the fields of an error event. */
function isPlainFields(error: Error): boolean {
  return error.name === 'Error' && 'type' in error && typeof error.type === 'string';
}

/** Whether an error is one of the AI SDK, made by any copy of its package. */
function hasMarker(error: Error, name: string): boolean {
  return Reflect.get(error, Symbol.for(`vercel.ai.error.${name}`)) === true;
}

/** The error of a response, or of a request that got none. */
function callError(error: Error, scope: ErrorScope): SluiceError {
  const { provider, secrets } = scope;
  const status: unknown = Reflect.get(error, 'statusCode');
  const body: unknown = parsedBody(Reflect.get(error, 'responseBody')) ?? Reflect.get(error, 'data');
  const headers = headerReader(Reflect.get(error, 'responseHeaders'));
  if (typeof status === 'number' && status >= 400) {
    return statusError(
      { status, headers, body: body ?? error.message },
      { provider, secrets },
      bare(error, secrets),
    );
  }
  // The connection broke, or could not be made: the cause says how.
  if (status === undefined || isNetwork(error.cause)) {
    return toSluiceError(error.cause ?? bare(error, secrets), provider, secrets, { fallback: 'network' });
  }
  if (errorIn(body) !== undefined) return errorFromBody(body, scope);
  return malformed(error, 'sent a response that is not an answer', scope);
}

function isNetwork(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  return cause.name === 'TypeError' || 'code' in cause || isNetwork(cause.cause);
}

/** The error for data that is not an answer; if the data holds an error of the service, that error. */
function malformed(error: Error, what: string, scope: ErrorScope): SluiceError {
  const { provider, secrets } = scope;
  const value: unknown =
    Reflect.get(error, 'value') ?? parsedBody(Reflect.get(error, 'text')) ?? Reflect.get(error, 'data');
  if (errorIn(value) !== undefined) return errorFromBody(value, scope);
  // The packages report a stream without a finish reason with this error, and without any data.
  const isEnd = error.name === 'AI_InvalidResponseDataError' && value === undefined;
  return new SluiceError(
    isEnd ? 'truncated' : 'protocol',
    `${provider} ${isEnd ? 'ended the reply before it was complete' : what}.`,
    {
      provider,
      cause: nameOnly(error, secrets),
    },
  );
}

function parsedBody(body: unknown): unknown {
  const content = text(body);
  return content === undefined || content.trim() === '' ? undefined : (parsed(content) ?? content);
}

/** Reads headers that are a plain object. */
export function headerReader(headers: unknown): HeaderReader | undefined {
  return isRecord(headers) ? { get: (name) => text(headers[name]) ?? null } : undefined;
}

/** An error's name and message, without what else it holds. */
function bare(error: Error, secrets: readonly string[]): Error {
  const copy = new Error(quoted(error.message, secrets));
  copy.name = error.name;
  copy.stack = `${copy.name}: ${copy.message}`;
  return copy;
}

function nameOnly(error: Error, secrets: readonly string[]): Error {
  return bare(
    Object.assign(new Error('its message is left out: it quotes the data'), { name: error.name }),
    secrets,
  );
}
