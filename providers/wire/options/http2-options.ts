import * as z from 'zod';
import { environmentValue } from './environment.ts';

/** How the built-in transport uses HTTP/2. */
export interface Http2Options {
  /** How many requests share one connection. A connection that is lost takes no more than these with it. Default: 16. */
  streamsPerConnection?: number | undefined;
  /** How old a connection may be to get new requests, in milliseconds, at least 1,000. Running ones go on. Default: 300,000. */
  maxConnectionAgeMs?: number | undefined;
}

/** The options of HTTP/2 with their defaults. */
export interface Http2Settings {
  streamsPerConnection: number;
  maxConnectionAgeMs: number;
}

const fields = z.strictObject({
  streamsPerConnection: z.int().min(1).default(16),
  maxConnectionAgeMs: z.number().min(1_000).default(300_000),
});

/** Checks the option `http2`. */
export const http2Schema = z.union([z.boolean(), fields], 'give true, false, or an object with settings');

/** Values of the environment variable that turn HTTP/2 off. */
const OFF: ReadonlySet<string> = new Set(['0', 'false', 'off', 'no']);

/**
 * The settings of HTTP/2. Undefined if it is turned off, by the option or, for all providers, by `SLUICE_HTTP2=0` in the environment.
 */
export function http2Settings(given: boolean | Http2Options | undefined): Http2Settings | undefined {
  if (given === false || OFF.has(environmentValue('SLUICE_HTTP2')?.toLowerCase() ?? '')) return undefined;
  return fields.parse(typeof given === 'object' ? given : {});
}
