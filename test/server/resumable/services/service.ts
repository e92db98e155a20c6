import type { StateStore } from '../../../../src/index.ts';
import type { ChunkLog } from '../../../../server/index.ts';

/** A service for logs and sessions. Plain data, so that it can be passed to another process. */
export interface ServiceSpec {
  kind: 'redis';
  url: string;
  prefix: string;
}

/** A log and a store on a service, with connections of their own. */
export interface OpenService extends AsyncDisposable {
  readonly log: ChunkLog;
  readonly store: StateStore;
}

/** Opens a service. Loads only what that service needs, because processes that are killed start often. */
export async function openService(spec: ServiceSpec): Promise<OpenService> {
  return (await import('./open-redis.ts')).openRedis(spec);
}
