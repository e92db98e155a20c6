import { defineStore } from '../../src/index.ts';
import type { StateStore } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { RedisDriver } from './driver.ts';
import { faultOf } from './failures.ts';
import { storeSchema } from './options.ts';
import type { RedisStoreOptions } from './options.ts';

/**
 * Sessions in Redis or Valkey: on a single server, behind Sentinel, or in a Cluster. Each write is one script, so that it is there as a whole or not
 * at all. What Redis itself does not promise, of its files and of its replicas, is in `docs/stores/redis.md`.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const client = await createClient({ url: 'redis://localhost:6379' }).connect();
 * const pipeline = new Pipeline([provider(openai())], { store: redisStore({ client }) });
 */
export function redisStore(options: RedisStoreOptions): StateStore {
  const driver = new RedisDriver(parseOptions('redisStore()', storeSchema, options));
  return defineStore(driver, {
    name: 'redis',
    // Names of keys are encoded, and values may hold any byte.
    rawIds: true,
    fault: (error, doing) => faultOf('session store', error, doing),
  });
}
