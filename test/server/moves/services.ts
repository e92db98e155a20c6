import { REDIS_URL, dropKeys, hasRedis, ioRedis, testPrefix } from '../../support/redis.ts';
import { hasPostgres, testDatabase } from '../../support/postgres.ts';
import { durableRedis } from '../../support/durable-redis.ts';
import { postgresServer } from '../../support/postgres-server.ts';
import { hasRedisServer } from '../../support/redis-servers.ts';
import type { ServiceSpec } from '../resumable/services/service.ts';

/** How the database of a service ends: as an operator ends it, or killed. */
export type Down = 'shut down' | 'killed';

/** A service that two servers share, and its end. */
export interface SharedService extends AsyncDisposable {
  spec: ServiceSpec;
  /** Ends its database and starts it again. Only of a service of {@link ownServices}. */
  restart?(this: void, down: Down): Promise<void>;
}

/** The services, by name. Each opens a part of its own. */
export const services: Readonly<Record<'redis' | 'postgres', () => Promise<SharedService>>> = {
  async redis() {
    const prefix = testPrefix();
    return {
      spec: { kind: 'redis', url: REDIS_URL, prefix },
      async [Symbol.asyncDispose]() {
        const admin = ioRedis();
        await dropKeys(admin, prefix);
        admin.disconnect();
      },
    };
  },
  async postgres() {
    const database = await testDatabase();
    return {
      spec: { kind: 'postgres', url: database.url },
      [Symbol.asyncDispose]: () => database.drop(),
    };
  },
};

/** The same on database servers of their own, which can be started again. Undefined: such a server cannot be started here. */
export const ownServices: Readonly<
  Record<keyof typeof services, () => Promise<Required<SharedService> | undefined>>
> = {
  async redis() {
    if (!hasRedisServer()) return undefined;
    const server = await durableRedis();
    return {
      spec: { kind: 'redis', url: server.url, prefix: 'moves' },
      async restart(down) {
        await (down === 'killed' ? server.kill() : server.shutDown());
        await server.start();
      },
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
  async postgres() {
    const server = await postgresServer();
    if (server === undefined) return undefined;
    return {
      spec: { kind: 'postgres', url: server.url },
      async restart(down) {
        await (down === 'killed' ? server.crash() : server.shutDown());
        await server.start();
      },
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
};

/** Whether a service can be reached. If not, prints a warning, or throws if services are required. */
export const isReached: Readonly<Record<keyof typeof services, () => Promise<boolean>>> = {
  redis: hasRedis,
  postgres: hasPostgres,
};
