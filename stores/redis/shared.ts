/**
 * What others need that keep something in Redis: scripts on a client of either library, with a deadline, and what the errors of a server mean. It is not published.
 *
 * @module
 */
export { clientSchema, prefixSchema, timeoutSchema } from './options.ts';
export type { RedisClient } from './client.ts';
export { UnknownFormError, faultOf } from './failures.ts';
export { PRELUDE } from './lua.ts';
export { Server, isCrossSlot, script } from './server.ts';
export type { Script, StoreCall } from './server.ts';
