/**
 * The middleware that need no optional package. The others have entry points of their own: `sluice/middleware/cost`,
 * `sluice/middleware/rate-limit`.
 *
 * @module
 */
export { provider } from './provider.ts';
export { system } from './system.ts';
export type { SystemText } from './system.ts';
