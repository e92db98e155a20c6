import * as z from 'zod';
import { isRedisClient } from './client.ts';
import type { RedisClient } from './client.ts';

/** Options of `redisStore()`. */
export interface RedisStoreOptions {
  /**
   * A client of `redis` (node-redis 5 or newer) or of `ioredis`, for a single server, for one behind Sentinel, or for a Cluster. It is the caller's,
   * who connects it, unless `own` is set.
   */
  client: RedisClient;
  /** Whether `close()` closes the client. Default: false. */
  own?: boolean | undefined;
  /** What the names of all keys begin with: no braces. Default: `sluice`. */
  prefix?: string | undefined;
  /** A session that is neither appended to, updated nor leased for so long is gone, in milliseconds. Default: none ever is. */
  ttlMs?: number | undefined;
  /** How long a call may take, in milliseconds, with all the commands it needs, before it fails. Default: 5,000. */
  timeoutMs?: number | undefined;
}

/** A client of either kind. */
export const clientSchema = z.custom<RedisClient>(
  isRedisClient,
  'give a client of redis (node-redis 5 or newer) or of ioredis',
);

/** What keys begin with: a brace would begin a hash tag. */
export const prefixSchema = z
  .string()
  .regex(/^[^{}]{1,64}$/, 'give 1 to 64 characters, and no braces')
  .default('sluice');

/** How long a call may take; the most is what a timer takes. */
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
