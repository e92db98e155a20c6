import * as z from 'zod';
import { parseOptions } from '../../src/index.ts';
import type { ErrorCode, SluiceError } from '../../src/index.ts';

/** What to do when an attempt fails after chunks of it were delivered. */
export type AfterContent = 'fail' | 'reset' | 'continue';

/** A retry that is about to happen. */
export interface RetryEvent {
  /** Id of the execution. */
  executionId: string;
  /** Number of the attempt that failed, from 1. */
  attempt: number;
  /** What it failed with. */
  error: SluiceError;
  /** How long the retry waits before the next attempt, in milliseconds. */
  delayMs: number;
  /** Whether chunks of the failed attempt had been delivered. */
  afterContent: boolean;
}

/** Options of `retry()`. */
export interface RetryOptions {
  /** Attempts after the first one; 0: none. Default: 3. */
  maxRetries?: number;
  /** Wait before the first retry, in milliseconds. Default: 1,000. */
  initialDelayMs?: number;
  /** Longest wait that the back-off grows to, in milliseconds. Default: 30,000. */
  maxDelayMs?: number;
  /** By what the wait grows from retry to retry. Default: 2. */
  factor?: number;
  /** Waits a random part of the back-off ("full jitter"), so that many clients do not come back at once. Default: true. */
  jitter?: boolean;
  /** The randomness of the jitter, from 0 to below 1. Default: `Math.random`. */
  random?: () => number;
  /**
   * Longest wait that a provider may ask for with `Retry-After`, in milliseconds; when it asks for more, the error is thrown at once. Default: 60,000.
   */
  maxRetryAfterMs?: number;
  /**
   * Which errors are tried again: HTTP statuses and codes of `SluiceError`, or a function that decides. Default: the statuses 408, 409, 429, 500, 502, 503,
   * 504 and 529, and what has no such status but is a network failure, a timeout, a truncated answer, a rate limit, an overload or a
   * fault of the server.
   */
  retryOn?: readonly (number | ErrorCode)[] | ((error: SluiceError) => boolean);
  /**
   * Any chunk counts as content, thinking too. `fail`: the error is thrown. `reset`: a `reset` chunk voids what came, and a new attempt is made.
   * `continue`: the model is asked to go on from the partial text. Default: `fail`.
   */
  afterContent?: AfterContent;
  /** With `continue`: what the model is asked behind the partial text. */
  resumePrompt?: (partial: string) => string;
  /** With `reset`: makes a new attempt even when tools have run, which run again then. Default: false. */
  rerunTools?: boolean;
  /** Hears of each retry before its wait. What it throws becomes a warning. */
  onRetry?: (event: RetryEvent) => void;
}

const CODES: Record<ErrorCode, true> = {
  aborted: true,
  timeout: true,
  truncated: true,
  protocol: true,
  network: true,
  rate_limited: true,
  overloaded: true,
  server: true,
  authentication: true,
  permission: true,
  not_found: true,
  invalid_request: true,
  context_length: true,
  content_filter: true,
  invalid_options: true,
  middleware: true,
  shutting_down: true,
  queue_full: true,
  budget: true,
  guard: true,
  tool: true,
  output: true,
  session_busy: true,
  conflict: true,
  lease_lost: true,
  store: true,
};

const milliseconds = z.number().min(0).max(2_147_483_647);
const status = z.int().min(100).max(599);
const code = z.custom<ErrorCode>((value) => typeof value === 'string' && Object.hasOwn(CODES, value));
const functionOf = <F>(): z.ZodType<F> =>
  z.custom<F>((value) => typeof value === 'function', 'give a function');

const schema = z
  .strictObject({
    maxRetries: z.int().min(0).default(3),
    initialDelayMs: milliseconds.default(1_000),
    maxDelayMs: milliseconds.default(30_000),
    factor: z.number().min(1).max(100).default(2),
    jitter: z.boolean().default(true),
    random: functionOf<() => number>().default(() => Math.random),
    maxRetryAfterMs: milliseconds.default(60_000),
    retryOn: z
      .union(
        [z.array(z.union([status, code])), functionOf<(error: SluiceError) => boolean>()],
        'give a list of statuses and error codes, or a function',
      )
      .optional(),
    afterContent: z.enum(['fail', 'reset', 'continue']).default('fail'),
    resumePrompt: functionOf<(partial: string) => string>().default(() => resumePrompt),
    rerunTools: z.boolean().default(false),
    onRetry: functionOf<(event: RetryEvent) => void>().optional(),
  })
  .refine(({ afterContent, resumePrompt: own }) => afterContent === 'continue' || own === resumePrompt, {
    path: ['resumePrompt'],
    message: 'only used with afterContent: "continue"',
  })
  .refine(({ afterContent, rerunTools }) => afterContent === 'reset' || !rerunTools, {
    path: ['rerunTools'],
    message: 'only used with afterContent: "reset"',
  });

/** The options with their defaults. */
export type RetrySettings = z.output<typeof schema>;

/** Checks the options. Throws `invalid_options`. */
export function retrySettings(options: RetryOptions): RetrySettings {
  return parseOptions('retry()', schema, options);
}

function resumePrompt(): string {
  return (
    'Your last message was cut off by a failure of the connection. Go on exactly where it stopped, beginning with its last few words so that ' +
    'both parts can be joined. Write nothing else: no introduction, no apology, no repetition of what stands before.'
  );
}
