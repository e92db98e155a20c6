import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { isAlreadySent } from './respond.ts';
import type { ServerEnv, Service } from './service.ts';

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE', 'OPTIONS', 'HEAD']);

/** Counts requests by the template of their route, never by their path: clients make up paths. */
export function measured({ metrics }: Service): MiddlewareHandler<ServerEnv> {
  return createMiddleware<ServerEnv>(async (c, next) => {
    const started = performance.now();
    await next();
    const template = routePath(c, -1);
    // Only the middleware of all paths has matched: there is no such route.
    const route = template.endsWith('*') ? 'unknown' : template;
    const status = isAlreadySent(c.res) ? (c.var.directStatus ?? 200) : c.res.status;
    const method = METHODS.has(c.req.method) ? c.req.method : 'other';
    metrics.requests.add({ route, method, status: String(status) });
    metrics.requestSeconds.add({ route }, (performance.now() - started) / 1_000);
  });
}
