import { matchedRoutes } from 'hono/route';
import type { ServerContext, Service } from './service.ts';

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE', 'OPTIONS', 'HEAD']);

/** Counts an answer, when all of it is written. `started`: when its request came, by `performance.now()`. A request is counted by the template of its route, never by its path: clients make up paths. */
export function countAnswer(c: ServerContext, { metrics }: Service, started: number): void {
  // If only middleware has matched, there is no such route. Middleware may come after a route, too.
  const route = matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'unknown';
  const method = METHODS.has(c.req.method) ? c.req.method : 'other';
  const count = (status: number): void => {
    metrics.requests.add(1, route, method, String(status));
    metrics.requestSeconds.add((performance.now() - started) / 1_000, route);
  };
  const sent = c.get('sent');
  if (sent === undefined) count(c.res.status);
  else void sent.then(count);
}
