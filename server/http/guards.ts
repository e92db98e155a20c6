import type { MiddlewareHandler } from 'hono';
import { askedOf } from '../callers/asked-of.ts';
import { unauthorized } from '../callers/auth.ts';
import type { RequestsLeft } from '../callers/caller-limits.ts';
import { RequestError } from '../requests/request-error.ts';
import { MODEL_HEADER, REQUEST_ID_HEADER, STREAM_ID_HEADER } from '../send/headers.ts';
import type { ServerApp, ServerContext, ServerEnv, Service } from './service.ts';

type Guard = MiddlewareHandler<ServerEnv>;

/** Names under which clients like to put a token into a query, where logs and browsers would keep it. */
const TOKEN_PARAMETER = /^(?:(?:access[_-]?)?token|(?:x-)?(?:api[_-]?)?key|authorization|bearer)$/i;

/**
 * Finds out who calls, by a token or by a ticket; a request that does not say it is refused. `checksOrigin`: refuses pages of other origins first, for what a browser sends without
 * asking: GET streams, sockets, and a POST without a body. HEAD is refused: hono runs the handler of GET for it, which would begin or read a stream that nobody sees.
 */
export function authenticated(service: Service, { checksOrigin = false } = {}): Guard {
  return async (c, next) => {
    const { method } = c.req;
    if (method === 'HEAD') throw wrongMethod();
    if (checksOrigin) service.origins.checkOrigin(method, c.req.raw.headers);
    c.set('caller', await callerOf(c, service));
    return next();
  };
}

async function callerOf(c: ServerContext, service: Service): Promise<ServerEnv['Variables']['caller']> {
  const { check, tickets, settings } = service;
  const { request, ticket, mayHaveTicket } = credentialsOf(c);
  if (settings.auth === false) return check(request);
  if (ticket === undefined) return check(request);
  if (!mayHaveTicket) throw unauthorized();
  const caller = await askedOf('store of tickets', () => tickets.take(ticket));
  if (caller === undefined) throw unauthorized();
  return caller;
}

/** The error for a method that an address does not take. The answer names those that it takes. */
export function wrongMethod(): RequestError {
  return new RequestError('invalid_request', 'This address does not take this method.', { status: 405 });
}

/** Methods that routes have. */
const ROUTE_METHODS = ['GET', 'POST', 'DELETE'] as const;

/** The methods that an address takes. */
export function methodsOf(app: ServerApp, path: string): string[] {
  return ROUTE_METHODS.filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
}

/** A prefix of the subprotocols that carry a ticket or a token: a browser's WebSocket can send nothing else. */
const TICKET_PROTOCOL = 'sluice.ticket.';
const TOKEN_PROTOCOL = 'sluice.token.';

function credentialsOf(c: ServerContext): {
  request: Request;
  ticket: string | undefined;
  mayHaveTicket: boolean;
} {
  const request = c.req.raw;
  const isSocket = c.req.header('upgrade')?.toLowerCase() === 'websocket';
  // By text and not by a pattern, which would look for a comma again at each space of many.
  const asked = isSocket ? (c.req.header('sec-websocket-protocol') ?? '') : '';
  const protocols = asked.split(',').map((one) => one.trim());
  const token = protocols.find((one) => one.startsWith(TOKEN_PROTOCOL))?.slice(TOKEN_PROTOCOL.length);
  const ticket =
    protocols.find((one) => one.startsWith(TICKET_PROTOCOL))?.slice(TICKET_PROTOCOL.length) ??
    (request.url.includes('?') ? c.req.query('ticket') : undefined);
  return {
    request: token === undefined ? request : withToken(request, token),
    ticket,
    mayHaveTicket: c.req.method === 'GET',
  };
}

/** The request as if the token had come in its header. */
function withToken(request: Request, token: string): Request {
  const headers = new Headers(request.headers);
  headers.set('authorization', `Bearer ${decodedToken(token)}`);
  return new Request(request.url, { headers });
}

/** A subprotocol allows few characters: a token is sent in base64url. */
function decodedToken(encoded: string): string {
  try {
    return atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return '';
  }
}

/** Refuses a token in the query, and a host that is not the server's. It comes before anything but probes. */
export function checkTarget(c: ServerContext, { origins }: Service): void {
  origins.checkHost(c.req.raw);
  if (c.req.url.includes('?') && Object.keys(c.req.query()).some((name) => TOKEN_PARAMETER.test(name)))
    throw new RequestError('invalid_request', 'A token in the address is refused: send it in a header.');
}

/** Counts a request that starts a turn, and tells the caller what is left of its limit, also if that is reached. */
export function limited({ counts }: Service): Guard {
  return async (c, next) => {
    const place = await counts.begin(c.get('caller'), (left) => {
      Object.assign(c.get('headers'), limitHeaders(c.req.path, left));
    });
    c.set('place', place);
    try {
      await next();
    } finally {
      place.end();
    }
  };
}

/** What is left of a limit, in the words of the route's protocol. */
function limitHeaders(path: string, { limit, remaining, resetMs }: RequestsLeft): Record<string, string> {
  // The caller has no limit.
  if (limit === Number.POSITIVE_INFINITY) return {};
  if (path.startsWith('/v1/messages'))
    return {
      'anthropic-ratelimit-requests-limit': String(limit),
      'anthropic-ratelimit-requests-remaining': String(remaining),
      'anthropic-ratelimit-requests-reset': new Date(Date.now() + resetMs).toISOString(),
    };
  return {
    'x-ratelimit-limit-requests': String(limit),
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': `${Math.ceil(resetMs / 1_000)}s`,
  };
}

/** Methods and headers that pages of known origins may use. */
const METHODS = 'GET, POST, DELETE';
/** A list of names of headers. */
const HEADER_NAMES = /^[\w-]+(?:\s*,\s*[\w-]+)*$/;
const EXPOSED = [
  STREAM_ID_HEADER,
  REQUEST_ID_HEADER,
  MODEL_HEADER,
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'request-id',
  'anthropic-ratelimit-requests-limit',
  'anthropic-ratelimit-requests-remaining',
  'anthropic-ratelimit-requests-reset',
  'x-vercel-ai-ui-message-stream',
].join(', ');

/** Lets pages of known origins call, without cookies. Others get no permission, so that their browsers show them nothing. */
export function shareWithOrigins(c: ServerContext, { origins }: Service): void {
  const origin = c.req.header('origin');
  if (origin === undefined) return;
  const headers = c.get('headers');
  headers['vary'] = 'origin';
  if (!origins.knows(origin)) return;
  headers['access-control-allow-origin'] = origin;
  headers['access-control-expose-headers'] = EXPOSED;
}

/** Tells a browser which methods and headers a page may use. */
export function preflight(c: ServerContext, { origins }: Service): Response {
  const origin = c.req.header('origin');
  if (origin === undefined || !origins.knows(origin)) return new Response(null, { status: 204 });
  const asked = c.req.header('access-control-request-headers') ?? '';
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': METHODS,
      ...(HEADER_NAMES.test(asked) && { 'access-control-allow-headers': asked }),
      'access-control-max-age': '600',
    },
  });
}
