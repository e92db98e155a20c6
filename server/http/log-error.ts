import { findSluiceError } from '../../src/index.ts';
import { scrub } from '../../src/kit/index.ts';
import { RequestError } from '../requests/request-error.ts';
import type { ServerContext, Service } from './service.ts';

/** Writes what went wrong to the server's own log, with the id that the client was told. What the request itself did wrong is not written. */
export function logError(c: ServerContext, { log }: Service, thrown: unknown): void {
  if (thrown instanceof RequestError) return;
  const error = findSluiceError(thrown);
  const message = thrown instanceof Error ? scrub(thrown.message) : 'something that is not an Error';
  log.error('request failed', {
    requestId: c.var.requestId,
    method: c.req.method,
    path: c.req.path,
    ...(error !== undefined && { code: error.code }),
    error: message,
  });
}
