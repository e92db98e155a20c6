import * as z from 'zod';
import { isRedisClient } from './client.ts';
import type { RedisClient } from './client.ts';

/** Options of `redisStore()`. */
export interface RedisStoreOptions {
  /**
   * A client of `redis` (node-redis 5 or newer) or of `ioredis`, for a single server, for one behind Sentinel, or for a Cluster. The caller connects
   * it, and closes it unless `own` is set.
   */
  client: RedisClient;
  /** Whether `close()` closes the client. Default: false. */
  own?: boolean | undefined;
  /** The prefix of all keys, without braces. Default: `sluice`. */
  prefix?: string | undefined;
  /** A session expires if it is not appended to, updated or leased for so many milliseconds. Default: never. */
  ttlMs?: number | undefined;
  /** How long a call may take, in milliseconds, with all the commands it needs, before it fails. Default: 5,000. */
  timeoutMs?: number | undefined;
}

/** A client of either kind. */
export const clientSchema = z.custom<RedisClient>(
  isRedisClient,
  'give a client of redis (node-redis 5 or newer) or of ioredis',
);

/** The prefix of keys. A brace would start a hash tag. */
export const prefixSchema = z
  .string()
  .regex(/^[^{}]{1,64}$/, 'give 1 to 64 characters, and no braces')
  .default('sluice');

/** How long a call may take. The maximum is that of a timer. */
export const timeoutSchema = z
  .number()
  .min(1)
  .max(2 ** 31 - 1)
  .default(5_000);

/** Checks the options and fills in the defaults. */
export const storeSchema = z.strictObject({
  client: clientSchema,
  own: z.boolean().default(false),
  prefix: prefixSchema,
  ttlMs: z.number().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  timeoutMs: timeoutSchema,
});

/** The options with their defaults. */
export type RedisStoreSettings = z.output<typeof storeSchema>;
