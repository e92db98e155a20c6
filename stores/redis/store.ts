import { defineStore } from '../../src/index.ts';
import type { StateStore } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { RedisDriver } from './driver.ts';
import { faultOf } from './failures.ts';
import { storeSchema } from './options.ts';
import type { RedisStoreOptions } from './options.ts';

/**
 * Sessions in Redis or Valkey: on a single server, behind Sentinel, or in a Cluster. Each write is one script, so it is stored completely or not
 * at all. `docs/stores/redis.md` describes what Redis itself does not promise about its files and replicas.
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
    // Names of keys are encoded, and values can hold any byte.
    rawIds: true,
    fault: (error, doing) => faultOf('session store', error, doing),
  });
}
