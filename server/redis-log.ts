/**
 * Streams that any process can resume, in Redis or Valkey.
 *
 * @module
 */
import * as z from 'zod';
import { option, parseOptions } from '../src/kit/index.ts';
import { clientSchema, prefixSchema, timeoutSchema } from '../stores/redis/shared.ts';
import type { RedisClient } from '../stores/redis/shared.ts';
import type { ChunkLog } from './log/chunk-log.ts';
import { RedisChunkLog } from './log/redis/redis-chunk-log.ts';
import { DEFAULT_STREAM_BYTES, DEFAULT_TTL_MS } from './log/retention.ts';

export type { RedisClient } from '../stores/redis/shared.ts';

/** Options of {@link redisLog}. */
export interface RedisLogOptions {
  /**
   * A client of `redis` (node-redis 5 or newer) or of `ioredis`, for a single server, for one behind Sentinel, or for a Cluster. The caller connects and closes it. The log makes a
   * second connection of it (`duplicate()`) when somebody waits for a stream, to receive hints, and closes that one itself.
   */
  client: RedisClient;
  /** The prefix of all keys and channels, without braces. Default: `sluice`. */
  prefix?: string | undefined;
  /** How long a stream is kept after its end, in milliseconds. Default: 300,000 (5 minutes). */
  ttlMs?: number | undefined;
  /** The maximum size of one stream, in bytes as stored. Its oldest chunks are dropped first. Default: 8 MiB. */
  maxStreamBytes?: number | undefined;
  /** How long a call may take, in milliseconds, with all the commands it needs, before it fails. Default: 5,000. */
  timeoutMs?: number | undefined;
  /** How long the owner of a stream waits between two appends, in milliseconds. It saves commands, and delays chunks. Default: 0. */
  coalesceMs?: number | undefined;
  /** How often waiters look for chunks and stops while hints cannot be received, in milliseconds. Default: 250. */
  pollMs?: number | undefined;
}

const schema = z.strictObject({
  client: clientSchema,
  prefix: prefixSchema,
  ttlMs: option.milliseconds().default(DEFAULT_TTL_MS),
  maxStreamBytes: option.count(1).default(DEFAULT_STREAM_BYTES),
  timeoutMs: timeoutSchema,
  coalesceMs: option.timerMs().default(0),
  pollMs: option.timerMs().min(1).default(250),
});

/**
 * Keeps streams in Redis (6.2 or newer) or Valkey: on a single server, behind Sentinel, or in a Cluster. Every process with the same server and prefix reads and stops the streams of
 * all others, and takes over those of a process that has died. Each append is one script, so it is kept completely or not at all.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const client = await createClient({ url: 'redis://localhost:6379' }).connect();
 * const log = redisLog({ client });
 */
export function redisLog(options: RedisLogOptions): ChunkLog {
  return new RedisChunkLog(parseOptions('redisLog()', schema, options));
}
