import { Hono } from 'hono';
import { newId } from '../src/kit/index.ts';
import { agentFormat } from './formats/agent.ts';
import {
  authenticated,
  checkTarget,
  methodsOf,
  preflight,
  shareWithOrigins,
  wrongMethod,
} from './http/guards.ts';
import { logError } from './http/log-error.ts';
import { countAnswer } from './http/measured.ts';
import type { ServerOptions } from './http/options.ts';
import type { Pipelines } from './http/pipelines.ts';
import { answerError } from './http/respond.ts';
import { compatibleRoutes, formatOfPath } from './http/routes/compatible.ts';
import { uiMessageRoutes } from './http/routes/ui-message.ts';
import { agUiRoutes } from './http/routes/ag-ui.ts';
import { pageRoutes } from './http/routes/page.ts';
import { streamRoutes } from './http/routes/streams.ts';
import { agentRoutes } from './http/routes/agent.ts';
import { conversationRoutes } from './http/routes/conversations.ts';
import { healthRoutes, serviceRoutes } from './http/routes/service.ts';
import { socketRoutes } from './http/routes/socket.ts';
import { serviceOf } from './http/service.ts';
import type { ServerApp, ServerContext, ServerEnv, Service } from './http/service.ts';
import type { Listening, ListenOptions } from './node/listen.ts';
import { RequestError } from './requests/request-error.ts';
import { REQUEST_ID_HEADER } from './send/headers.ts';

/** A server of pipelines: a hono app, which runs wherever there is `fetch`, and a way to listen on Node. */
export interface SluiceServer {
  /** The app: mount it in another one with `app.route('/', server.app)`, or add routes of your own to it. */
  readonly app: ServerApp;
  /** Answers a request: for Workers, Deno, Bun and route handlers. */
  fetch(this: void, request: Request, env?: object): Response | Promise<Response>;
  /** Listens on Node, with WebSockets and a graceful end. Needs `@hono/node-server` and, for WebSockets, `ws`. */
  listen(this: void, options?: ListenOptions): Promise<Listening>;
  /** Takes no more turns, waits for those that run, and ends the rest after `timeoutMs` (default 10,000) with an error that says so. */
  close(this: void, options?: { timeoutMs?: number }): Promise<void>;
}

/**
 * Serves one pipeline, or several by name, over HTTP, server-sent events and WebSocket. The pipelines stay the caller's: closing the server ends its turns and leaves them open.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const server = createServer(pipeline, { auth: { tokens: { [token]: 'ada' } } });
 * await server.listen({ port: 3000 });
 */
export function createServer(pipelines: Pipelines, options: ServerOptions): SluiceServer {
  const service = serviceOf(pipelines, options);
  const app = appOf(service);
  const close = async ({ timeoutMs = 10_000 }: { timeoutMs?: number } = {}): Promise<void> => {
    service.isDraining = true;
    await service.turns.drained(timeoutMs);
  };
  return {
    app,
    fetch: (request, env) => app.fetch(request, env),
    async listen(listenOptions = {}) {
      const { listen } = await import('./node/listen.ts');
      return listen(app, service, listenOptions);
    },
    close,
  };
}

function appOf(service: Service): ServerApp {
  const app = new Hono<ServerEnv>();
  app.use(async (c, next) => {
    const started = performance.now();
    const requestId = newId();
    const headers: Record<string, string> = {};
    c.set('requestId', requestId);
    c.set('headers', headers);
    await next();
    countAnswer(c, service, started);
    if (c.get('sent') !== undefined) return;
    const answered = c.res.headers;
    answered.set(REQUEST_ID_HEADER, requestId);
    answered.set('x-content-type-options', 'nosniff');
    for (const [name, value] of Object.entries(headers)) answered.set(name, value);
  });
  // Before the check of the host: balancers know a server by its address, and the answers have nothing that another page could use.
  healthRoutes(app, service);
  // As few layers as there can be: hono keeps several promises and closures for each of them.
  app.use((c, next) => {
    checkTarget(c, service);
    shareWithOrigins(c, service);
    return c.req.method === 'OPTIONS' ? Promise.resolve(preflight(c, service)) : next();
  });
  const refused = (c: ServerContext, error: Error): Response =>
    answerError(c, formatOfPath(c.req.path, c.req.raw.headers) ?? agentFormat, error);
  const noRoute = (c: ServerContext): Response => {
    const methods = methodsOf(app, c.req.path);
    if (methods.length === 0)
      return refused(c, new RequestError('not_found', 'There is no such address.', { status: 404 }));
    c.get('headers')['allow'] = methods.join(', ');
    return refused(c, wrongMethod());
  };
  app.onError((error, c) => {
    logError(c, service, error);
    if (!(error instanceof RequestError)) return refused(c, error);
    if (error.status === 405) return noRoute(c);
    if (error.status === 401) c.get('headers')['www-authenticate'] = 'Bearer';
    return refused(c, error);
  });
  app.notFound(noRoute);
  const { basePath } = service.settings;
  for (const path of ['/ws', `${basePath}/*`, '/api/chat/*'])
    app.use(path, authenticated(service, { checksOrigin: true }));
  for (const path of ['/v1/*', '/api/ag-ui/*', '/metrics']) app.use(path, authenticated(service));
  if (service.settings.page) pageRoutes(app);
  serviceRoutes(app, service);
  agentRoutes(app, service);
  conversationRoutes(app, service);
  streamRoutes(app, service);
  compatibleRoutes(app, service);
  uiMessageRoutes(app, service);
  agUiRoutes(app, service);
  socketRoutes(app, service);
  return app;
}
