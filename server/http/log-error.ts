import { findSluiceError } from '../../src/index.ts';
import { scrub } from '../../src/kit/index.ts';
import { RequestError } from '../requests/request-error.ts';
import type { ServerContext, Service } from './service.ts';

/** Writes what went wrong to the server's own log, with the id that the client was told. What the request itself did wrong is not written. */
export function logError(c: ServerContext, { log, settings }: Service, thrown: unknown): void {
  if (thrown instanceof RequestError) return;
  log.error('request failed', {
    requestId: c.var.requestId,
    method: c.req.method,
    path: c.req.path,
    ...errorFields(thrown, settings.logContent),
  });
}

/** What a line of the log says about an error. Its message is content: it may quote a provider, and with it what users and models said. */
export function errorFields(thrown: unknown, logsContent: boolean): Record<string, unknown> {
  const { code, status, provider, requestId, middleware } = findSluiceError(thrown) ?? {};
  const known = { code, status, provider, providerRequestId: requestId, middleware };
  return {
    error: thrown instanceof Error ? thrown.name : 'something that is not an Error',
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
    ...(logsContent && thrown instanceof Error && { errorMessage: scrub(thrown.message) }),
  };
}
