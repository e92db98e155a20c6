import * as z from 'zod';
import { option } from './option.ts';
import { answerOf } from './thrown.ts';
import { parseOptions } from './parse-options.ts';

/**
 * How long to wait before a retry: takes the number of the retry, from 1, and returns milliseconds. {@link exponential} and {@link constant}
 * make the common ones; any function of this type will do.
 */
export type Backoff = (retry: number) => number;

/**
 * How chance changes a wait, so that many clients do not come back at once. `none`: not at all. `full`: anything from 0 to the wait. `equal`:
 * anything from half the wait to the wait. The names are those of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export type Jitter = 'none' | 'full' | 'equal';

/** Options of {@link constant}. */
export interface ConstantOptions {
  /** Default: `none`. */
  jitter?: Jitter;
  /** Source of the jitter: returns a number from 0 to below 1. Default: `Math.random`. */
  random?: () => number;
}

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** Wait before the first retry, in milliseconds. Default: 1,000. */
  initialMs?: number;
  /** Longest wait, in milliseconds. Default: 30,000. */
  maxMs?: number;
  /** By what the wait grows from retry to retry, from 1 to 100. Default: 2. */
  factor?: number;
  /** Default: `full`. */
  jitter?: Jitter;
  /** Source of the jitter: returns a number from 0 to below 1. Default: `Math.random`. */
  random?: () => number;
}

const jitter = z.enum(['none', 'full', 'equal']);
const random = option.functionOf<() => number>().default(() => Math.random);
const constantSchema = z.strictObject({
  ms: option.timerMs(),
  jitter: jitter.default('none'),
  random,
});
const exponentialSchema = z.strictObject({
  initialMs: option.timerMs().default(1_000),
  maxMs: option.timerMs().default(30_000),
  factor: z.number().min(1).max(100).default(2),
  jitter: jitter.default('full'),
  random,
});

/**
 * The same wait before every retry, in milliseconds. Throws `invalid_options`.
 *
 * @example
 * const poll = constant(500, { jitter: 'equal' });
 */
export function constant(ms: number, options: ConstantOptions = {}): Backoff {
  const settings = parseOptions('constant()', constantSchema, { ...options, ms });
  return () => jittered(settings.ms, settings);
}

/**
 * Waits that grow from retry to retry up to a limit. Throws `invalid_options`.
 *
 * @example
 * const backoff = exponential({ initialMs: 200, maxMs: 5_000, jitter: 'none' });
 * [1, 2, 3].map(backoff); // [200, 400, 800]
 */
export function exponential(options: ExponentialOptions = {}): Backoff {
  const settings = parseOptions('exponential()', exponentialSchema, options);
  const { initialMs, maxMs, factor } = settings;
  return (retry) => jittered(Math.min(initialMs * factor ** (retry - 1), maxMs), settings);
}

function jittered(ms: number, by: { jitter: Jitter; random: () => number }): number {
  if (by.jitter === 'none') return Math.round(ms);
  const fixedMs = by.jitter === 'equal' ? ms / 2 : 0;
  return Math.round(fixedMs + (ms - fixedMs) * answerOf('backoff: random', by.random, 'number'));
}
