import * as z from 'zod';
import type { ErrorCode, SluiceError } from '../../src/index.ts';
import { exponential, option, parseOptions } from '../../src/kit/index.ts';
import type { Backoff } from '../../src/kit/index.ts';
import type { RetryBudgetOptions } from './budget.ts';

/** What to do if an attempt fails after chunks of it were delivered. */
export type AfterContent = 'fail' | 'reset' | 'continue';

/** A retry that is about to happen. */
export interface RetryEvent {
  /** Id of the execution. */
  executionId: string;
  /** The number of the attempt that failed, from 1. */
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
  /**
   * The wait before each retry, unless the provider asks for one: `exponential({ ... })` or `constant(ms)` of `sluice/kit`, or a function from the
   * number of the retry, from 1, to milliseconds. Default: `exponential()`, a random part of 1 s, 2 s, 4 s, ... up to 30 s.
   */
  backoff?: Backoff;
  /**
   * Longest wait that a provider may ask for with `Retry-After`, in milliseconds. If it asks for more, the error is thrown at once. Default: 60,000.
   * Executions that are told to come back at the same moment come back one after the other, 55 to 100 ms apart.
   */
  maxRetryAfterMs?: number;
  /**
   * Which errors are retried: HTTP statuses and codes of `SluiceError`, or a function that decides. Default: errors that are `retryable`, but those of
   * a wait in a queue (`phase: 'queue'`).
   */
  retryOn?: readonly (number | ErrorCode)[] | ((error: SluiceError) => boolean);
  /**
   * How many retries the executions of a pipeline make together: a token bucket that successes refill. `false`: no limit. Default: a tenth of the
   * successful calls, and 5 (or `maxRetries` if that is more) without any.
   */
  budget?: RetryBudgetOptions | false;
  /**
   * What to do if an attempt fails after chunks of it were delivered, of any kind but what tools of the caller say. `fail`: the error is thrown. `reset`: a `reset` chunk says that
   * they are void, and a new attempt is made. `continue`: the model is asked to continue the partial text. Default: `fail`.
   */
  afterContent?: AfterContent;
  /** With `continue`: the message to the model after the partial text. */
  resumePrompt?: (partial: string) => string;
  /** Called before the wait of each retry. It is not waited for; what it throws becomes a warning. */
  onRetry?: (event: RetryEvent) => void;
}

const { functionOf } = option;
const status = z.int().min(100).max(599);

const schema = z
  .strictObject({
    maxRetries: option.count(0).default(3),
    backoff: functionOf<Backoff>().default(() => exponential()),
    maxRetryAfterMs: option.timerMs().default(60_000),
    retryOn: z
      .union(
        [z.array(z.union([status, option.errorCode()])), functionOf<(error: SluiceError) => boolean>()],
        'give a list of statuses and error codes, or a function',
      )
      .optional(),
    budget: z
      .union(
        [
          z.literal(false),
          z.strictObject({
            ratio: z.number().min(0).max(10).default(0.1),
            floor: option.count(0).optional(),
          }),
        ],
        'give { ratio, floor }, with a ratio from 0 to 10 and a whole floor, or false',
      )
      .default({ ratio: 0.1 }),
    afterContent: z.enum(['fail', 'reset', 'continue']).default('fail'),
    resumePrompt: functionOf<(partial: string) => string>().default(() => resumePrompt),
    onRetry: functionOf<(event: RetryEvent) => void>().optional(),
  })
  .refine(({ afterContent, resumePrompt: own }) => afterContent === 'continue' || own === resumePrompt, {
    path: ['resumePrompt'],
    message: 'only used with afterContent: "continue"',
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
