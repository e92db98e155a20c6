import { REDIS_URL, dropKeys, hasRedis, ioRedis, testPrefix } from '../../support/redis.ts';
import { hasPostgres, testDatabase } from '../../support/postgres.ts';
import type { ServiceSpec } from '../resumable/services/service.ts';

/** A service that two servers share, and its end. */
export interface SharedService extends AsyncDisposable {
  spec: ServiceSpec;
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

/** Whether a service can be reached. If not, prints a warning, or throws if services are required. */
export const isReached: Readonly<Record<keyof typeof services, () => Promise<boolean>>> = {
  redis: hasRedis,
  postgres: hasPostgres,
};
