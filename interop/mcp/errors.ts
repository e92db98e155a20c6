import type { ErrorCode } from '../../src/index.ts';
import { SluiceError, isSluiceError } from '../../src/index.ts';
import { scrub } from '../../src/kit/index.ts';
import { isRecord, shown } from './values.ts';

/** The longest text of an error of a server that is passed on. */
const MAX_CHARACTERS = 2_000;

/** Errors of OAuth that say that a person has to log in again, or that the client is not known. */
const LOGIN_CODES: ReadonlySet<unknown> = new Set([
  'invalid_grant',
  'invalid_client',
  'unauthorized_client',
  'invalid_token',
  'access_denied',
]);

/** Codes of the official client. They are the same in each copy of it. */
const CODES: Readonly<Partial<Record<string, ErrorCode>>> = {
  REQUEST_TIMEOUT: 'timeout',
  CONNECTION_CLOSED: 'network',
  NOT_CONNECTED: 'network',
  SEND_FAILED: 'network',
  CLIENT_HTTP_AUTHENTICATION: 'authentication',
  CLIENT_HTTP_FORBIDDEN: 'permission',
};

const STATUSES: Readonly<Partial<Record<number, ErrorCode>>> = {
  401: 'authentication',
  403: 'permission',
  404: 'not_found',
  429: 'rate_limited',
};

/** What went wrong with a server, as an error of ours. Texts of the server are cut and free of keys. */
export function mcpError(what: string, thrown: unknown): SluiceError {
  if (isSluiceError(thrown)) return thrown;
  const code = codeOf(thrown);
  const status = statusOf(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SluiceError(code, `${what}: ${scrub(shown(message, MAX_CHARACTERS))}`, {
    cause: thrown,
    retryable: false,
    ...(status !== undefined && { status }),
  });
}

/** The HTTP status of an error of the official client. */
function statusOf(thrown: unknown): number | undefined {
  if (!isRecord(thrown) || !isRecord(thrown['data'])) return undefined;
  const { status } = thrown['data'];
  return typeof status === 'number' ? status : undefined;
}

/** Whether the connection is gone: what was sent may have taken effect. */
export function isGone(thrown: unknown): boolean {
  return isRecord(thrown) && thrown['code'] === 'CONNECTION_CLOSED';
}

/** Whether a server has refused a request because it does not know the session any more. Some say so with 400. */
export function isLostSession(thrown: unknown): boolean {
  const status = statusOf(thrown);
  if (status === 404) return true;
  return status === 400 && isRecord(thrown) && /\bsession\b/i.test(String(thrown['message']));
}

function codeOf(thrown: unknown): ErrorCode {
  if (!isRecord(thrown)) return 'protocol';
  const { code, name } = thrown;
  if (name === 'UnauthorizedError' || LOGIN_CODES.has(code)) return 'authentication';
  if (name === 'InsufficientScopeError') return 'permission';
  const status = statusOf(thrown);
  const known = typeof code === 'string' ? CODES[code] : undefined;
  if (known !== undefined) return known;
  if (status !== undefined) return STATUSES[status] ?? (status >= 500 ? 'server' : 'protocol');
  // `fetch` throws a TypeError, and Node's own errors have codes such as ECONNRESET and ENOENT.
  const isOfSystem = typeof code === 'string' && /^(E[A-Z]+|UND_ERR_\w+)$/.test(code);
  if (thrown instanceof TypeError || isOfSystem) return 'network';
  const { cause } = thrown;
  return cause === undefined || cause === thrown ? 'protocol' : codeOf(cause);
}
