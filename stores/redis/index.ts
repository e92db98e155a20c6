/**
 * Sessions, and what is shared with other processes, in Redis or Valkey.
 *
 * @module
 */
export { redisStore } from './store.ts';
export { redisLedger } from './ledger.ts';
export type { RedisLedger, RedisLedgerOptions } from './ledger.ts';
export type { IoRedisClient, NodeRedisClient, RedisClient } from './client.ts';
export type { RedisStoreOptions } from './options.ts';
