/**
 * The middleware that need no optional package. The others have their own entry points: `sluice/middleware/context-window`,
 * `sluice/middleware/cost`, `sluice/middleware/rate-limit`.
 *
 * @module
 */
export { logging } from './logging.ts';
export type { LoggingOptions } from './logging.ts';
export { provider } from './provider.ts';
export { retry } from './retry.ts';
export type { AfterContent, RetryEvent, RetryOptions } from './retry.ts';
export { system } from './system.ts';
export type { SystemText } from './system.ts';
export { timeout } from './timeout.ts';
export type { TimeoutOptions } from './timeout.ts';
