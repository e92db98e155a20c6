/**
 * Tickets and limits of callers that several server processes share, in Redis or Valkey.
 *
 * @module
 */
import * as z from 'zod';
import { parseOptions } from '../src/kit/index.ts';
import { clientSchema, prefixSchema, timeoutSchema } from '../stores/redis/shared.ts';
import type { RedisClient } from '../stores/redis/shared.ts';
import type { CallerCounter } from './callers/counter.ts';
import { RedisCounter } from './callers/redis/redis-counter.ts';
import { RedisTickets } from './callers/redis/redis-tickets.ts';
import type { TicketStore } from './callers/tickets.ts';

export type { RedisClient } from '../stores/redis/shared.ts';

/** Options of {@link redisCounter} and {@link redisTickets}. */
export interface RedisCallersOptions {
  /**
   * A client of `redis` (node-redis 5 or newer) or of `ioredis`, for a single server, for one behind Sentinel, or for a Cluster. The caller connects and closes it.
   */
  client: RedisClient;
  /** The prefix of all keys, without braces. Default: `sluice`. */
  prefix?: string | undefined;
  /** How long a call may take, in milliseconds, before it fails. Default: 5,000. */
  timeoutMs?: number | undefined;
}

const schema = z.strictObject({ client: clientSchema, prefix: prefixSchema, timeoutMs: timeoutSchema });

/**
 * Counts what callers use in Redis (6.2 or newer) or Valkey: the option `counter` of `createServer()`. All processes with the same server and prefix share the limits of a caller. Each
 * check is one script with its count. If the server cannot be reached, requests that start a turn are refused with the code `store` (503).
 *
 * Throws `invalid_options`.
 *
 * @example
 * const client = await createClient({ url: 'redis://localhost:6379' }).connect();
 * const server = createServer(pipeline, { auth, counter: redisCounter({ client }), tickets: redisTickets({ client }) });
 */
export function redisCounter(options: RedisCallersOptions): CallerCounter {
  return new RedisCounter(parseOptions('redisCounter()', schema, options));
}

/**
 * Keeps tickets in Redis (6.2 or newer) or Valkey: the option `tickets` of `createServer()`. A ticket that one process has issued is used at any other, once. Of a caller, what is plain
 * data is kept.
 *
 * Throws `invalid_options`.
 */
export function redisTickets(options: RedisCallersOptions): TicketStore {
  return new RedisTickets(parseOptions('redisTickets()', schema, options));
}
