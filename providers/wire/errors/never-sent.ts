import { isSluiceError } from '../../../src/index.ts';

/**
 * Codes of errors that come before a connection is there: of Node's resolver and sockets, of undici, of TLS, of HTTP/2, and those that Bun has for a
 * connection that was refused.
 */
const NO_CONNECTION: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'UND_ERR_CONNECT_TIMEOUT',
  // The server said that it had not processed the request.
  'ERR_HTTP2_REFUSED_STREAM',
  'UND_ERR_PRX_TLS',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
  'ERR_INVALID_URL',
  'ConnectionRefused',
  'FailedToOpenSocket',
]);

/** Codes of the resolver and of certificates. */
const NO_CONNECTION_PATTERN =
  /^(?:EAI_|CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(?:GET|VERIFY|DECODE))/;

/** How many causes are followed. */
const MAX_CAUSES = 8;

/**
 * Whether a request failed before any of it was sent: there was no connection, or something here refused to send it. Then nobody bills it. An
 * error that does not say so counts as one of a request that went out.
 */
export function wasNeverSent(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < MAX_CAUSES; at = at.cause, depth++) {
    if (isSluiceError(at)) return at.status === undefined && isRefusal(at.code);
    if (hasNoConnection(at)) return true;
    // One error for each address of the host that was tried.
    if (at instanceof AggregateError && at.errors.length > 0) return at.errors.every(hasNoConnection);
  }
  return false;
}

function isRefusal(code: string): boolean {
  return code === 'shutting_down' || code === 'invalid_options' || code === 'invalid_request';
}

function hasNoConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('syscall' in error && error.syscall === 'connect') return true;
  if (!('code' in error) || typeof error.code !== 'string') return false;
  return NO_CONNECTION.has(error.code) || NO_CONNECTION_PATTERN.test(error.code);
}
