import { CodedError, isCodedError } from '../src/index.ts';
import type { ErrorCode } from '../src/index.ts';
import { isErrorCode } from '../src/kit/index.ts';
import { isRecord } from './wire.ts';
import type { WireError } from './wire.ts';

/** What is known of an error whose answer says nothing itself, such as that of a proxy. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'authentication',
  403: 'permission',
  404: 'not_found',
  408: 'timeout',
  409: 'conflict',
  429: 'rate_limited',
  503: 'overloaded',
  504: 'timeout',
};

/** The error that an answer stands for: the server's own one, or one by its status. */
export function errorOf(given: unknown, status?: number, retryAfter?: string | null): CodedError {
  const details = { status, retryAfterMs: waitOf(retryAfter) };
  if (isWireError(given)) return new CodedError(given.code, given.message, { ...details, ...given });
  const known = status ?? 500;
  const code = CODES[known] ?? (known < 500 ? 'invalid_request' : 'server');
  return new CodedError(code, `The server answered with status ${known}.`, details);
}

function isWireError(value: unknown): value is WireError {
  return isRecord(value) && isErrorCode(value['code']) && typeof value['message'] === 'string';
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function waitOf(header: string | null | undefined): number | undefined {
  if (!header) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** What was thrown, as a `SluiceError`. Anything else counts as a broken connection. */
export function errorOfThrown(thrown: unknown): CodedError {
  return isCodedError(thrown)
    ? thrown
    : new CodedError('network', 'The connection to the server failed.', { cause: thrown });
}

/** The error of what was ended on purpose. */
export function abortedBy(reason: unknown): CodedError {
  if (isCodedError(reason)) return reason;
  return new CodedError('aborted', 'The stream was ended before it was complete.', {
    cause: reason,
    reason: typeof reason === 'string' ? reason : undefined,
  });
}
