import type { StateStore } from '../../../../src/index.ts';
import type { ChunkLog } from '../../../../server/chunk-log.ts';

/** A service for logs and sessions. Plain data, so that it can be passed to another process. */
export type ServiceSpec = { kind: 'redis'; url: string; prefix: string } | { kind: 'postgres'; url: string };

/** A log and a store on a service, with connections of their own. */
export interface OpenService extends AsyncDisposable {
  readonly log: ChunkLog;
  readonly store: StateStore;
}

/** Opens a service. Loads only what that service needs, because processes that are killed start often. */
export async function openService(
  spec: ServiceSpec,
  options: { maxStreamBytes?: number } = {},
): Promise<OpenService> {
  if (spec.kind === 'redis') return (await import('./open-redis.ts')).openRedis(spec, options);
  return (await import('./open-postgres.ts')).openPostgres(spec, options);
}
